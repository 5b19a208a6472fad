"""Training augmentation: mirroring of a whole sample, and photometric changes of each view through albumentations."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import albumentations as A
import numpy as np
from jaxtyping import UInt8

from rscnet.data.sample import Sample
from rscnet.joints import ANNOTATION_24, SMPL_24_FLIP, TRAINING_49_FLIP, flip_permutation

_ANNOTATION_FLIP = flip_permutation(ANNOTATION_24)


def flip_sample(sample: Sample) -> Sample:
    """The sample in a mirror: picture, keypoints, joints and pose, left and right exchanged. Twice is the identity."""
    keypoints = sample.keypoints_2d[TRAINING_49_FLIP] * np.array([-1, 1, 1], np.float32)
    joints = sample.joints_3d[_ANNOTATION_FLIP] * np.array([-1, 1, 1, 1], np.float32)
    # a rotation seen in a mirror: the axis is a pseudo-vector, so its components in the mirror plane turn over
    pose = sample.pose[SMPL_24_FLIP] * np.asarray([1, -1, -1], sample.pose.dtype)
    return dataclasses.replace(
        sample,
        image=np.ascontiguousarray(sample.image[:, ::-1]),
        keypoints_2d=keypoints,
        joints_3d=joints,
        pose=pose,
        parts=None if sample.parts is None else flip_parts(sample.parts),
    )


def flip_parts(parts: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """A part map in a mirror (0 background, SMPL joint + 1)."""
    table = np.asarray([0, *(i + 1 for i in SMPL_24_FLIP)], np.uint8)
    return table[parts[:, ::-1]]


class Augmentation:
    """Mirrors samples and changes the colours of views, drawing only from the generator that it is given.

    Args:
        flip: probability that a sample is mirrored (all its views together).
        photometric: named albumentations transforms, applied to each view on its own, after degradation; null removes
            one.
    """

    def __init__(self, flip: float = 0.5, photometric: Mapping[str, A.BasicTransform | None] | None = None) -> None:
        self.flip = flip
        transforms = [t for t in (photometric or {}).values() if t is not None]
        self.pipeline = A.Compose([*transforms]) if transforms else None

    def geometric(self, sample: Sample, random: np.random.Generator) -> Sample:
        """The sample, mirrored or not."""
        return flip_sample(sample) if random.random() < self.flip else sample

    def colour(self, view: UInt8[np.ndarray, "s s 3"], random: np.random.Generator) -> UInt8[np.ndarray, "s s 3"]:
        """The view with changed colours."""
        if self.pipeline is None:
            return view
        # re-seeded each time: albumentations 2.0.8 repeats its stream in every worker and epoch
        self.pipeline.set_random_seed(int(random.integers(2**31)))
        return self.pipeline(image=view)["image"]
