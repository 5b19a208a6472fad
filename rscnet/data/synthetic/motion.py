"""Smooth motion: a walk or run cycle, or a passage through several library poses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from rscnet.data.synthetic.poses import combinations, euler_angles, interpolated, mirrored, sample_pose, to_axis_angle

GAIT_SHARE = 0.5  # of clips show walking or running
GAITS = {"walk": 0.55, "run": 0.36}  # seconds per step
POSE_TIME = (0.6, 1.4)  # seconds from one pose to the next


@dataclass(frozen=True)
class Motion:
    """Axis-angles over time (the root holds the pelvis' lean) and the library entries of the first pose."""

    poses: Float[np.ndarray, "t 24 3"]
    combination: tuple[str, str, str, str]


def motion(
    rng: np.random.Generator,
    split: str,
    rest_joints: Float[np.ndarray, "24 3"],
    frames: int,
    fps: float,
    noise: float = 1.0,
) -> Motion:
    """`frames` poses at `fps` pictures per second, from rows of the split's library."""
    gaits = [row for row in combinations(split) if row.legs in GAITS]
    if gaits and rng.random() < GAIT_SHARE:
        row = gaits[rng.integers(len(gaits))]
        stride = euler_angles(row)
        keys = [to_axis_angle(stride), to_axis_angle(mirrored(stride))]
        step, names = GAITS[row.legs] * rng.uniform(0.85, 1.2), row[:4]
        count = int(np.ceil(frames / fps / step)) + 2
        return Motion(interpolated([keys[i % 2] for i in range(count)], np.arange(frames) / fps / step), names)
    step = rng.uniform(*POSE_TIME)
    count = int(np.ceil(frames / fps / step)) + 2
    poses = [sample_pose(rng, split, rest_joints, noise, mixing=0.0) for _ in range(count)]
    return Motion(interpolated([p.axis_angle for p in poses], np.arange(frames) / fps / step), poses[0].combination)
