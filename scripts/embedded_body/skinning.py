"""Skinning weights: one joint per vertex by region, diffused over the surface with a width that suits the place."""

import numpy as np

from .relax import grid_average
from .skeleton import FLIP, JOINT
from .topology import Mesh

MAX_JOINTS = 4


def skinning_weights(mesh: Mesh, joints: np.ndarray, mirror: np.ndarray, steps: int = 24) -> np.ndarray:
    """Weights (v, 24), at most four joints per vertex, rows sum to one, mirror symmetric."""
    n = len(mesh.vertices)
    weights = np.zeros((n, 24))
    weights[np.arange(n), _hard_labels(mesh, joints)] = 1
    average = grid_average(mesh)
    squared = (mesh.vertices**2).sum(1)
    spread = average @ squared - 2 * (mesh.vertices * (average @ mesh.vertices)).sum(1) + squared
    rate = np.clip(_blend_width(mesh) ** 2 / spread / steps, 0, 0.9)[:, None]
    for _ in range(steps):
        weights = (1 - rate) * weights + rate * (average @ weights)
    weights = 0.5 * (weights + weights[mirror][:, FLIP])
    next_best = np.sort(weights, 1)[:, [-MAX_JOINTS - 1]]  # of a tie across the middle, both sides go
    weights = np.where((weights > next_best) & (weights > 1e-3), weights, 0)
    return weights / weights.sum(1, keepdims=True)


def _blend_width(mesh: Mesh) -> np.ndarray:
    """Half width of the blend between neighbouring joints in metres."""
    x, y = np.abs(mesh.vertices[:, 0]), mesh.vertices[:, 1]
    width = np.full(len(x), 0.050)
    width[mesh.region("head")] = 0.026
    leg, arm = mesh.region("leg"), mesh.region("arm")
    width[leg] = np.interp(y[leg], [0.03, 0.12, 0.40, 0.58, 0.75], [0.016, 0.020, 0.030, 0.034, 0.050])
    width[arm] = np.interp(
        x[arm], [0.20, 0.30, 0.40, 0.50, 0.64, 0.72, 0.80], [0.040, 0.030, 0.024, 0.024, 0.018, 0.014, 0.010]
    )
    width[mesh.region("finger")] = 0.006
    return width


def _hard_labels(mesh: Mesh, joints: np.ndarray) -> np.ndarray:
    """The joint that would move each vertex of a puppet without soft parts."""
    x, y, z = np.abs(mesh.vertices[:, 0]), mesh.vertices[:, 1], mesh.vertices[:, 2]
    right = (mesh.vertices[:, 0] < 0).astype(int)
    torso, head, leg = mesh.region("torso"), mesh.region("head"), mesh.region("leg")
    labels = np.full(len(x), JOINT["pelvis"])

    def height(name: str) -> float:
        return joints[JOINT[name], 1]

    def assign(mask: np.ndarray, name: str) -> None:
        labels[mask] = JOINT[f"left_{name}"] + right[mask] if f"left_{name}" in JOINT else JOINT[name]

    assign(torso & (y > height("spine1") - 0.045), "spine1")
    assign(torso & (y > height("spine2") - 0.055), "spine2")
    assign(torso & (y > height("spine3") - 0.015), "spine3")
    assign(torso & (y > 1.27) & (x > 0.075) & (y > 1.27 + (0.165 - x) * 0.9), "collar")
    assign((torso & (y > 1.458 - 0.1 * (z + 0.02))) | head, "neck")
    assign(head & (y > 1.537 - 0.42 * z), "head")

    hip_x, hip_y, _ = joints[JOINT["left_hip"]]
    groin = (leg | torso) & (y < hip_y + 0.045) & (y - hip_y < 0.85 * (x - hip_x) + 0.012)
    assign(groin | (leg & (y < hip_y - 0.075)), "hip")  # the inner thigh always belongs to the leg
    assign(leg & (y < height("left_knee")), "knee")
    ankle_y, ankle_z = joints[JOINT["left_ankle"], 1:]
    assign(leg & (y < ankle_y + 0.012 + 0.35 * np.maximum(z - ankle_z, 0)) & (y < 0.14), "ankle")
    assign(leg & (y < 0.12) & (z > joints[JOINT["left_foot"], 2]), "foot")

    shoulder_x = joints[JOINT["left_shoulder"], 0]
    arm = mesh.region("arm", "finger") | (torso & (x > shoulder_x) & (y > 1.28))
    assign(arm, "collar")
    assign(arm & (x > shoulder_x + 0.012), "shoulder")
    assign(arm & (x > joints[JOINT["left_elbow"], 0]), "elbow")
    assign(arm & (x > joints[JOINT["left_wrist"], 0]), "wrist")
    assign(arm & (x > joints[JOINT["left_hand"], 0] + 0.012) | mesh.region("finger"), "hand")
    return labels
