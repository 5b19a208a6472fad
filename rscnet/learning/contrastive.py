"""The self-supervised stage: encoder and projector learn from unlabelled pictures at several resolutions."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import Optimizer

from rscnet.errors import UserError
from rscnet.learning.base import TrainingModule
from rscnet.losses.features import FeatureObjective, exponential_average
from rscnet.metrics.features import FeatureMetrics
from rscnet.models.contrastive import FeatureNet, Features
from rscnet.structures import Batch


class ContrastiveModule(TrainingModule):
    """Contrastive learning across resolutions (spec section 3.3) with scale consistency of features.

    The anchor is a picture at low resolution, the positive the same picture at a higher one, negatives are other
    pictures of the queue; no label is read. Scale consistency compares features, since nothing predicts bodies here
    (see `FeatureConsistency`). Both act at full weight from the first step: the ramp of RSC-Net lets supervision settle
    first, and here is none. Of the paper's evaluation (section 6) only its sizes apply; what is measured is whether a
    small picture finds its own full-resolution picture among all others (`val/retrieval/24px` of the projection,
    `val/retrieval_feature/24px` of the pooled feature), alignment and uniformity.

    Args:
        network: encoder with projector.
        objective: the two losses.
        optimizer, schedule: see `TrainingModule`.
        queue_features: what enters the queue and what anchors are compared with: `online`, the network's own features,
            as in the paper; `momentum`, those of an encoder that follows slowly (MoCo), our extension.
        momentum: how much of itself that encoder keeps at each step.

    Raises:
        UserError: an unknown choice, or a momentum outside [0, 1).
    """

    def __init__(
        self,
        network: FeatureNet,
        objective: FeatureObjective,
        optimizer: Callable[[Iterable[Any]], Optimizer],
        schedule: Mapping[str, Any],
        queue_features: Literal["online", "momentum"] = "online",
        momentum: float = 0.999,
    ) -> None:
        super().__init__(optimizer, schedule)
        if queue_features not in ("online", "momentum") or not 0 <= momentum < 1:
            raise UserError(
                "model: queue_features must be 'online' or 'momentum' and momentum in [0, 1), got "
                f"queue_features={queue_features!r}, momentum={momentum}"
            )
        self.network = network
        self.objective = objective
        self.momentum = momentum
        self.teacher = copy.deepcopy(network).requires_grad_(False) if queue_features == "momentum" else None
        self._measured: dict[str, FeatureMetrics] = {}

    def on_train_start(self) -> None:
        # after `init_from` changed the network; earlier hooks see step 0 of a resumed run too
        if self.teacher is not None and self.global_step == 0:
            self.teacher.load_state_dict(self.network.state_dict())

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        views, scales = _flat(batch)
        output: Features = self.network(views, scales)
        keys = None
        if self.teacher is not None:
            with torch.no_grad():
                keys = self.teacher(views, scales).projection
        total, terms = self.objective(output.feature, output.projection, batch.identity, len(batch.views), keys)
        self.log_terms("train", terms, bar=("total",))
        return total * self.rank_share(len(batch.identity))

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        skipped = all(parameter.grad is None for parameter in self.network.parameters())
        if self.teacher is not None and not skipped:
            exponential_average(self.teacher, self.network, self.momentum)

    def on_validation_epoch_start(self) -> None:
        sizes = self.trainer.datamodule.resolution.eval_sizes  # type: ignore[attr-defined]
        self._measured = {suffix: FeatureMetrics(sizes).to(self.device) for suffix in ("", "_feature")}

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        output: Features = self.network(*_flat(batch))
        views = len(batch.views)
        self._measured[""].update(output.projection.unflatten(0, (views, -1)))
        self._measured["_feature"].update(output.feature.unflatten(0, (views, -1)))

    def on_validation_epoch_end(self) -> None:
        for suffix, metrics in self._measured.items():
            table = metrics.compute()
            for size, row in table.items():
                for name, value in row.items():
                    self.log(f"val/{name}{suffix}/{size}px", value)
            found = [row["retrieval"] for row in table.values() if "retrieval" in row]
            if found:
                mean = torch.stack(found).mean()
                self.log(f"val/retrieval{suffix}", mean, prog_bar=not suffix)
                self.log(f"val/missed{suffix}", 1 - mean)
        self._measured = {}


def _flat(batch: Batch) -> tuple[Tensor, Tensor]:
    """Views and scale indices of a batch, view-major rows."""
    return batch.views.flatten(0, 1).contiguous(memory_format=torch.channels_last), batch.scale_index.flatten()
