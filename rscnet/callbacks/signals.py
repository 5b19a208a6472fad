"""How training goes, beside its losses: learning rate, gradients, queue, coefficients."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from torch.optim import Optimizer

from rscnet.losses.contrastive import FeatureQueue
from rscnet.models.resnet import coefficients


class TrainingSignals(pl.Callback):
    """Logs `train/lr` (of what all resolutions share), `grad_norm/<part>` before clipping, `train/queue_fill` (0 to 1)
    and mean and spread over blocks of the coefficients of each scale, `coefficients/mean/scale<i>` and
    `coefficients/std/scale<i>`."""

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        if (trainer.global_step + 1) % trainer.log_every_n_steps:  # type: ignore[attr-defined]
            return
        pl_module.log("train/lr", optimizer.param_groups[0]["lr"])
        norms = {}
        for name, part in pl_module.network.named_children():  # type: ignore[operator]
            gradients = [p.grad for p in part.parameters() if p.grad is not None]
            if gradients:
                norms[name] = torch.nn.utils.get_total_norm(gradients)
        for name, norm in norms.items():
            pl_module.log(f"grad_norm/{name}", norm)
        if norms:
            pl_module.log("grad_norm/total", torch.stack(list(norms.values())).norm())

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step % trainer.log_every_n_steps:  # type: ignore[attr-defined]
            return
        for module in pl_module.modules():
            if isinstance(module, FeatureQueue):
                pl_module.log("train/queue_fill", len(module) / len(module.features))
        found = coefficients(dict(pl_module.network.named_parameters()))  # type: ignore[operator]
        if found:
            by_scale = torch.stack(list(found.values()), dim=1)
            for scale, row in enumerate(by_scale):
                pl_module.log(f"coefficients/mean/scale{scale}", row.mean())
                pl_module.log(f"coefficients/std/scale{scale}", row.std(correction=0))
