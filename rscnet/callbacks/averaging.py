"""A moving average of the weights, which is what is validated, measured and kept."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from itertools import zip_longest
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor

from rscnet.errors import UserError


class MovingAverage(WeightAveraging):
    """Lightning's average of all parameters and buffers, which begins with the weights that training begins with.

    At each step `decay` of it is kept; what comes in are the network's weights with a share of those of the start, so
    that parameters are `share` start and `1 - share` moving average: nearer to what the start knew, for less than a
    smaller rate costs (WiSE-FT, Wortsman et al., CVPR 2022). That holds for the parameters that `init_from` gave.
    Others have nothing that is worth keeping, and the start's batch statistics are of large pictures.

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
        self.start: pl.LightningModule | None = None
        self._given: frozenset[str] = frozenset()

    @property
    def average(self) -> pl.LightningModule | None:
        """The module with the averaged weights; None before training."""
        return None if self._average_model is None else self._average_model.module  # type: ignore[return-value]

    @property
    def copies(self) -> list[pl.LightningModule]:
        """`average` and, with a share, the module with the weights of the start; none before training."""
        return [module for module in (self.average, self.start) if module is not None]

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        super().setup(trainer, pl_module, stage)
        if stage == "fit":
            assert self._average_model is not None
            self._average_model.n_averaged += 1  # the start counts: the first step is averaged, not copied
            self.start = deepcopy(self.average) if self.share else None
            self._given = getattr(pl_module, "given", frozenset())

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        for copy in self.copies:  # Lightning moves the module after `setup`
            copy.to(pl_module.device)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._copy_average_to_current(pl_module)  # a run whose training was over when it went on has no `on_train_end`

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        super().on_save_checkpoint(trainer, pl_module, checkpoint)
        if self.start is not None:
            state = self.start.state_dict()
            checkpoint["start_state"] = {name: state[name] for name in sorted(self._given)}

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        super().on_load_checkpoint(trainer, pl_module, checkpoint)
        if self.start is not None:
            state = checkpoint.get("start_state", {})  # no share before there was one
            self.start.load_state_dict(state, strict=False)
            self._given = frozenset(state)

    def _move(self, averages: Sequence[Tensor], currents: Sequence[Tensor], _count: Tensor | int) -> None:
        """Called with all tensors of one type at a time, in the module's order: parameters, then buffers."""
        parameters = [] if self.start is None else self.start.named_parameters()
        alike = ((name, parameter.detach()) for name, parameter in parameters if parameter.dtype == averages[0].dtype)
        starts = [parameter if name in self._given else None for name, parameter in alike]
        for average, current, start in zip_longest(averages, currents, starts):
            if not torch.is_floating_point(average):
                average.copy_(current)
                continue
            new = current.to(average.dtype)  # the module may be of lower precision than its average
            new = new if start is None else new.lerp(start, self.share)
            average.lerp_(new, 1 - self.decay)  # leaves equal numbers as they are
