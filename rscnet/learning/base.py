"""What the LightningModules share: the optimiser, the learning-rate schedule, logging of named terms."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from rscnet.errors import UserError


def learning_rate_factor(progress: float, mode: str, warmup: float) -> float:
    """Factor on the learning rate at `progress` in [0, 1] of the run.

    Linear from zero over the first `warmup` part, then constant, or along half a cosine down to zero.
    """
    if progress < warmup:
        return progress / warmup
    if mode == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - warmup) / (1 - warmup))))


class TrainingModule(pl.LightningModule):
    """Base of the project's modules.

    Args:
        optimizer: takes the parameters, in groups.
        schedule: `mode` and `warmup` of `learning_rate_factor`.
    """

    def __init__(self, optimizer: Callable[[Iterable[Any]], Optimizer], schedule: Mapping[str, Any]) -> None:
        super().__init__()
        self.optimizer = optimizer
        self.schedule = dict(schedule)
        self.given: frozenset[str] = frozenset()  # names of the parameters that `init_from` gave

    def parameter_groups(self) -> list[tuple[list[nn.Parameter], float]]:
        """The parameters to train, in groups with a factor on the learning rate of each."""
        return [([p for p in self.parameters() if p.requires_grad], 1.0)]

    def configure_optimizers(self) -> Any:
        groups = self.parameter_groups()
        try:
            optimizer = self.optimizer([{"params": parameters} for parameters, _ in groups])
        except (TypeError, ValueError) as error:  # values that the optimiser itself refuses
            raise UserError(f"optimizer: {error}") from error
        total = self.trainer.datamodule.curriculum.total_steps(len(self.trainer.datamodule.train))  # type: ignore[attr-defined]

        def factor(step: int) -> float:
            # step + 1: the first step of a warm-up already moves
            return learning_rate_factor((step + 1) / (total + 1), **self.schedule)

        factors = [lambda step, rate=rate: rate * factor(step) for _, rate in groups]
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factors)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def rank_share(self, count: int) -> float:
        """Factor on the mean loss of this process's `count` samples, which makes the mean of gradients over processes
        that over all samples of the step, although a batch may not be divisible by the number of processes. (Terms that
        only some samples have labels for are means over those of a process, which weigh alike.)"""
        world = self.trainer.world_size
        if world == 1:
            return 1.0
        epochs = self.trainer.datamodule.epochs  # type: ignore[attr-defined]
        return count * world / epochs[min(self.trainer.current_epoch, len(epochs) - 1)].batch_size

    def log_terms(self, prefix: str, terms: Mapping[str, Tensor], bar: tuple[str, ...] = ()) -> None:
        """Log named scalars, under DDP those of the first process's samples; those named in `bar` also appear in the
        progress bar."""
        for name, value in terms.items():
            self.log(f"{prefix}/{name}", value.detach().float(), prog_bar=name in bar)
