"""A moving average of the weights, which is what is validated, measured and kept."""

from __future__ import annotations

from functools import partial

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor

from rscnet.errors import UserError


class MovingAverage(WeightAveraging):
    """Lightning's average of all parameters and buffers, `decay` of it kept at each step.

    Numbers that are not floating point, such as faces of the body and the queue's identities, are taken as they are:
    Lightning's own exponential average rounds them down, and with some decays changes them.

    Raises:
        UserError: a decay outside [0, 1).
    """

    def __init__(self, decay: float) -> None:
        if not 0 <= decay < 1:
            raise UserError(f"averaging: decay: expected at least 0 and less than 1, got {decay:g}")
        super().__init__(avg_fn=partial(_moved, decay))

    @property
    def average(self) -> pl.LightningModule | None:
        """The module with the averaged weights; None before training."""
        return None if self._average_model is None else self._average_model.module  # type: ignore[return-value]


def _moved(decay: float, average: Tensor, current: Tensor, _count: Tensor | int) -> Tensor:
    return decay * average + (1 - decay) * current if torch.is_floating_point(average) else current
