"""Pose blend shapes: what linear skinning loses at a bent joint, read off the analytic surface bent the same way.

For one axis a of a joint, R - I = sin(t) K + (1 - cos(t)) K^2; two displacement fields per axis are fitted to several
angles and written into the nine columns of the joint so that rotations about the other axes leave them alone.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.spatial.transform import Rotation

from . import surface
from .skeleton import FLIP, JOINT, MIRROR, subtree

REACH = 0.16  # metres from the joint over which a corrective fades
LIMIT = 0.035  # metres a vertex may move
STRENGTH = 0.85
SMOOTHING = 3

_LEG = ("thigh", "shank", "foot")
_ARM = ("upper_arm", "forearm", "hand")


@dataclass(frozen=True)
class Bend:
    """Angles in degrees about one coordinate axis of a left joint, and the parts of the surface that turn with it."""

    joint: str
    axis: int
    degrees: tuple[float, ...]
    parts: tuple[str, ...]


BENDS = (
    Bend("hip", 0, (-105, -75, -40, 25), _LEG),
    Bend("hip", 2, (-12, 25, 45), _LEG),
    Bend("knee", 0, (120, 90, 50), _LEG[1:]),
    Bend("shoulder", 2, (-80, -45, 40, 70), _ARM),
    Bend("shoulder", 1, (-80, -40, 35), _ARM),
    Bend("elbow", 1, (-125, -90, -50), _ARM[1:]),
)


def pose_directions(vertices: np.ndarray, weights: np.ndarray, joints: np.ndarray, mirror: np.ndarray,
                    average: sp.csr_matrix) -> np.ndarray:  # fmt: skip
    """Pose blend shapes (v, 3, 207) in metres per unit of (R - I)."""
    directions = np.zeros((len(vertices), 3, 23, 3, 3))
    for bend in BENDS:
        sine, cosine = _fit(bend, vertices, weights, joints, average)
        left, right = JOINT[f"left_{bend.joint}"], JOINT[f"right_{bend.joint}"]
        columns = np.zeros((len(vertices), 3, 3, 3))
        a, b, c = bend.axis, (bend.axis + 1) % 3, (bend.axis + 2) % 3
        columns[:, :, c, b], columns[:, :, b, c] = 0.5 * sine, -0.5 * sine
        columns[:, :, a, a] = 0.5 * cosine
        columns[:, :, b, b] = columns[:, :, c, c] = -0.5 * cosine
        directions[:, :, left - 1] += columns
        signs = MIRROR[:, None] * MIRROR
        directions[:, :, right - 1] += columns[mirror] * MIRROR[None, :, None, None] * signs
    return directions.reshape(len(vertices), 3, 207)


def _fit(bend: Bend, vertices: np.ndarray, weights: np.ndarray, joints: np.ndarray,
         average: sp.csr_matrix) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Displacement fields of sin(t) and 1 - cos(t)."""
    angles = np.radians(bend.degrees)
    features = np.stack([np.sin(angles), 1 - np.cos(angles)], 1)
    wanted = np.stack([_missing(bend, angle, vertices, weights, joints, average) for angle in angles])
    ridge = 0.02 * np.eye(2)
    solution = np.linalg.solve(features.T @ features + ridge, np.einsum("ak,avc->kvc", features, wanted).reshape(2, -1))
    sine, cosine = solution.reshape(2, -1, 3)
    return sine, cosine


def _missing(bend: Bend, angle: float, vertices: np.ndarray, weights: np.ndarray, joints: np.ndarray,
             average: sp.csr_matrix) -> np.ndarray:  # fmt: skip
    """What has to be added in the rest frame so that the skinned body lies on the bent surface, left side only."""
    left = JOINT[f"left_{bend.joint}"]
    rotation = Rotation.from_rotvec(angle * np.eye(3)[bend.axis]).as_matrix()
    centre = joints[left]
    members = weights[:, subtree(left)].sum(1)
    other = weights[:, [FLIP[j] for j in subtree(left)]].sum(1)
    share = np.where(members + other > 0, members / np.maximum(members + other, 1e-9), vertices[:, 0] > 0)

    def back(part: str, points: np.ndarray) -> np.ndarray:
        return (points - centre) @ rotation + centre if part in bend.parts else points

    # both sides bend at once: the surface is defined for x >= 0 and mirrored
    flipped = rotation * (MIRROR[:, None] * MIRROR)
    linear = np.eye(3) + members[:, None, None] * (rotation - np.eye(3)) + other[:, None, None] * (flipped - np.eye(3))
    turned = vertices + members[:, None] * ((vertices - centre) @ (rotation - np.eye(3)).T)
    turned += other[:, None] * ((vertices - centre * MIRROR) @ (flipped - np.eye(3)).T)
    near = np.exp(-((np.linalg.norm(vertices - centre, axis=1) / REACH) ** 4))
    active = (near * share > 0.01) & (vertices[:, 0] > -0.02)
    moved = np.zeros_like(vertices)
    moved[active] = surface.project(lambda p: surface.body(p, back), turned[active], rounds=4) - turned[active]
    length = np.linalg.norm(moved, axis=1, keepdims=True)
    moved *= np.minimum(1, LIMIT / np.maximum(length, 1e-9)) * (near * share)[:, None] * STRENGTH
    for _ in range(SMOOTHING):
        moved = 0.5 * (moved + average @ moved)
    return np.linalg.solve(linear + 1e-3 * np.eye(3), moved[..., None])[..., 0]
