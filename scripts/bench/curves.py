"""Part `curves`: the time of a step against the number of scales, batch, picture size, and of the contrastive term
against the queue's length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .contrastive import Contrastive
from .people import batch_of
from .sizes import Sizes
from .step import OurStep
from .timing import exponent, seconds

FEW = 2
"""People in a batch where something else varies."""


def measure(sizes: Sizes) -> dict[str, Any]:
    """Points and fitted exponent of each curve."""
    step = OurStep(sizes)
    body = step.module.body

    def time_of(count: int, views: int, image: int) -> float:
        step.batch = batch_of(replace(sizes, image=image), body, count, views)
        return min(seconds(step), seconds(step))

    queues = list(sizes.curve_queue)
    batches, images = list(sizes.curve_batch), list(sizes.curve_image)
    scales = list(range(1, sizes.views + 1))
    return {
        "scales": _curve("number of scales", scales, [time_of(FEW, k, sizes.image) for k in scales]),
        "batch": _curve("batch", batches, [time_of(n, sizes.views, sizes.image) for n in batches]),
        "image": _curve("picture size, px", images, [time_of(FEW, sizes.views, side) for side in images]),
        "queue": _curve("queue (contrastive term alone)", queues, [_contrastive(sizes, n) for n in queues]),
    }


def _contrastive(sizes: Sizes, queue: int) -> float:
    side = Contrastive(replace(sizes, queue=queue), None).ours()
    side()
    return min(seconds(side) for _ in range(2 * sizes.rounds))


def _curve(title: str, sizes: Sequence[int], costs: Sequence[float]) -> dict[str, Any]:
    fitted = exponent([float(size) for size in sizes], list(costs))
    return {"title": title, "sizes": list(sizes), "seconds": list(costs), "exponent": fitted}
