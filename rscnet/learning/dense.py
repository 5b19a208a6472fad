"""Dense pretraining: the encoder learns where joints and body parts are before it learns to regress bodies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from rscnet.learning.base import TrainingModule
from rscnet.losses.dense import DenseLoss
from rscnet.models.dense import DenseNet
from rscnet.structures import Batch


class DenseModule(TrainingModule):
    """Heat maps and parts from views of any resolution.

    Args:
        network: encoder with a dense decoder.
        loss: of heat maps and parts.
        optimizer, schedule: see `TrainingModule`.
    """

    def __init__(
        self,
        network: DenseNet,
        loss: DenseLoss,
        optimizer: Callable[[Iterable[Any]], Optimizer],
        schedule: Mapping[str, Any],
    ) -> None:
        super().__init__(optimizer, schedule)
        self.network = network
        self.loss = loss

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        total, terms = self._losses(batch)
        self.log_terms("train", terms | {"total": total}, bar=("total",))
        return total * self.rank_share(len(batch.identity))

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        total, terms = self._losses(batch)
        for name, value in (terms | {"total": total}).items():
            self.log(f"val/{name}", value, batch_size=len(batch.identity), sync_dist=True)

    def _losses(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        views = batch.views.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        return self.loss(self.network(views, batch.scale_index.flatten()), batch.target, batch.parts)
