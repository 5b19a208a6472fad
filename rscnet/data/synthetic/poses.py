"""Random natural poses: library combinations with limbs mixed, noise within joint limits, and bodies kept apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from rscnet.data.synthetic.pose_library import (
    ARMS,
    COMBINATIONS,
    EVERYDAY,
    HELD_OUT,
    LEGS,
    LIMITS,
    SPREAD,
    TORSOS,
    Combination,
)
from rscnet.errors import UserError
from rscnet.joints import SMPL_24, SMPL_24_FLIP, SMPL_PARENTS

Degrees = Float[np.ndarray, "24 3"]

MIRROR = np.array([1.0, -1.0, -1.0])
JOINT = {name: i for i, name in enumerate(SMPL_24)}
TORSO = ("spine1", "spine2", "spine3", "neck", "head")
GROUPS = {
    "legs": [JOINT[f"{side}_{name}"] for side in ("left", "right") for name in ("hip", "knee", "ankle", "foot")],
    "left_arm": [JOINT[f"left_{name}"] for name in ("collar", "shoulder", "elbow", "wrist", "hand")],
    "right_arm": [JOINT[f"right_{name}"] for name in ("collar", "shoulder", "elbow", "wrist", "hand")],
    "torso": [JOINT[name] for name in TORSO],
}
FREE = "free"  # in place of a library entry
LIMBS = [GROUPS["legs"][:4], GROUPS["legs"][4:], GROUPS["left_arm"], GROUPS["right_arm"], GROUPS["torso"]]
GIRDLE_SHARE = 0.3  # of a raised arm's elevation comes from the collar bone
LOWERED_GIRDLE_SHARE = 0.12  # of a lowered arm's
TILT_SPREAD = 5.0  # degrees of noise on the pelvis' lean
NECK_SHARE = 0.4  # of a turn of the head comes from the neck
GAZE = np.array([25.0, 75.0, 0.0])  # degrees that a head may turn down or up, and aside
# Parts that must stay apart, as capsules around bones: radius in metres about the segment between two joints.
TRUNK_RADIUS, HEAD_RADIUS, THIGH_RADIUS = 0.105, 0.10, 0.06
ATTEMPTS = 12


@dataclass(frozen=True)
class NaturalPose:
    """Axis-angle of 24 joints (the root holds only the pelvis' lean) and the library entries it is made of."""

    axis_angle: Float[np.ndarray, "24 3"]
    combination: tuple[str, str, str, str]


def check_shares(**shares: float) -> None:
    """Raises a UserError for a share of the pictures that is not from 0 to 1."""
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise UserError(f"synthetic people: {name} is a share of the pictures, expected 0 to 1, got {share}")


@dataclass(frozen=True)
class PoseMix:
    """How poses are drawn: settings of `sample_pose`.

    Args:
        pose_noise: scale of the angular noise (1: `SPREAD`).
        limb_mixing: probability that limbs are taken from, or blended with, a second pose.
        everyday: probability that a pose is drawn from `EVERYDAY` instead of the split's own rows; of training alone.
        gaze: probability that the head is turned anywhere within its reach, as to a camera or a ball.
        free_limbs: probability that each limb goes its own way, from a row of its own to anywhere within its reach.

    Raises:
        UserError: a share that is none, or less than no noise.
    """

    pose_noise: float = 1.0
    limb_mixing: float = 0.5
    everyday: float = 0.0
    gaze: float = 0.0
    free_limbs: float = 0.0

    def __post_init__(self) -> None:
        check_shares(**{name: share for name, share in vars(self).items() if name != "pose_noise"})
        if self.pose_noise < 0:
            raise UserError(f"synthetic people: pose_noise: expected 0 or more, got {self.pose_noise}")

    def settings(self) -> dict[str, float]:
        """What keys a cache: those that came later only where they are on, so that caches from before stay valid."""
        always = ("pose_noise", "limb_mixing")
        return {name: float(value) for name, value in vars(self).items() if name in always or value}


LIBRARY_MIX = PoseMix()  # as validation and test people are drawn


def combinations(split: str) -> list[Combination]:
    """The library rows of a split: "train", "val" or "test". No row belongs to two splits."""
    held_out = {row for rows in HELD_OUT.values() for row in rows}
    rows = HELD_OUT[split] if split in HELD_OUT else [i for i in range(len(COMBINATIONS)) if i not in held_out]
    return [COMBINATIONS[i] for i in rows]


def library() -> tuple[list[str], Float[np.ndarray, "k 24 3"]]:
    """Names and axis-angles of all combinations, unmirrored and without noise."""
    names = ["/".join(row[:4]) for row in COMBINATIONS]
    return names, np.stack([to_axis_angle(euler_angles(row)) for row in COMBINATIONS])


def to_axis_angle(euler: Degrees) -> Float[np.ndarray, "24 3"]:
    """Radians; Euler angles are applied x, then y, then z about fixed axes."""
    return Rotation.from_euler("xyz", euler, degrees=True).as_rotvec()


def euler_angles(row: Combination) -> Degrees:
    """The pose of a library row in degrees."""
    euler = np.zeros((24, 3))
    euler[0, 0] = row.tilt
    for side, sign, leg, arm in (
        ("left", np.ones(3), LEGS[row.legs][0], ARMS[row.left_arm]),
        ("right", MIRROR, LEGS[row.legs][1], ARMS[row.right_arm]),
    ):
        for name, angles in zip(("hip", "knee", "ankle", "shoulder", "elbow", "wrist"), (*leg, *arm), strict=True):
            euler[JOINT[f"{side}_{name}"]] = np.array(angles) * sign
        elevation = ARMS[row.left_arm if side == "left" else row.right_arm][0][2]
        share = GIRDLE_SHARE if elevation > 10 else LOWERED_GIRDLE_SHARE if elevation < -30 else 0.0
        euler[JOINT[f"{side}_collar"], 2] += share * elevation * sign[2]
        euler[JOINT[f"{side}_shoulder"], 2] -= share * elevation * sign[2]
        euler[JOINT[f"{side}_hand"], 2] = -12 * sign[2]  # relaxed fingers
    for name, angles in zip(TORSO, TORSOS[row.torso], strict=True):
        euler[JOINT[name]] = angles
    return euler


def mirrored(euler: Degrees) -> Degrees:
    """The pose seen in a mirror."""
    return euler[SMPL_24_FLIP] * MIRROR


@cache
def joint_limits() -> tuple[Degrees, Degrees]:
    """Lowest and highest Euler angle of every joint; the root is free."""
    low, high = np.full((24, 3), -180.0), np.full((24, 3), 180.0)
    for name, joint in JOINT.items():
        if name == "pelvis":
            continue
        bounds = np.array(LIMITS[name.split("_")[-1]], dtype=float)
        if name.startswith("right_"):
            bounds[1:] = -bounds[1:, ::-1]
        low[joint], high[joint] = bounds.T
    return low, high


@cache
def joint_spread(tilt: float = 0.0) -> Degrees:
    """Spread of every joint's noise; of the pelvis only its lean, by `tilt`."""
    spread = np.array([SPREAD.get(name.split("_")[-1], (0, 0, 0)) for name in SMPL_24], dtype=float)
    spread[0, 0] = tilt
    return spread


@cache
def _known_elsewhere(split: str) -> frozenset[tuple[str, ...]]:
    """Combinations of the other splits, in both mirrorings: mixing must not make them again."""
    others = [row for other in ("train", "val", "test") if other != split for row in combinations(other)]
    return frozenset(key for row in others for key in (row[:4], (row.legs, row.right_arm, row.left_arm, row.torso)))


def sample_pose(
    rng: np.random.Generator,
    split: str,
    rest_joints: Float[np.ndarray, "24 3"],
    mix: PoseMix = LIBRARY_MIX,
) -> NaturalPose:
    """A random natural pose of a split.

    Args:
        rng: source of all randomness.
        split: whose library rows are used; no result repeats a combination of another split.
        rest_joints: rest pose of the body in metres, for keeping hands out of trunk, head and thighs.
        mix: how often it is widened beyond the library, and how far.
    """
    low, high = joint_limits()
    for attempt in range(ATTEMPTS):
        free = mix.free_limbs and rng.random() < mix.free_limbs
        euler, key = (_free if free else _mixed)(rng, split, mix)
        if mix.gaze and rng.random() < mix.gaze:
            turn = rng.uniform(-GAZE, GAZE)
            euler[[JOINT["neck"], JOINT["head"]]] += turn * np.array([[NECK_SHARE], [1 - NECK_SHARE]])
        amount = mix.pose_noise * (1 - attempt / ATTEMPTS)  # a pose that keeps colliding moves towards its row
        shaken = rng.random((24, 1)) < 0.8
        euler = np.clip(euler + amount * rng.standard_normal((24, 3)) * joint_spread(TILT_SPREAD) * shaken, low, high)
        axis_angle = to_axis_angle(euler)
        if key not in _known_elsewhere(split) and not collides(axis_angle, rest_joints):
            return NaturalPose(axis_angle, key)
    row = combinations(split)[0]
    return NaturalPose(to_axis_angle(np.clip(euler_angles(row), low, high)), row[:4])


def _mixed(rng: np.random.Generator, split: str, mix: PoseMix) -> tuple[Degrees, tuple[str, str, str, str]]:
    euler, names = _draw(rng, split, mix.everyday)
    if rng.random() < mix.limb_mixing:
        other, other_names = _draw(rng, split, mix.everyday)
        for position, (group, joints) in enumerate(GROUPS.items()):
            share = rng.choice([0.0, 1.0, rng.random()], p=[0.45, 0.15, 0.40])
            moved = [0, *joints] if group == "legs" else joints  # the pelvis' lean belongs to the legs
            euler[moved] = (1 - share) * euler[moved] + share * other[moved]
            if share > 0.5:
                names[position] = other_names[position]
    return euler, (names[0], names[1], names[2], names[3])


def _free(rng: np.random.Generator, split: str, mix: PoseMix) -> tuple[Degrees, tuple[str, str, str, str]]:
    low, high = joint_limits()
    euler, _ = _draw(rng, split, mix.everyday)  # the pelvis' lean
    for joints in LIMBS:
        row, _ = _draw(rng, split, mix.everyday)
        share = rng.random()
        euler[joints] = (1 - share) * row[joints] + share * rng.uniform(low[joints], high[joints])
    return euler, (FREE, FREE, FREE, FREE)


def _draw(rng: np.random.Generator, split: str, everyday: float) -> tuple[Degrees, list[str]]:
    rows: Sequence[Combination] = EVERYDAY if everyday and rng.random() < everyday else combinations(split)
    weights = np.array([row.weight for row in rows])
    row = rows[rng.choice(len(rows), p=weights / weights.sum())]
    if rng.random() < 0.5:
        return mirrored(euler_angles(row)), [row.legs, row.right_arm, row.left_arm, row.torso]
    return euler_angles(row), [row.legs, row.left_arm, row.right_arm, row.torso]


def forward_kinematics(
    axis_angle: Float[np.ndarray, "24 3"], rest_joints: Float[np.ndarray, "24 3"]
) -> Float[np.ndarray, "24 3"]:
    """Joint positions of the posed skeleton, pelvis where it rests, in metres."""
    rotations = Rotation.from_rotvec(axis_angle).as_matrix()
    joints = rest_joints.copy()
    for joint, parent in enumerate(SMPL_PARENTS):
        if parent >= 0:
            joints[joint] = joints[parent] + rotations[parent] @ (rest_joints[joint] - rest_joints[parent])
            rotations[joint] = rotations[parent] @ rotations[joint]
    return joints


def collides(axis_angle: Float[np.ndarray, "24 3"], rest_joints: Float[np.ndarray, "24 3"]) -> bool:
    """Whether a hand is inside trunk, head or thigh, or a knee inside the other thigh (capsules about bones)."""
    joints = forward_kinematics(axis_angle, rest_joints)
    at = {name: joints[i] for name, i in JOINT.items()}
    hands = np.stack(
        [
            at["left_wrist"],
            at["right_wrist"],
            2 * at["left_hand"] - at["left_wrist"],
            2 * at["right_hand"] - at["right_wrist"],
        ]
    )
    scalp = at["head"] + 1.2 * (at["head"] - at["neck"])
    return bool(
        _inside(hands, at["pelvis"], at["neck"], TRUNK_RADIUS).any()
        or _inside(hands, at["head"], scalp, HEAD_RADIUS).any()
        or _inside(hands, at["left_hip"], at["left_knee"], THIGH_RADIUS).any()
        or _inside(hands, at["right_hip"], at["right_knee"], THIGH_RADIUS).any()
        or _inside(at["left_knee"][None], at["right_hip"], at["right_knee"], THIGH_RADIUS).any()
        or _inside(at["right_knee"][None], at["left_hip"], at["left_knee"], THIGH_RADIUS).any()
    )


def _inside(
    points: Float[np.ndarray, "n 3"], start: np.ndarray, end: np.ndarray, radius: float
) -> Bool[np.ndarray, "n"]:
    axis = end - start
    along = np.clip((points - start) @ axis / (axis @ axis), 0, 1)
    return ((points - start - along[:, None] * axis) ** 2).sum(1) < radius**2


def interpolated(
    key_poses: Sequence[Float[np.ndarray, "24 3"]], times: Float[np.ndarray, "t"]
) -> Float[np.ndarray, "t 24 3"]:
    """Poses at `times` (0 is the first key pose, 1 the second ...): the short way round, at rest in every key pose."""
    result = np.empty((len(times), 24, 3))
    keys = [Rotation.from_rotvec(pose) for pose in key_poses]
    for i, time in enumerate(times):
        before = min(int(time), len(keys) - 2)
        share = np.clip(time - before, 0, 1)
        share = share * share * (3 - 2 * share)
        turn = (keys[before].inv() * keys[before + 1]).as_rotvec()
        result[i] = (keys[before] * Rotation.from_rotvec(share * turn)).as_rotvec()
    return result
