"""Stands for torchvision's detectors, which are no part of the installation."""

import sys
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn


class QuarterFinder(nn.Module):
    """Surely finds people on the two upper quarters, as `write_video` has them, unsurely a third, and a cat."""

    def __init__(self, weights: None, weights_backbone: None) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(1))

    def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        height, width = (length // 2 for length in images[0].shape[1:])
        assert images[0].min() >= 0 and images[0].max() <= 1
        corners = [[0, 0, width, height], [width, 0, 2 * width, height], [5, 5, 9, 9], [1, 1, 7, 7]]
        boxes = torch.tensor(corners, dtype=torch.float32) + self.shift
        return [{"boxes": boxes, "labels": torch.tensor([1, 1, 1, 17]), "scores": torch.tensor([0.9, 0.8, 0.2, 0.9])}]


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes `torchvision.models.detection` a module with one detector, `quarters`."""
    models = ModuleType("torchvision.models")
    models.detection = ModuleType("torchvision.models.detection")  # type: ignore[attr-defined]
    models.detection.quarters = QuarterFinder
    monkeypatch.setitem(sys.modules, "torchvision", ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
