"""What a training will cost, counted on its network without training it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from rscnet.data.plan import Epoch
from rscnet.models.rscnet import RSCNet

SUSTAINED = 20e12
"""Operations per second of ResNet-50 in training on an A100 with TF32, about; one of other speed scales the hours."""

STATES = 4
"""Copies of each parameter in float32: weight, gradient, Adam's two moments."""


@dataclass(frozen=True)
class Estimate:
    """Attributes:
    pictures: that go through the network forward and backward.
    operations: of one of them, floating point, forward and backward.
    hours: on one GPU.
    states, activations: bytes of GPU memory.
    """

    pictures: int
    operations: float
    hours: float
    states: int
    activations: int

    def __str__(self) -> str:
        gib = 2**30
        return (
            f"estimate: {self.hours:.2g} GPU hours, {(self.states + self.activations) / gib:.2g} GiB of GPU memory "
            f"({self.pictures:,} pictures x {self.operations / 1e9:.3g} GFLOP, counted forward and taken three times, "
            f"at {SUSTAINED / 1e12:.0f} TFLOP/s sustained, about an A100 in TF32, if the data keep up; memory: "
            f"{self.states / gib:.2g} GiB of weights, gradients and Adam's moments, {self.activations / gib:.2g} GiB "
            "that one picture keeps for the backward pass times the pictures of a step; losses not counted)"
        )


def estimate(network: RSCNet, image_size: int, epochs: Sequence[Epoch]) -> Estimate:
    """Counts operations and kept activations of one picture and multiplies by the plan.

    Args:
        network: on the CPU; its statistics of batch normalisation change.
        image_size: side of its input in pixels.
        epochs: of the curriculum.
    """
    kept: dict[int, int] = {}
    owned = {tensor.data_ptr() for tensor in (*network.parameters(), *network.buffers())}

    def keep(tensor: Tensor) -> Tensor:
        if tensor.data_ptr() not in owned:
            kept[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    view, scale = torch.zeros(1, 3, image_size, image_size), torch.zeros(1, dtype=torch.long)
    with FlopCounterMode(display=False) as counter, torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        prediction = network.train()(view, scale)
    del prediction
    operations = 3.0 * counter.get_total_flops()
    pictures = sum(epoch.steps * epoch.pictures for epoch in epochs)
    at_once = max(epoch.pictures for epoch in epochs)
    states = 4 * STATES * sum(parameter.numel() for parameter in network.parameters())
    hours = pictures * operations / SUSTAINED / 3600
    return Estimate(pictures, operations, hours, states, at_once * sum(kept.values()))
