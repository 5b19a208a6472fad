"""Crops cut anew in training: nearer, farther, off centre, turned; for people whose pictures are stored as crops."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from rscnet.data import crops
from rscnet.data.sample import Sample


class Recut:
    """Cuts a square out of a sample's picture, turned about its middle; labels follow.

    Keypoints that then lie beyond `crops.KEYPOINT_MARGIN` have confidence 0, as in the generator's own crops.

    Args:
        side: least and greatest side of the square over that of the picture, drawn evenly in the logarithm.
        shift: greatest distance of its middle from that of the picture, along x and y, in sides of the picture.
        rotation: degrees that the picture is turned by at most, either way.

    Raises:
        ValueError: a value out of its range.
    """

    def __init__(self, side: tuple[float, float] = (0.75, 1.1), shift: float = 0.06, rotation: float = 15.0) -> None:
        least, greatest = side
        if not 0 < least <= greatest or shift < 0 or rotation < 0:
            raise ValueError(
                f"expected 0 < side[0] <= side[1], shift >= 0 and rotation >= 0, got {list(side)}, {shift}, {rotation}"
            )
        self.side, self.shift, self.rotation = (least, greatest), shift, rotation

    def __call__(self, sample: Sample, random: np.random.Generator) -> Sample:
        """The sample as another crop of the same person shows it."""
        side = float(np.exp(random.uniform(*np.log(self.side))))
        middle = 0.5 + random.uniform(-self.shift, self.shift, 2)
        rotation = float(random.uniform(-self.rotation, self.rotation))
        keypoints, joints, pose = sample.keypoints_2d.copy(), sample.joints_3d.copy(), sample.pose.copy()
        unit = crops.crop_matrix(middle, side, 1, rotation)
        keypoints[:, :2] = crops.normalise_points(crops.transform((keypoints[:, :2] + 1) / 2, unit), 1)
        keypoints[~crops.within_margin(keypoints[:, :2]), 2] = 0
        crops.turn_body(pose, joints, rotation)

        def cut(values: np.ndarray, interpolation: int) -> np.ndarray:
            size = len(values)
            matrix = crops.between_centres(crops.crop_matrix(size * middle, size * side, size, rotation))
            # beyond the border the nearest pixel, as in prediction
            return cv2.warpAffine(values, matrix, (size, size), flags=interpolation, borderMode=cv2.BORDER_REPLICATE)

        return dataclasses.replace(
            sample,
            image=cut(sample.image, cv2.INTER_LINEAR),
            keypoints_2d=keypoints,
            joints_3d=joints,
            pose=pose,
            parts=None if sample.parts is None else cut(sample.parts, cv2.INTER_NEAREST),
        )
