"""Counted costs against those of a network that can be counted by hand."""

import pytest
import torch
from torch import nn

from rscnet.data.plan import Epoch
from rscnet.tasks.estimate import SUSTAINED, estimate


class OneLayer(nn.Module):
    """A linear layer over the flattened picture."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3 * 8 * 8, 10, bias=False)

    def forward(self, views: torch.Tensor, scale_index: torch.Tensor) -> torch.Tensor:
        return self.layer(views.flatten(1))


def test_one_linear_layer():
    epochs = [Epoch(0, 0, 2, 24, 5, 0), Epoch(1, 1, 5, 8, 10, 5)]
    found = estimate(OneLayer(), 8, epochs)  # type: ignore[arg-type]
    assert found.pictures == 5 * 48 + 10 * 40
    assert found.operations == 3 * 2 * 192 * 10
    assert found.hours == pytest.approx(640 * 3 * 2 * 1920 / SUSTAINED / 3600)
    assert found.states == 1920 * 4 * 4
    assert found.activations == 48 * 192 * 4  # the layer keeps its input, 48 pictures at once
