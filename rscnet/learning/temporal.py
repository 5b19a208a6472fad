"""Training of the temporal refiner on tracks that a frozen per-frame network made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from rscnet.body.model import BodyModel
from rscnet.data.clip import Clip
from rscnet.learning.base import TrainingModule
from rscnet.losses.temporal import TemporalLoss
from rscnet.models.temporal import TemporalRefiner
from rscnet.temporal.track import Track


class TemporalModule(TrainingModule):
    """Refines every view of a clip; the views share one truth (spec section 8).

    Args:
        network: tracks to refined tracks.
        body: poses both; its buffers never enter checkpoints.
        loss: of refined tracks.
        optimizer, schedule: see `TrainingModule`.
    """

    def __init__(
        self,
        network: TemporalRefiner,
        body: BodyModel,
        loss: TemporalLoss,
        optimizer: Callable[[Iterable[Any]], Optimizer],
        schedule: Mapping[str, Any],
    ) -> None:
        super().__init__(optimizer, schedule)
        self.network, self.body, self.loss = network, body, loss

    def forward(self, views: Track) -> Track:
        """Refined views "k b t"."""
        count = len(views.valid)
        refined = self.network(views.map(lambda tensor: tensor.flatten(0, 1)))
        return refined.map(lambda tensor: tensor.unflatten(0, (count, -1)))

    def training_step(self, batch: Clip, batch_index: int) -> Tensor:
        total, terms = self.loss(self(batch.views), batch.truth, self.body)
        self.log_terms("train", terms | {"total": total}, bar=("total",))
        return total * self.rank_share(len(batch.truth.valid))

    def validation_step(self, batch: Clip, batch_index: int) -> None:
        total, terms = self.loss(self(batch.views), batch.truth, self.body)
        for name, value in (terms | {"total": total}).items():
            self.log(f"val/{name}", value, batch_size=len(batch.truth.valid), sync_dist=True)
