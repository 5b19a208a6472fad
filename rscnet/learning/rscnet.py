"""Training of RSC-Net: supervised at every resolution, consistent across resolutions, contrastive in its features."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from rscnet.body.model import BodyModel
from rscnet.errors import UserError
from rscnet.learning.base import TrainingModule
from rscnet.losses.objective import RSCObjective
from rscnet.losses.posed import PosedBodies, pose_bodies
from rscnet.losses.schedules import LinearRamp
from rscnet.models.rscnet import RSCNet
from rscnet.structures import Batch, Prediction


class RSCNetModule(TrainingModule):
    """RSC-Net with its objective (spec section 3).

    Args:
        network: views and scale indices to predictions.
        body: poses predictions and ground truth; its buffers never enter checkpoints.
        objective: all losses with their weights.
        optimizer, schedule: see `TrainingModule`.
        ramp: course of the losses across resolutions; its length comes from the curriculum.
        sequential: forward each resolution by itself, from high to low, as the original does, so that batch
            normalisation sees one resolution at a time; False forwards them together.
        own_rate: our extension: factor on the learning rate of what each resolution has of its own, which others do not
            suffer from. The paper has 1.

    Raises:
        UserError: an impossible `own_rate`.
    """

    def __init__(
        self,
        network: RSCNet,
        body: BodyModel,
        objective: RSCObjective,
        optimizer: Callable[[Iterable[Any]], Optimizer],
        schedule: Mapping[str, Any],
        ramp: Literal["up", "down", "none"] = "up",
        sequential: bool = False,
        own_rate: float = 1.0,
    ) -> None:
        super().__init__(optimizer, schedule)
        if not 0 < own_rate < math.inf:
            raise UserError(f"model.own_rate: expected more than 0 and finite, got {own_rate}")
        self.network = network
        self.body = body
        self.objective = objective
        if objective.contrastive is None and network.projector is not None:
            network.projector.requires_grad_(False)  # DDP waits for the gradient of every parameter that has one
        self.ramp: Literal["up", "down", "none"] = ramp
        self.sequential = sequential
        self.own_rate = own_rate

    def parameter_groups(self) -> list[tuple[list[nn.Parameter], float]]:
        """Two groups if what each resolution has of its own has a rate of its own too."""
        own = {id(p) for p in getattr(self.network.encoder, "own_parameters", list)()} if self.own_rate != 1 else set()
        [(parameters, _)] = super().parameter_groups()
        parts = [[p for p in parameters if (id(p) in own) == chosen] for chosen in (False, True)]
        return [(part, rate) for part, rate in zip(parts, (1.0, self.own_rate), strict=True) if part]

    def forward(self, batch: Batch) -> Prediction:
        """Predictions of all views, view-major rows."""
        views = batch.views.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        scales = batch.scale_index.flatten()
        if not self.sequential:
            return self.network(views, scales)
        count = len(batch.views)
        pieces = [self.network(v, s) for v, s in zip(views.chunk(count), scales.chunk(count), strict=True)]
        return Prediction.concatenate(pieces)

    def losses(self, batch: Batch, ramp: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The objective of a batch and its terms, with `ramp` as the factor on the losses across resolutions."""
        prediction = self(batch)
        posed = pose_bodies(self.body, prediction.parameters, with_vertices=self.objective.needs_truth)
        return self.objective(prediction, posed, batch, len(batch.views), ramp, self._truth(batch))

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        ramp = self.ramp_factor()
        total, terms = self.losses(batch, ramp)
        self.log_terms("train", terms, bar=("total",))
        self.log("train/ramp", ramp)
        return total * self.rank_share(len(batch.identity))

    def validation_step(self, batch: Batch, batch_index: int) -> Prediction:
        """Predictions of all views; callbacks measure them."""
        return self(batch)

    def ramp_factor(self) -> float:
        """Factor on the losses across resolutions at the current step."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        length = data.curriculum.ramp_length(len(data.train))
        return LinearRamp(length, self.ramp)(self.global_step)

    def _truth(self, batch: Batch) -> PosedBodies | None:
        if not self.objective.needs_truth:
            return None
        # in full precision, as predictions are posed
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            output = self.body(batch.target.parameters)
        nowhere = torch.zeros_like(output.joints[:, 0])
        return PosedBodies(
            batch.target.parameters, output.joints, output.vertices, nowhere, torch.zeros_like(output.joints[..., :2])
        )
