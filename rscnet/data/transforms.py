"""albumentations pipelines that draw from a given generator alone."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import albumentations as A
import numpy as np
from jaxtyping import UInt8


class SeededTransforms:
    """Named transforms of a picture, one after the other; null removes one.

    Args:
        transforms: albumentations transforms by name.
    """

    def __init__(self, transforms: Mapping[str, A.BasicTransform | None] | None) -> None:
        given = [transform for transform in (transforms or {}).values() if transform is not None]
        self._pipeline = A.Compose([*given]) if given else None

    def __repr__(self) -> str:
        return repr(self._pipeline)  # the same in every process, for keys of caches

    def __call__(self, image: UInt8[np.ndarray, "h w 3"], random: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
        if self._pipeline is None:
            return image
        # anew each time: albumentations 2.0.8 repeats its stream in every worker and epoch; and one stream for all: by
        # `set_random_seed` each transform would begin the same one, and all would act on the same pictures
        seed = int(random.integers(2**31))
        self._pipeline.set_random_state(np.random.default_rng(seed), Random(seed))
        return self._pipeline(image=image)["image"]
