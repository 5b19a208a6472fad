"""Natural motion: walking, running, waving, sitting down, turning round, or a passage through several library poses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation
from scipy.special import expit

from rscnet.data.synthetic.gait import RUN, WALK, Gait, flight, gait_angles
from rscnet.data.synthetic.pose_library import ARMS, Combination
from rscnet.data.synthetic.poses import (
    GROUPS,
    JOINT,
    TORSO,
    Degrees,
    PoseMix,
    combinations,
    euler_angles,
    forward_kinematics,
    interpolated,
    joint_limits,
    joint_spread,
    mirrored,
    sample_pose,
    to_axis_angle,
)

SHARES = {"walk": 0.25, "run": 0.15, "wave": 0.12, "sit_down": 0.12, "turn": 0.11, "passage": 0.25}
STANDING = ("stand", "contra", "wide")
SEATED = ("sit", "sit_wide", "sit_low", "sit_crossed", "sit_edge", "sit_leg_out", "sit_ankle_up")
POSE_TIME = (0.6, 1.4)  # seconds from one pose of a passage to the next
POSTURE, SWAY = 0.35, 0.12  # share of the library's noise that stays for a whole clip, and that comes and goes
FORWARD_BEND = 32.0  # degrees that the trunk leans at most while somebody sits down
HANDOVER = 0.005  # metres that one foot is lower when it carries three quarters of the weight
_FEET = [JOINT["left_foot"], JOINT["right_foot"]]

Names = tuple[str, str, str, str]
Times = Float[np.ndarray, "t"]


@dataclass(frozen=True)
class Motion:
    """A motion in the rest frame (y up, facing +z) of somebody who stands at the origin when it begins.

    Attributes:
        name: one of `SHARES`.
        poses: axis-angles over time; the root holds lean and heading.
        travel: way of the pelvis over the ground in metres (y is zero: the ground tells heights).
        airborne: metres between the lowest point and the ground.
        combination: library entries of the first pose.
    """

    name: str
    poses: Float[np.ndarray, "t 24 3"]
    travel: Float[np.ndarray, "t 3"]
    airborne: Float[np.ndarray, "t"]
    combination: Names


def motion(
    rng: np.random.Generator,
    split: str,
    rest_joints: Float[np.ndarray, "24 3"],
    frames: int,
    fps: float,
    noise: float = 1.0,
    name: str | None = None,
) -> Motion:
    """`frames` poses at `fps` pictures per second.

    Args:
        rng: source of all randomness.
        split: whose rows of the pose library are used; gaits vary in pace, swing and posture but are all splits'.
        rest_joints: rest pose of the body in metres.
        noise: scale of the angular noise on poses.
        name: one of `SHARES`; drawn by these if None.
    """
    times = np.arange(frames) / fps
    name = name or str(rng.choice(list(SHARES), p=list(SHARES.values())))
    if name == "passage":
        return _passage(rng, split, rest_joints, times, noise)
    makers: dict[str, Callable[..., tuple[Degrees, Times, Times, Names]]] = {
        "walk": _gait, "run": _gait, "turn": _turn, "wave": _wave, "sit_down": _sit_down,
    }  # fmt: skip
    euler, heading, airborne, names = makers[name](rng, split, times, name)
    euler = _natural(rng, euler, times, noise)
    poses = to_axis_angle(euler.reshape(-1, 3)).reshape(-1, 24, 3)
    turned = Rotation.from_euler("y", heading[:, None], degrees=True) * Rotation.from_rotvec(poses[:, 0])
    poses[:, 0] = turned.as_rotvec()
    travel = _travel(poses, rest_joints, steady=name in ("walk", "run"), heading=heading)
    return Motion(name, poses, travel, airborne, names)


def _passage(
    rng: np.random.Generator, split: str, rest_joints: Float[np.ndarray, "24 3"], times: Times, noise: float
) -> Motion:
    step = rng.uniform(*POSE_TIME)
    count = int(np.ceil(len(times) * (times[1] if len(times) > 1 else 0) / step)) + 2
    drawn = [sample_pose(rng, split, rest_joints, PoseMix(noise, limb_mixing=0.0)) for _ in range(count)]
    poses = interpolated([pose.axis_angle for pose in drawn], times / step)
    return Motion("passage", poses, np.zeros((len(times), 3)), np.zeros(len(times)), drawn[0].combination)


def _gait(rng: np.random.Generator, split: str, times: Times, name: str) -> tuple[Degrees, Times, Times, Names]:
    gait: Gait = WALK if name == "walk" else RUN
    phase = rng.random() + times / (gait.cycle * rng.uniform(0.88, 1.2))
    euler = gait_angles(gait, phase, rng.uniform(0.8, 1.12), rng.uniform(0.6, 1.2))
    row = _row(rng, split)
    if name == "walk" and rng.random() < 0.35:  # hands are busy
        arm = GROUPS["left_arm" if rng.random() < 0.5 else "right_arm"]
        euler[:, arm] = euler_angles(row)[arm]
    heading = rng.normal(0, 25 if rng.random() < 0.3 else 4) * times  # most go straight on, some in a curve
    return euler, heading, flight(gait, phase), (name, row.left_arm, row.right_arm, row.torso)


def _turn(rng: np.random.Generator, split: str, times: Times, name: str) -> tuple[Degrees, Times, Times, Names]:
    """Standing, then round by small steps, then standing."""
    angle, start, duration = rng.choice([-1, 1]) * rng.uniform(70, 180), rng.uniform(0, 0.4), rng.uniform(1.0, 1.8)
    share = eased((times - start) / duration)
    moving = (4 * share * (1 - share)) ** 0.5
    row = _row(rng, split)
    steps = gait_angles(WALK, rng.random() + times / WALK.cycle * 1.2, 0.45)
    euler = euler_angles(row) + moving[:, None, None] * (steps - euler_angles(row))
    ahead = 22 * np.sin(np.pi * share) * np.sign(angle)  # the eyes lead the turn
    for joint in ("spine3", "neck", "head"):
        euler[:, JOINT[joint], 1] += ahead / 2
    return euler, angle * share, np.zeros_like(times), row[:4]


def _wave(rng: np.random.Generator, split: str, times: Times, name: str) -> tuple[Degrees, Times, Times, Names]:
    row = _row(rng, split)
    raised = eased((times - rng.uniform(-0.6, 0.3)) / 0.6)
    swing = np.sin(2 * np.pi * rng.uniform(1.3, 2.4) * times + rng.uniform(0, 6.28))
    shoulder, elbow, wrist = ARMS["wave"]
    lifted = np.tile(euler_angles(row), (len(times), 1, 1))
    for joint, angles in (("shoulder", shoulder), ("elbow", elbow), ("wrist", wrist)):
        lifted[:, JOINT[f"left_{joint}"]] = angles
    lifted[:, JOINT["left_collar"], 2] = 8
    lifted[:, JOINT["left_shoulder"], 2] += rng.uniform(-10, 25)
    lifted[:, JOINT["left_elbow"], 1] += rng.uniform(14, 28) * swing
    lifted[:, JOINT["left_wrist"], 2] += 10 * swing
    euler = euler_angles(row) + raised[:, None, None] * (lifted - euler_angles(row))
    names = (row.legs, "wave", row.right_arm, row.torso)
    if rng.random() < 0.5:
        return _mirrored_clip(euler), np.zeros_like(times), np.zeros_like(times), (names[0], names[2], "wave", names[3])
    return euler, np.zeros_like(times), np.zeros_like(times), names


def _sit_down(rng: np.random.Generator, split: str, times: Times, name: str) -> tuple[Degrees, Times, Times, Names]:
    """From standing to a seat, or up from it."""
    seats = [row for row in combinations(split) if row.legs in SEATED]
    seat, stand = seats[rng.integers(len(seats))], _row(rng, split)
    share = eased((times - rng.uniform(0, 0.3)) / rng.uniform(1.0, 1.5))
    if rng.random() < 0.3:
        share = share[::-1]
    euler = euler_angles(stand) + share[:, None, None] * (euler_angles(seat) - euler_angles(stand))
    bend = FORWARD_BEND * np.sin(np.pi * share)
    euler[:, 0, 0] += 0.6 * bend
    euler[:, JOINT["left_hip"], 0] -= 0.6 * bend
    euler[:, JOINT["right_hip"], 0] -= 0.6 * bend
    for joint in TORSO[:3]:
        euler[:, JOINT[joint], 0] += 0.13 * bend
    for side in ("left", "right"):  # shins lean forward on the way, which keeps the weight over the feet
        euler[:, JOINT[f"{side}_ankle"], 0] -= 14 * np.sin(np.pi * share)
    return euler, np.zeros_like(times), np.zeros_like(times), seat[:4]


def _row(rng: np.random.Generator, split: str) -> Combination:
    """A library row of somebody who stands."""
    rows = [row for row in combinations(split) if row.legs in STANDING]
    return rows[rng.integers(len(rows))]


def _natural(rng: np.random.Generator, euler: Degrees, times: Times, noise: float) -> Degrees:
    """A posture of one's own, slow sway, and limits that joints keep to."""
    spread = joint_spread()
    shaken = noise * POSTURE * rng.standard_normal((24, 3)) * spread
    for frequency in rng.uniform(0.15, 0.8, 3):
        wave = np.sin(2 * np.pi * (frequency * times[:, None, None] + rng.random((24, 3))))
        shaken = shaken + noise * SWAY * wave * spread
    low, high = joint_limits()
    return np.clip(euler + shaken, low, high)


