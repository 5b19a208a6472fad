"""Means over seeds and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean of `count` values with half the width of its confidence interval, None for a single value."""

    mean: float
    half_width: float | None
    count: int

    def __str__(self) -> str:
        return f"{self.mean:.1f}" + ("" if self.half_width is None else f" ± {self.half_width:.1f}")


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and Student's t interval at 95 %, which is wide for two or three seeds because they say little.

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("no values to estimate a mean from")
    count = len(values)
    if count == 1:
        return Estimate(float(values[0]), None, 1)
    error = float(np.std(values, ddof=1)) / count**0.5
    return Estimate(float(np.mean(values)), float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)) * error, count)


def binned(steps: Sequence[float], values: Sequence[float], edges: Sequence[float]) -> dict[int, float]:
    """Mean of the values whose step lies in each bin; bins without values are left out.

    Args:
        steps, values: of one curve.
        edges: of the bins; a step on an edge belongs to the bin above it, the last edge to the last bin.
    """
    found = np.clip(np.searchsorted(edges, steps, side="right") - 1, 0, len(edges) - 2)
    return {int(index): float(np.mean(np.asarray(values)[found == index])) for index in np.unique(found)}
