import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from small_detector import install

from rscnet.errors import UserError
from rscnet.video.detector import TorchvisionDetector

PICTURE = np.full((32, 48, 3), 255, np.uint8)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    install(monkeypatch)
    torch.save({"shift": torch.tensor([1.0])}, tmp_path / "weights.pth")
    return str(tmp_path / "weights.pth")


def test_people_by_score_as_left_top_width_height(weights: str) -> None:
    assert TorchvisionDetector(weights, "quarters")(PICTURE) == [(1, 1, 24, 16), (25, 1, 24, 16)]
    assert TorchvisionDetector(weights, "quarters", score=0.1)(PICTURE)[2] == (6, 6, 4, 4)


def test_mistakes_are_named(weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"detector\.model: torchvision\.models\.detection has no 'halves'"):
        TorchvisionDetector(weights, "halves")
    torch.save({"other": torch.zeros(1)}, tmp_path / "other.pth")
    for path in ("other.pth", "gone.pth"):
        with pytest.raises(UserError, match=rf"detector\.weights: .*{path}: do not fit quarters"):
            TorchvisionDetector(str(tmp_path / path), "quarters")
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(UserError, match="torchvision is not installed"):
        TorchvisionDetector(weights, "quarters")
