"""Resolutions: the one place that knows ranges, scale indices, drawn sizes and evaluation sizes.

A size is the side of the square person crop in absolute pixels, whatever the network's input size is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rscnet.errors import UserError


class ResolutionSet:
    """Resolution ranges ordered from high to low (spec sections 2.2 and 4).

    Args:
        ranges: `[low, high]` pairs in pixels; the first one is full resolution and usually `[size, size]`; of the
            others the upper bound is never drawn. Neighbours must meet: each upper bound is the lower bound above.
        eval: sizes to evaluate at, from high to low.

    Raises:
        UserError: ranges or sizes that are empty, not positive, not descending, or do not meet.
    """

    def __init__(self, ranges: Sequence[Sequence[int]], eval: Sequence[int]) -> None:
        self.ranges = [(int(low), int(high)) for low, high in ranges]
        self.eval_sizes = [int(size) for size in eval]
        self._check()

    def _check(self) -> None:
        if not self.ranges or not self.eval_sizes:
            raise UserError("resolution: `ranges` and `eval` need at least one entry each")
        if any(low > high or low < 1 for low, high in self.ranges):
            raise UserError(f"resolution.ranges: each range is [low, high] with 1 <= low <= high, got {self.ranges}")
        for (low, _), (_, high) in zip(self.ranges, self.ranges[1:], strict=False):
            if high != low:
                raise UserError(
                    f"resolution.ranges: ranges go from high to low and meet, so {low} must be the upper bound of the "
                    f"range that follows it, got {high} in {[list(r) for r in self.ranges]}"
                )
        if any(b >= a for a, b in zip(self.eval_sizes, self.eval_sizes[1:], strict=False)) or self.eval_sizes[-1] < 2:
            sensible = sorted({s for s in self.eval_sizes if s > 1}, reverse=True)
            raise UserError(
                f"resolution.eval: sizes must go strictly from high to low and be at least 2, got {self.eval_sizes}"
                + (f"; did you mean {sensible}?" if sensible else "")
            )

    def __len__(self) -> int:
        return len(self.ranges)

    @property
    def full_size(self) -> int:
        """Side of the full-resolution crop in pixels."""
        return self.ranges[0][1]

    def scale_index(self, size: float) -> int:
        """Row of coefficients for a `size`-pixel crop: the first range whose lower bound it reaches, else the last."""
        for index, (low, _) in enumerate(self.ranges):
            if size >= low:
                return index
        return len(self.ranges) - 1

    def draw(self, index: int, generator: np.random.Generator) -> int:
        """A size of range `index`, uniform over its integers without the upper bound (full resolution: its size)."""
        low, high = self.ranges[index]
        return high if low == high else int(generator.integers(low, high))

    def effective(self, size: int) -> int:
        """The size that a view really has: nothing is sharper than full resolution."""
        return min(size, self.full_size)
