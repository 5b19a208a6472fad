"""What a moving average of the weights is."""

from types import SimpleNamespace

import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from rscnet.callbacks.averaging import MovingAverage
from rscnet.errors import UserError


class Numbers(pl.LightningModule):
    faces: torch.Tensor
    template: torch.Tensor
    statistic: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("template", torch.linspace(0, 1, 7000).double().pow(3).float())
        self.register_buffer("statistic", torch.tensor([1.0]))
        self.weight = nn.Parameter(torch.tensor([1.0]))
        self.register_buffer("faces", torch.arange(7000))


def moved(averaging: MovingAverage, model: Numbers, steps: list[float]) -> Numbers:
    averaging.setup(SimpleNamespace(), model, "fit")  # type: ignore[arg-type]
    for step, weight in enumerate(steps, 1):
        with torch.no_grad():
            model.weight.fill_(weight)
            model.statistic.fill_(weight)
        averaging.on_train_batch_end(SimpleNamespace(global_step=step), model, None, None, 0)  # type: ignore[arg-type]
    (average,) = averaging.modules[:1]
    return average  # type: ignore[return-value]


def test_numbers_move_and_whole_numbers_do_not():
    model = Numbers()
    average = moved(MovingAverage(0.996), model, [2, 3])
    assert average.weight.item() == pytest.approx(0.996 * (0.996 * 1 + 0.004 * 2) + 0.004 * 3)
    assert average.statistic.item() == average.weight.item()
    assert torch.equal(average.faces, model.faces) and torch.equal(average.template, model.template)


def test_a_share_of_the_start_stays():
    model = Numbers()
    averaging = MovingAverage(0.5, share=0.25)
    average = moved(averaging, model, [2, 4])
    plain = 0.25 * 1 + 0.25 * 2 + 0.5 * 4
    assert average.weight.item() == pytest.approx(0.25 * 1 + 0.75 * plain)
    assert average.statistic.item() == pytest.approx(plain)  # buffers have no share
    assert torch.equal(average.faces, model.faces) and torch.equal(average.template, model.template)
    assert averaging.modules[1].weight.item() == 1 and model.weight.item() == 4  # type: ignore[operator, union-attr]


def test_there_is_nothing_before_training():
    assert MovingAverage(0.9, share=0.1).modules == []


@pytest.mark.parametrize("value", [1.0, -0.1, float("nan")])
@pytest.mark.parametrize("name", ["decay", "share"])
def test_impossible_numbers_are_refused(name, value):
    with pytest.raises(UserError, match=rf"averaging: {name}: expected at least 0 and less than 1, got"):
        MovingAverage(**{"decay": 0.5, name: value})
