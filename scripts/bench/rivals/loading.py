"""Benchmark-only: a sample as the original loads it (reference document, 5): a pickled list of encoded crops; for each
view the picture is decoded, brought down and up by Pillow, and its colours are changed in floating point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Colours:
    """What is done to the colours of views: nothing, or drawn gain and jitter."""

    gain: float = 0.4
    jitter: float = 0.4
    probability: float = 0.5


def transform_point(point: np.ndarray, center: np.ndarray, scale: float, size: int) -> np.ndarray:
    """A point of the full picture to the crop, through a matrix made for it."""
    side = 200 * scale
    matrix = np.zeros((3, 3))
    matrix[0, 0] = matrix[1, 1] = size / side
    matrix[0, 2] = size * (-center[0] / side + 0.5)
    matrix[1, 2] = size * (-center[1] / side + 0.5)
    matrix[2, 2] = 1
    return (matrix @ np.array([point[0], point[1], 1.0]))[:2]


def change_colours(image: np.ndarray, colours: Colours, random: np.random.RandomState) -> np.ndarray:
    """Gain of each channel, then brightness, contrast and saturation in random order, values in 0 to 255."""
    gains = random.uniform(1 - colours.gain, 1 + colours.gain, 3)
    for channel in range(3):
        image[:, :, channel] = np.minimum(255.0, np.maximum(0.0, image[:, :, channel] * gains[channel]))
    if random.uniform() >= colours.probability:
        return image
    for kind in random.permutation(3):
        factor = random.uniform(1 - colours.jitter, 1 + colours.jitter)
        image = np.clip(blend(image, int(kind), factor), 0, 255)
    return image


def blend(image: np.ndarray, kind: int, factor: float) -> np.ndarray:
    """Brightness (0), contrast (1) or saturation (2) times a factor."""
    if kind == 0:
        return image * factor
    grey = (image * LUMA).sum(-1, keepdims=True)
    base = grey.mean() if kind == 1 else grey
    return image * factor + base * (1 - factor)


def bring_down_and_up(image: np.ndarray, size: int) -> np.ndarray:
    """Bicubic, through bytes both times."""
    whole = image.shape[0]
    picture = Image.fromarray(image.astype(np.uint8))
    small = np.array(picture.resize((size, size), Image.Resampling.BICUBIC))
    return np.array(Image.fromarray(small).resize((whole, whole), Image.Resampling.BICUBIC)).astype(np.float32)


class Loader:
    """Batches of samples, as a data set of the original and torch's default collation make them.

    Args:
        pictures: encoded crops.
        annotations: fields of the annotation file.
        sizes: of the views; those of full size are not resampled.
        flips: left-right permutation of the 49 joints, the 24 annotation joints and the 24 body joints.
        colours: None leaves pictures as they are.
        flip: probability of a mirror.
    """

    def __init__(
        self, pictures: list[bytes], annotations: dict[str, np.ndarray], sizes: tuple[int, ...],
        flips: tuple[list[int], list[int], list[int]], colours: Colours | None, flip: float = 0.5,
    ) -> None:  # fmt: skip
        self.pictures, self.annotations, self.sizes, self.flips = pictures, annotations, sizes, flips
        self.colours, self.flip = colours, flip
        self.random = np.random.RandomState(0)

    def batch(self, indices: list[int]) -> dict[str, Any]:
        """Collated samples."""
        return torch.utils.data.default_collate([self.sample(index) for index in indices])

    def sample(self, index: int) -> dict[str, Any]:
        """Views and labels of one person."""
        flipped = self.colours is not None and self.random.uniform() < self.flip
        item: dict[str, Any] = {f"view_{i}": self.view(index, size, flipped) for i, size in enumerate(self.sizes)}
        item["keypoints"] = self.keypoints(index, flipped)
        item["joints_3d"] = self.joints(index, flipped)
        item["pose"] = self.pose(index, flipped)
        item["betas"] = self.annotations["shape"][index].astype(np.float32)
        item["has_smpl"] = float(self.annotations["has_smpl"][index])
        item["index"] = index
        return item

    def view(self, index: int, size: int, flipped: bool) -> torch.Tensor:
        """One resolution of a picture, normalised."""
        encoded = np.frombuffer(self.pictures[index], np.uint8)
        image = cv2.imdecode(encoded, cv2.IMREAD_COLOR)[:, :, ::-1].copy().astype(np.float32)  # type: ignore[index]
        if flipped:
            image = np.fliplr(image).copy()
        if size < image.shape[0]:
            image = bring_down_and_up(image, size)
        if self.colours is not None:
            image = change_colours(image, self.colours, self.random)
        values = torch.from_numpy(np.transpose(image.astype(np.float32), (2, 0, 1)) / 255.0)
        for channel in range(3):
            values[channel].sub_(MEAN[channel]).div_(STD[channel])
        return values

    def keypoints(self, index: int, flipped: bool) -> np.ndarray:
        """Joint by joint to the crop, then to [-1, 1]."""
        fields = self.annotations
        found = np.concatenate([fields["openpose"][index], fields["part"][index]]).copy()
        size = self.sizes[0]
        for joint in range(len(found)):
            found[joint, :2] = transform_point(
                found[joint, :2], fields["center"][index], float(fields["scale"][index]), size
            )
        found[:, :2] = 2 * found[:, :2] / size - 1
        if flipped:
            found = found[self.flips[0]]
            found[:, 0] *= -1
        return found.astype(np.float32)

    def joints(self, index: int, flipped: bool) -> np.ndarray:
        """The 24 joints in space."""
        found = self.annotations["S"][index].copy()
        if flipped:
            found = found[self.flips[1]]
            found[:, 0] *= -1
        return found.astype(np.float32)

    def pose(self, index: int, flipped: bool) -> np.ndarray:
        """Axis-angles, mirrored where the picture is."""
        pose = self.annotations["pose"][index].reshape(24, 3).copy()
        if flipped:
            pose = pose[self.flips[2]] * np.array([1, -1, -1])
        return pose.astype(np.float32)
