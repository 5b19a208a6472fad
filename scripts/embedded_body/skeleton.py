"""Rest skeleton from published segment proportions (Drillis & Contini 1966; Winter), stature 1.73 m, T-pose."""

import numpy as np

from rscnet.joints import SMPL_24, SMPL_24_FLIP, SMPL_PARENTS

FLOOR_TO_ORIGIN = 1.17  # the floor lies at y = -1.17 in the finished file, so the pelvis is near y = -0.22 as in SMPL
JOINT = {name: i for i, name in enumerate(SMPL_24)}
PARENTS = SMPL_PARENTS
FLIP = SMPL_24_FLIP
MIRROR = np.array([-1.0, 1.0, 1.0])

_CENTRE = {
    "pelvis": (0, 0.945, 0.015),
    "spine1": (0, 1.050, -0.005),
    "spine2": (0, 1.180, -0.008),
    "spine3": (0, 1.240, 0.004),
    "neck": (0, 1.450, -0.022),
    "head": (0, 1.530, 0.012),
}
_LEFT = {
    "hip": (0.072, 0.870, 0.012),
    "knee": (0.100, 0.490, 0.006),
    "ankle": (0.092, 0.080, -0.030),
    "foot": (0.108, 0.030, 0.088),
    "collar": (0.075, 1.375, -0.010),
    "shoulder": (0.170, 1.390, -0.020),
    "elbow": (0.435, 1.390, -0.028),
    "wrist": (0.690, 1.390, -0.026),
    "hand": (0.775, 1.386, -0.024),
}


def rest_joints() -> np.ndarray:
    """The 24 joints of the rest pose, (24, 3)."""
    joints = np.zeros((24, 3))
    for name, place in _CENTRE.items():
        joints[JOINT[name]] = place
    for name, place in _LEFT.items():
        joints[JOINT[f"left_{name}"]] = place
        joints[JOINT[f"right_{name}"]] = place * MIRROR
    return joints


def subtree(joint: int) -> list[int]:
    """A joint and all joints that move with it."""
    return [joint] + [j for child, parent in enumerate(PARENTS) if parent == joint for j in subtree(child)]


def bone_axes(joints: np.ndarray) -> np.ndarray:
    """Unit direction of the bone that starts at each joint, (24, 3)."""
    ends = joints + np.array([0, 0.1, 0])  # pelvis and head point upwards
    for joint in range(24):
        children = [c for c, parent in enumerate(PARENTS) if parent == joint]
        if len(children) == 1:
            ends[joint] = joints[children[0]]
    ends[JOINT["spine3"]] = joints[JOINT["neck"]]
    for side, sign in (("left", 1), ("right", -1)):
        ends[JOINT[f"{side}_foot"]] = joints[JOINT[f"{side}_foot"]] + [0, 0, 0.1]
        ends[JOINT[f"{side}_hand"]] = joints[JOINT[f"{side}_hand"]] + [0.1 * sign, 0, 0]
    axes = ends - joints
    return axes / np.linalg.norm(axes, axis=1, keepdims=True)
