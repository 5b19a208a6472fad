"""Fair timing: candidates take turns, so that whatever else the machine does meets them all alike."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Timing:
    """Seconds of one call."""

    best: float
    median: float
    rounds: int

    def plain(self) -> dict[str, float]:
        """As written to JSON."""
        return asdict(self)


def seconds(call: Callable[[], Any], times: int = 1) -> float:
    """Mean duration of `times` calls in a row."""
    start = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - start) / times


def interleaved(
    candidates: Mapping[str, Callable[[], Any]], rounds: int, least: float = 0.0, warm: bool = True
) -> dict[str, Timing]:
    """Times each candidate once per round, in turn, after one call each that does not count.

    Args:
        candidates: by name.
        rounds: measurements of each.
        least: seconds that one measurement should take at least; quicker candidates are called several times in a row.
        warm: False where the candidates were called already.
    """
    first = {name: seconds(call) if warm else math.inf for name, call in candidates.items()}
    times = {name: max(1, min(1000, math.ceil(least / took))) for name, took in first.items()}
    taken: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, call in candidates.items():
            taken[name].append(seconds(call, times[name]))
    return {name: Timing(min(found), statistics.median(found), rounds) for name, found in taken.items()}


def exponent(sizes: list[float], costs: list[float]) -> float:
    """Slope of the cost over the size in doubly logarithmic coordinates: 1 is linear, 2 quadratic."""
    x, y = [math.log(size) for size in sizes], [math.log(cost) for cost in costs]
    mean_x, mean_y = statistics.fmean(x), statistics.fmean(y)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / sum((a - mean_x) ** 2 for a in x)
