"""A moving average of the weights, which is what is validated, measured and kept."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor

from rscnet.errors import UserError


class MovingAverage(WeightAveraging):
    """Lightning's average of all parameters and buffers, which begins with the weights that training begins with.

    At each step `decay` of it is kept; what comes in are the network's weights with a share of those of the start, so
    that the parameters are `share` start and `1 - share` moving average: nearer to what the start knew, for less than a
    smaller rate costs (WiSE-FT, Wortsman et al., CVPR 2022). Buffers have no such share: the start's batch statistics
    are of large pictures.

    Numbers that are not floating point, such as faces of the body and the queue's identities, are taken as they are:
    Lightning's own exponential average rounds them down, and with some decays changes them.

    Args:
        decay: of the average at each step, in [0, 1).
        share: of the start, in [0, 1).

    Raises:
        UserError: a decay or a share outside [0, 1).
    """

    def __init__(self, decay: float, share: float = 0.0) -> None:
        for name, value in (("decay", decay), ("share", share)):
            if not 0 <= value < 1:
                raise UserError(f"averaging: {name}: expected at least 0 and less than 1, got {value:g}")
        super().__init__(multi_avg_fn=self._move)
        self.decay, self.share = decay, share
        self._start: pl.LightningModule | None = None

    @property
    def modules(self) -> list[pl.LightningModule]:
        """The module with the averaged weights and, where it has a share, that of the start; none before training."""
        average = None if self._average_model is None else self._average_model.module
        return [module for module in (average, self._start) if module is not None]  # type: ignore[misc]

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        super().setup(trainer, pl_module, stage)
        if stage == "fit":
            assert self._average_model is not None
            self._average_model.n_averaged += 1  # the start counts: the first step is averaged, not copied
            self._start = deepcopy(self._average_model.module) if self.share else None  # type: ignore[assignment]

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        super().on_save_checkpoint(trainer, pl_module, checkpoint)
        if self._start is not None:
            checkpoint["start_state"] = self._start.state_dict()

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        super().on_load_checkpoint(trainer, pl_module, checkpoint)
        if self._start is not None:
            self._start.load_state_dict(checkpoint["start_state"])

    def _move(self, averages: Sequence[Tensor], currents: Sequence[Tensor], _count: Tensor | int) -> None:
        """Called with all tensors of one type at a time, in the module's order: parameters, then buffers."""
        parameters = [] if self._start is None else self._start.parameters()
        starts = [tensor.detach() for tensor in parameters if tensor.dtype == averages[0].dtype]
        starts.extend(currents[len(starts) :])
        for average, current, start in zip(averages, currents, starts, strict=True):
            if torch.is_floating_point(average):
                average.lerp_(current.lerp(start, self.share), 1 - self.decay)  # leaves equal numbers as they are
            else:
                average.copy_(current)
