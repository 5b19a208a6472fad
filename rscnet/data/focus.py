"""Backgrounds out of focus: what is away from a person is blurred, so that it cannot be taken for a limb."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from rscnet.data.sample import Sample
from rscnet.errors import UserError

FEATHER = 0.02  # standard deviation of the border between sharp and blurred, in sides of the picture


def blur_background(
    image: UInt8[np.ndarray, "s s 3"], person: Float[np.ndarray, "h h"], reach: float, blur: float
) -> UInt8[np.ndarray, "s s 3"]:
    """The picture, blurred where the person is not near, by a blur that takes nothing from near them.

    Args:
        image: RGB.
        person: how much of each cell of the square they cover, from 0 to 1, in any number of cells.
        reach: how far around them the picture stays sharp, in its sides.
        blur: standard deviation of the blur, in its sides.
    """
    size = len(image)
    covered = cv2.resize(person.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)
    across = 2 * round(reach * size) + 1
    near = cv2.dilate(covered, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, across)))
    away, sigma = 1 - near, blur * size
    # far inside the sharp part the blur finds nothing, which does not show
    weight = cv2.GaussianBlur(away, (0, 0), sigma)[..., None] + 1e-6
    behind = cv2.GaussianBlur(away[..., None] * image, (0, 0), sigma) / weight
    sharp = cv2.GaussianBlur(near, (0, 0), FEATHER * size)[..., None]
    return np.clip(np.rint(sharp * image + (1 - sharp) * behind), 0, 255).astype(np.uint8)


class Focus:
    """Blurs what is away from people of whom a part map is known.

    Args:
        p: probability.
        reach, blur: ranges of what `blur_background` takes.

    Raises:
        ValueError: a value out of its range.
    """

    def __init__(
        self, p: float = 0.3, reach: tuple[float, float] = (0.03, 0.14), blur: tuple[float, float] = (0.01, 0.06)
    ) -> None:
        if not 0 <= p <= 1 or not 0 <= reach[0] <= reach[1] or not 0 < blur[0] <= blur[1]:
            raise ValueError(
                f"expected 0 <= p <= 1, 0 <= reach[0] <= reach[1] and 0 < blur[0] <= blur[1], got {p}, {list(reach)}, "
                f"{list(blur)}"
            )
        self.p, self.reach, self.blur = p, reach, blur

    def __call__(self, sample: Sample, random: np.random.Generator) -> Sample:
        """The sample with its background out of focus, or as it is.

        Raises:
            UserError: no part map is known of it.
        """
        if random.random() >= self.p:
            return sample
        if sample.parts is None:
            raise UserError(
                "augmentation.focus: these samples have no part maps, by which it tells people from background "
                "(embedded people have); expected augmentation.focus=null"
            )
        reach, blur = random.uniform(*self.reach), random.uniform(*self.blur)
        person = (sample.parts > 0).astype(np.float32)
        return dataclasses.replace(sample, image=blur_background(sample.image, person, float(reach), float(blur)))
