"""Other backgrounds in training: heaps of shapes of all sizes that hide each other, as things in photographs do.

Such "dead leaves" have the edges and the spectrum of photographs (Lee, Mumford and Huang, Occlusion Models for Natural
Images, 2001), and networks learn from them what holds for photographs (Baradad et al., Learning to See by Looking at
Noise, 2021).
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from rscnet.data.sample import Sample
from rscnet.errors import UserError

SHARE = 1 / 3  # of rectangles, of polygons, of ellipses
SMALLEST, LARGEST = 0.02, 0.5  # half the length of a leaf in sides of the picture
MARGIN = 0.02  # at most kept around the person in sides of the picture, at least a pixel, since part maps are coarse


class Clutter:
    """Puts another background behind a person of whom a part map is known.

    Part maps look through what hides the person: of an occluder nothing is left but what lies before the body.

    Args:
        p: probability.
        leaves: least and greatest number of shapes.

    Raises:
        ValueError: a value out of its range.
    """

    def __init__(self, p: float = 0.5, leaves: tuple[int, int] = (10, 90)) -> None:
        if not 0 <= p <= 1 or not 0 <= leaves[0] <= leaves[1]:
            raise ValueError(f"expected 0 <= p <= 1 and 0 <= leaves[0] <= leaves[1], got {p}, {list(leaves)}")
        self.p, self.leaves = p, tuple(leaves)

    def __call__(self, sample: Sample, random: np.random.Generator) -> Sample:
        """The sample before another background, or as it is.

        Raises:
            UserError: no part map is known of it.
        """
        if random.random() >= self.p:
            return sample
        if sample.parts is None:
            raise UserError(
                "augmentation.clutter: these samples have no part maps, by which it tells people from background "
                "(embedded people have); expected augmentation.clutter=null"
            )
        size = len(sample.image)
        person = person_mask(sample.parts, size, max(1, round(random.uniform(0, MARGIN) * size)))[..., None]
        behind = dead_leaves(size, int(random.integers(self.leaves[0], self.leaves[1] + 1)), random)
        mixed = person * sample.image + (1 - person) * behind
        return dataclasses.replace(sample, image=np.rint(mixed).astype(np.uint8))


def person_mask(parts: UInt8[np.ndarray, "h w"], size: int, margin: int) -> Float[np.ndarray, "s s"]:
    """How much of each pixel the person covers, grown by so many pixels, with a soft edge."""
    cell = size / len(parts)
    # a cell's label is that of the pixel at its middle, which is half a pixel beyond it where their number is even
    origin = (size // len(parts)) // 2
    to_pixels = np.array([[cell, 0, origin], [0, cell, origin]])
    mask = cv2.warpAffine((parts > 0).astype(np.float32), to_pixels, (size, size), borderMode=cv2.BORDER_REPLICATE)
    grown = cv2.dilate(mask, np.ones((2 * margin + 1, 2 * margin + 1), np.uint8))
    return np.clip(2 * grown - 0.5, 0, 1)


def dead_leaves(size: int, count: int, random: np.random.Generator) -> UInt8[np.ndarray, "s s 3"]:
    """A picture of `count` shapes that hide each other, in a few colours, with texture, sharp or blurred."""
    palette = random.uniform(0, 255, (int(random.integers(2, 9)), 3))
    palette = palette.mean(1, keepdims=True) + random.uniform(0, 0.6) * (palette - palette.mean(1, keepdims=True))
    corners = palette[random.integers(len(palette), size=4)].reshape(2, 2, 3).astype(np.float32)
    picture = cv2.resize(corners, (size, size), interpolation=cv2.INTER_LINEAR)
    radii = size * np.exp(random.uniform(np.log(SMALLEST), np.log(LARGEST), count))
    for radius in np.sort(radii)[::-1] if random.random() < 0.5 else radii:
        colour = palette[random.integers(len(palette))] + random.normal(0, 12, 3)
        cv2.fillPoly(picture, [_outline(radius, size, random)], colour.tolist())
    picture *= _texture(size, random)
    if random.random() < 0.5:
        picture = cv2.GaussianBlur(picture, (0, 0), size * float(random.uniform(0.002, 0.02)))
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _outline(radius: float, size: int, random: np.random.Generator) -> np.ndarray:
    """Corners in whole pixels of a rectangle, a polygon or an ellipse somewhere in the picture."""
    kind, stretch, turn = random.random(), np.exp(random.uniform(-3, 0)), random.uniform(0, np.pi)
    if kind < SHARE:
        points = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)
        turn = turn if random.random() < 0.4 else random.choice([0, np.pi / 2])  # most things that people make stand
    else:
        corners = int(random.integers(3, 8)) if kind < 2 * SHARE else 16
        angles = np.sort(random.uniform(0, 2 * np.pi, corners)) if corners < 16 else np.arange(16) * np.pi / 8
        points = np.stack([np.cos(angles), np.sin(angles)], 1)
    points = radius * points * [1, stretch] @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return np.rint(points + random.uniform(-0.1, 1.1, 2) * size).astype(np.int32)


def _texture(size: int, random: np.random.Generator) -> Float[np.ndarray, "s s 1"]:
    """Factors of brightness about 1: noise of several scales, each as strong as chance has it."""
    factor = np.ones((size, size), np.float32)
    for cells, strongest in ((4, 0.2), (16, 0.15), (size // 2, 0.1), (size, 0.05)):
        noise = random.normal(0, random.uniform(0, strongest), (cells, cells)).astype(np.float32)
        factor += cv2.resize(noise, (size, size), interpolation=cv2.INTER_LINEAR)
    return factor[..., None]