def _travel(
    poses: Float[np.ndarray, "t 24 3"], rest_joints: Float[np.ndarray, "24 3"], steady: bool, heading: Times
) -> Float[np.ndarray, "t 3"]:
    """The way of the pelvis that leaves the foot on the ground where it is; `steady` evens the pace out."""
    feet = np.stack([forward_kinematics(pose, rest_joints)[_FEET] for pose in poses])
    way = np.zeros((len(poses), 3))
    if len(poses) < 2:
        return way
    height = (feet[1:, :, 1] + feet[:-1, :, 1]) / 2
    share = expit((height[:, ::-1] - height) / HANDOVER)  # of each foot in carrying the body
    steps = -(np.diff(feet, axis=0) * share[..., None]).sum(1)
    if steady:
        turned = Rotation.from_euler("y", (heading[1:, None] + heading[:-1, None]) / 2, degrees=True)
        pace = turned.inv().apply(steps)[:, 2]
        steps = turned.apply(np.outer(np.full(len(pace), pace.mean()), [0, 0, 1]))
    way[1:] = np.cumsum(steps, axis=0)
    way[:, 1] = 0
    return way


def eased(share: Times) -> Times:
    """From 0 to 1 with no jerk at the ends (minimum jerk: Flash and Hogan, 1985)."""
    x = np.clip(share, 0, 1)
    return np.clip(x**3 * (10 - 15 * x + 6 * x * x), 0, 1)  # rounding leads beyond 1


def _mirrored_clip(euler: Degrees) -> Degrees:
    return np.stack([mirrored(frame) for frame in euler])
