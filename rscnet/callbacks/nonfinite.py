"""Stops a run whose loss is no longer a number, before the optimiser spoils the weights."""

from __future__ import annotations

import pytorch_lightning as pl
import torch
from torch import Tensor

from rscnet.errors import UserError


class NonFiniteGuard(pl.Callback):
    """Raises before the backward pass of a loss that is not finite; the last checkpoint stays good."""

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor) -> None:
        if torch.isfinite(loss).all():
            return
        terms = {
            name: float(value)
            for name, value in trainer.callback_metrics.items()
            if isinstance(value, Tensor) and value.numel() == 1 and not torch.isfinite(value)
        }
        raise UserError(
            f"the loss is {float(loss.detach())} at step {trainer.global_step}"
            + (f" (not finite: {', '.join(sorted(terms))})" if terms else "")
            + "; start anew with a lower optimizer.lr or trainer.gradient_clip_val=1, and with "
            f"init_from={trainer.default_root_dir} to keep what was learned"
        )
