"""What a part of the benchmark hands back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .timing import Timing


@dataclass
class Row:
    """One line of the table.

    Attributes:
        title: what was measured.
        ratio: how many times faster ours is.
        target: the least ratio that was asked for.
        rival, ours: seconds.
        difference: greatest difference of the numbers that both compute, in the unit that `agreement` names.
        agreement: what was compared.
        figures: further measurements.
        notes: what a reader must know, a sentence each.
    """

    title: str
    ratio: float
    target: float
    rival: Timing
    ours: Timing
    difference: float
    agreement: str
    figures: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def row_of(title: str, target: float, timings: dict[str, Timing], difference: float, agreement: str) -> Row:
    """The row of the timings of `rival` and `ours`, by their best rounds."""
    rival, ours = timings["rival"], timings["ours"]
    return Row(title, rival.best / ours.best, target, rival, ours, difference, agreement)


def relative_difference(found: Tensor, expected: Tensor) -> float:
    """Norm of the difference over the norm of what was expected."""
    found, expected = found.detach().double().flatten(), expected.detach().double().flatten()
    return float(torch.linalg.vector_norm(found - expected) / torch.linalg.vector_norm(expected).clamp(min=1e-30))


def require(difference: float, limit: float, what: str) -> float:
    """The difference, where it is small enough; a benchmark of unequal things would be none.

    Raises:
        RuntimeError: it is not.
    """
    if not difference <= limit:
        raise RuntimeError(f"{what}: rival and ours differ by {difference:.2e}, more than {limit:.0e}")
    return difference
