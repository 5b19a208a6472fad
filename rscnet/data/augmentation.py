"""Training augmentation: samples mirrored or cut anew, and photometric changes of each view through albumentations."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import albumentations as A
import numpy as np
from jaxtyping import UInt8

from rscnet.data.focus import Focus
from rscnet.data.recut import Recut
from rscnet.data.sample import Sample
from rscnet.data.transforms import SeededTransforms
from rscnet.joints import ANNOTATION_24, SMPL_24_FLIP, TRAINING_49_FLIP, flip_permutation

_ANNOTATION_FLIP = flip_permutation(ANNOTATION_24)


def flip_sample(sample: Sample, keep_confidences: bool = False) -> Sample:
    """The sample in a mirror: picture, keypoints, joints and pose, left and right exchanged. Twice is the identity.

    Args:
        sample: the person.
        keep_confidences: of 3D joints stay on their side, as the released code has it (spec section 10, Q19).
    """
    keypoints = sample.keypoints_2d[TRAINING_49_FLIP] * np.array([-1, 1, 1], np.float32)
    joints = sample.joints_3d[_ANNOTATION_FLIP] * np.array([-1, 1, 1, 1], np.float32)
    if keep_confidences:
        joints[:, 3] = sample.joints_3d[:, 3]
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
        focus: blurs the background; None keeps it.
        recut: cuts the sample's crop anew, for all its views together; None keeps it.
        photometric: named albumentations transforms or groups of them, applied to each view on its own, after
            degradation; null removes one.
        accumulate_gain: the transform named `gain` changes the sample's picture before each view is made of it and
            stays for the views that follow, as the released code does without meaning to (spec section 10, Q2).
        bgr_luma: red and blue change places in the weights of brightness, likewise (Q18).
        keep_confidences: see `flip_sample` (Q19).
    """

    def __init__(
        self,
        flip: float = 0.5,
        photometric: Mapping[str, A.BasicTransform | None] | None = None,
        accumulate_gain: bool = False,
        bgr_luma: bool = False,
        keep_confidences: bool = False,
        recut: Recut | None = None,
        focus: Focus | None = None,
    ) -> None:
        self.recut, self.focus = recut, focus
        self.flip, self.bgr_luma, self.keep_confidences = flip, bgr_luma, keep_confidences
        transforms = dict(photometric or {})
        self._before = SeededTransforms({"gain": transforms.pop("gain", None)} if accumulate_gain else None)
        self._after = SeededTransforms(transforms)

    def geometric(self, sample: Sample, random: np.random.Generator) -> Sample:
        """The sample, mirrored or not, with its background out of focus or cut anew where that is asked for."""
        sample = sample if self.focus is None else self.focus(sample, random)
        sample = sample if self.recut is None else self.recut(sample, random)
        return flip_sample(sample, self.keep_confidences) if random.random() < self.flip else sample

    def next_picture(
        self, image: UInt8[np.ndarray, "h w 3"], random: np.random.Generator
    ) -> UInt8[np.ndarray, "h w 3"]:
        """What the next view of a sample is made of, given what the one before was made of."""
        return self._before(image, random)

    def colour(self, view: UInt8[np.ndarray, "s s 3"], random: np.random.Generator) -> UInt8[np.ndarray, "s s 3"]:
        """The view with changed colours."""
        if not self.bgr_luma:
            return self._after(view, random)
        return np.ascontiguousarray(self._after(np.ascontiguousarray(view[..., ::-1]), random)[..., ::-1])
