"""Sparse non-negative regressors: joints as weighted means of vertices."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from .skeleton import JOINT


@dataclass(frozen=True)
class SkinnedBody:
    """What a regressor is fitted to."""

    vertices: np.ndarray  # (v, 3)
    shapes: np.ndarray  # (v, 3, 10)
    weights: np.ndarray  # (v, 24)


@dataclass(frozen=True)
class Landmark:
    """A place in the rest pose and how it moves with the ten betas."""

    place: np.ndarray  # (3,)
    shape: np.ndarray  # (3, 10)


def regress(body: SkinnedBody, landmark: Landmark, follow_pose: bool, candidates: int = 900) -> np.ndarray:
    """Weights (v,) >= 0 that sum to one and reproduce the landmark in every shape.

    With `follow_pose`, the vertices that each joint moves must by themselves balance about the landmark
    (sum_v r_v W_vb (v - x) = 0 for every joint b): then the regressed point follows the bones in posed bodies too.
    """
    nearest = np.argsort(np.linalg.norm(body.vertices - landmark.place, axis=1), kind="stable")[:candidates]
    offset = body.vertices[nearest] - landmark.place
    rows = [3 * offset.T, 3 * (body.shapes[nearest] - landmark.shape).reshape(len(nearest), -1).T]
    if follow_pose:
        weights = body.weights[nearest]
        rows += [2 * (weights[:, b : b + 1] * offset).T for b in np.flatnonzero(weights.max(0) > 1e-3)]
    rows += [1e-3 * np.eye(len(nearest)), np.ones((1, len(nearest)))]
    system = np.concatenate(rows)
    target = np.zeros(len(system))
    target[-1] = 1
    solution, _ = nnls(system, target, maxiter=20000)
    result = np.zeros(len(body.vertices))
    result[nearest] = solution / solution.sum()
    return result


def joint_landmarks(joints: np.ndarray, joint_shapes: np.ndarray) -> list[Landmark]:
    """SMPL's own joints."""
    return [Landmark(place, shape) for place, shape in zip(joints, joint_shapes, strict=True)]


def named_landmarks(body: SkinnedBody, joints: np.ndarray, joint_shapes: np.ndarray) -> dict[str, Landmark]:
    """Every joint of the Human3.6M and extra sets that is not simply an SMPL joint, by name."""

    def between(first: str, second: str, t: float) -> Landmark:
        a, b = JOINT[first], JOINT[second]
        return Landmark((1 - t) * joints[a] + t * joints[b], (1 - t) * joint_shapes[a] + t * joint_shapes[b])

    def within(x: float, y: float, z: float) -> Landmark:
        """A point inside the head moves with the surface around it."""
        place = np.array([x, y, z])
        share = np.exp(-((body.vertices - place) ** 2).sum(1) / (2 * 0.04**2))
        return Landmark(place, np.einsum("v,vck->ck", share / share.sum(), body.shapes))

    def hip(side: str, outwards: float) -> Landmark:
        """Annotators see the hip a little lower and further out than SMPL's joint lies."""
        joint = JOINT[f"{side}_hip"]
        return Landmark(joints[joint] + [outwards, -0.012, 0], joint_shapes[joint])

    left, right = hip("left", 0.016), hip("right", -0.016)
    middle = Landmark(0.5 * (left.place + right.place) + [0, 0.03, 0], 0.5 * (left.shape + right.shape))
    neck, crown = between("spine3", "neck", 0.92), within(0, 1.700, 0)
    landmarks = {
        "left_hip": left,
        "right_hip": right,
        "pelvis": middle,
        "spine": between("spine2", "spine2", 0),
        "neck": neck,
        "jaw": within(0, 1.560, 0.045),
        "head_top": crown,
        "left_hip_lsp": left,
        "right_hip_lsp": right,
        "neck_lsp": neck,
        "head_top_lsp": within(0, 1.722, 0),
        "pelvis_mpii": middle,
        "thorax_mpii": between("spine3", "neck", 0.80),
        "spine_h36m": between("spine2", "spine2", 0),
        "jaw_h36m": within(0, 1.560, 0.045),
        "head_h36m": crown,
    }
    for side in ("left", "right"):
        for name in ("knee", "ankle", "shoulder", "elbow", "wrist"):
            landmarks[f"{side}_{name}"] = between(f"{side}_{name}", f"{side}_{name}", 0)
    return landmarks
