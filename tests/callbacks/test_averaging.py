"""What a moving average of the weights is."""

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from rscnet.callbacks.averaging import MovingAverage
from rscnet.errors import UserError


class Numbers(nn.Module):
    faces: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.0]))
        self.register_buffer("faces", torch.arange(7000))


def test_numbers_move_and_whole_numbers_do_not():
    model = Numbers()
    average = AveragedModel(model, use_buffers=True, **MovingAverage(0.996)._kwargs)
    average.update_parameters(model)
    for _ in range(2):
        with torch.no_grad():
            model.weight += 1
        average.update_parameters(model)
    assert average.module.weight.item() == pytest.approx(0.004 * (0.996 * 1 + 2))
    assert torch.equal(average.module.faces, model.faces)


@pytest.mark.parametrize("decay", [1.0, -0.1, float("nan")])
def test_impossible_decays_are_refused(decay):
    with pytest.raises(UserError, match=r"averaging: decay: expected at least 0 and less than 1, got"):
        MovingAverage(decay)
