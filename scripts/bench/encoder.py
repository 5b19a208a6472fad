"""Part `encoder`: which share of the machine's matrix-product peak the encoder's forward and backward reaches."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from rscnet.models.resnet import ResolutionAwareResNet

from .machine import product_peak
from .rivals.network import Encoder
from .sizes import Sizes
from .timing import interleaved


def operations(sizes: Sizes) -> float:
    """Floating-point operations of a forward and backward of one view of a batch, counted without running it."""
    with torch.device("meta"):
        encoder = ResolutionAwareResNet(width=sizes.width)
        views = torch.empty(sizes.batch, 3, sizes.image, sizes.image)
        with FlopCounterMode(display=False) as counter:
            encoder(views, torch.zeros(sizes.batch, dtype=torch.long)).sum().backward()
    return float(counter.get_total_flops())


def measure(sizes: Sizes) -> dict[str, Any]:
    """Peaks before and after, times, and shares in both precisions; the original's layout beside ours."""
    encoder = ResolutionAwareResNet(width=sizes.width).train()
    original = Encoder(round(64 * sizes.width), sizes.views).train()
    views = torch.randn(sizes.batch, 3, sizes.image, sizes.image)
    scales = torch.zeros(sizes.batch, dtype=torch.long)
    last = views.contiguous(memory_format=torch.channels_last)

    def step(half: bool) -> None:
        encoder.zero_grad()
        with torch.autocast("cpu", torch.bfloat16) if half else nullcontext():
            maps = encoder(last, scales)
        maps.float().mean().backward()

    def rival() -> None:
        original.zero_grad()
        original(views, 0).mean().backward()

    types = {"fp32": torch.float32, "bf16": torch.bfloat16}
    peaks = {name: product_peak(sizes, dtype) for name, dtype in types.items()}
    sides = {"fp32": partial(step, False), "bf16": partial(step, True), "original_fp32": rival}
    timings = interleaved(sides, min(3, sizes.rounds))
    peaks = {name: max(peaks[name], product_peak(sizes, dtype)) for name, dtype in types.items()}
    work = operations(sizes)
    speed = {name: work / timing.best / 1e9 for name, timing in timings.items()}
    share = {name: value / peaks[name.split("_")[-1]] for name, value in speed.items()}
    return {
        "title": f"encoder's forward + backward, ResNet-50, {sizes.image} px, batch {sizes.batch}",
        "gflop": work / 1e9,
        "seconds": {name: timing.best for name, timing in timings.items()},
        "peak_gflops": peaks,
        "reached_gflops": speed,
        "share_of_peak": share,
        "target": 0.8,
        "met": {name: share[name] >= 0.8 for name in types},
    }
