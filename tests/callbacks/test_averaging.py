"""What a moving average of the weights is."""

from types import SimpleNamespace
from typing import Any

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

    def __init__(self, value: float = 1.0) -> None:
        super().__init__()
        self.given = frozenset({"weight"})
        self.register_buffer("template", torch.linspace(0, 1, 7000).double().pow(3).float())
        self.register_buffer("statistic", torch.tensor([value]))
        self.weight = nn.Parameter(torch.tensor([value]))
        self.fresh = nn.Parameter(torch.tensor([value]))
        self.register_buffer("faces", torch.arange(7000))


def moved(averaging: MovingAverage, model: Numbers, steps: list[float], dtype: torch.dtype = torch.float32) -> Any:
    averaging.setup(SimpleNamespace(), model, "fit")  # type: ignore[arg-type]
    model.to(dtype)  # as Lightning does after callbacks are set up
    averaging.on_fit_start(SimpleNamespace(), model)  # type: ignore[arg-type]
    for step, weight in enumerate(steps, 1):
        with torch.no_grad():
            for number in (model.weight, model.fresh, model.statistic):
                number.fill_(weight)
        averaging.on_train_batch_end(SimpleNamespace(global_step=step), model, None, None, 0)  # type: ignore[arg-type]
    return averaging.average


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_numbers_move_and_whole_numbers_do_not(dtype):
    model = Numbers()
    average = moved(MovingAverage(0.996), model, [2, 3], dtype)
    assert average.weight.item() == pytest.approx(0.996 * (0.996 * 1 + 0.004 * 2) + 0.004 * 3)
    assert average.statistic.item() == average.fresh.item() == average.weight.item()
    assert torch.equal(average.faces, model.faces)
    if dtype == torch.float32:
        assert torch.equal(average.template, model.template)


def test_a_share_of_what_the_start_gave_stays():
    model = Numbers()
    averaging = MovingAverage(0.5, share=0.25)
    average = moved(averaging, model, [2, 4])
    plain = 0.25 * 1 + 0.25 * 2 + 0.5 * 4
    assert average.weight.item() == pytest.approx(0.25 * 1 + 0.75 * plain)
    assert average.statistic.item() == average.fresh.item() == pytest.approx(plain)
    assert torch.equal(average.faces, model.faces) and torch.equal(average.template, model.template)
    assert averaging.start is not None and averaging.start.weight.item() == 1  # type: ignore[operator, union-attr]
    assert model.weight.item() == 4


def test_a_share_goes_on_from_a_checkpoint():
    whole, first, second = (MovingAverage(0.5, share=0.25) for _ in range(3))
    expected = moved(whole, Numbers(), [2, 4, 8]).weight.item()
    begun = Numbers()
    moved(first, begun, [2, 4])
    checkpoint: dict[str, Any] = {"state_dict": begun.state_dict()}
    first.on_save_checkpoint(SimpleNamespace(), begun, checkpoint)  # type: ignore[arg-type]
    resumed = Numbers(value=100.0)  # nothing is known of the start when a run goes on
    resumed.given = frozenset()
    second.setup(SimpleNamespace(), resumed, "fit")  # type: ignore[arg-type]
    second.on_load_checkpoint(SimpleNamespace(), resumed, checkpoint)  # type: ignore[arg-type]
    with torch.no_grad():
        resumed.weight.fill_(8)
    second.on_train_batch_end(SimpleNamespace(global_step=3), resumed, None, None, 0)  # type: ignore[arg-type]
    assert second.average is not None and second.average.weight.item() == expected  # type: ignore[operator, union-attr]


@torch.no_grad()
def test_what_is_measured_after_training_is_the_average_even_if_nothing_was_left_to_train():
    model = Numbers()
    averaging = MovingAverage(0.5, share=0.25)
    average = moved(averaging, model, [2, 4])
    averaging.on_fit_end(SimpleNamespace(), model)  # type: ignore[arg-type]
    assert model.weight.item() == average.weight.item() != 4


def test_there_is_nothing_before_training():
    assert MovingAverage(0.9, share=0.1).copies == []


@pytest.mark.parametrize("value", [1.0, -0.1, float("nan")])
@pytest.mark.parametrize("name", ["decay", "share"])
def test_impossible_numbers_are_refused(name, value):
    with pytest.raises(UserError, match=rf"averaging: {name}: expected at least 0 and less than 1, got"):
        MovingAverage(**{"decay": 0.5, name: value})
