"""The whole objective of RSC-Net (spec section 3.4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rscnet.errors import UserError
from rscnet.losses.consistency import ScaleConsistency
from rscnet.losses.contrastive import ContrastiveLoss
from rscnet.losses.dense import DenseLoss
from rscnet.losses.posed import PosedBodies
from rscnet.losses.supervised import SupervisedLoss
from rscnet.structures import Batch, Prediction


def scale_weights(views: int, kind: Literal["index", "uniform"], device: torch.device) -> Float[Tensor, "k"]:
    """Weight of each view's supervised loss; both kinds sum to (views + 1) / 2.

    `index` is the paper's (i + 1) / views, so that lower resolutions count more; `uniform` spreads the same sum evenly.
    """
    if kind == "uniform":
        return torch.full((views,), (views + 1) / (2 * views), device=device)
    return torch.arange(1, views + 1, device=device) / views


class _Part(NamedTuple):
    """A loss, the factor with which it enters the total, and the terms that it is made of, named as they are logged."""

    name: str
    loss: Float[Tensor, ""]
    factor: float
    terms: dict[str, Float[Tensor, ""]]


class RSCObjective(nn.Module):
    """`total_scale * (supervised + ramp * consistency_weight * (consistency + feature_weight * contrastive))`.

    Args:
        supervised: body losses per view.
        consistency: self-supervision across resolutions, or None.
        contrastive: contrastive loss on projected features, or None.
        total_scale: factor on everything.
        consistency_weight: weight of both losses across resolutions.
        feature_weight: weight of the contrastive loss beside the consistency.
        scale_weights: how resolutions are weighted in the supervised part.
        dense: our extension, None in the paper: losses of the network's dense head, the mean over all resolutions.
        dense_weight: weight of the dense losses beside the supervised ones.
        distances: our extension, None in the paper: more body losses per view, weighted as `supervised` is.

    Raises:
        UserError: unknown scale weights.
    """

    def __init__(
        self,
        supervised: SupervisedLoss,
        consistency: ScaleConsistency | None = None,
        contrastive: ContrastiveLoss | None = None,
        total_scale: float = 60.0,
        consistency_weight: float = 0.25,
        feature_weight: float = 0.1,
        scale_weights: Literal["index", "uniform"] = "index",
        dense: DenseLoss | None = None,
        dense_weight: float = 0.1,
        distances: SupervisedLoss | None = None,
    ) -> None:
        super().__init__()
        if scale_weights not in ("index", "uniform"):
            raise UserError(f"loss: scale_weights must be 'index' or 'uniform', got {scale_weights!r}")
        self.supervised = supervised
        self.consistency = consistency
        self.contrastive = contrastive
        self.total_scale = total_scale
        self.consistency_weight = consistency_weight
        self.feature_weight = feature_weight
        self.scale_weights: Literal["index", "uniform"] = scale_weights
        self.dense = dense
        self.dense_weight = dense_weight
        self.distances = distances

    @property
    def needs_truth(self) -> bool:
        """Whether an active body loss asks for the posed ground truth."""
        return any(losses.needs_truth for losses in self._body_losses().values())

    def _body_losses(self) -> dict[str, SupervisedLoss]:
        groups = {"supervised": self.supervised, "distances": self.distances}
        return {name: losses for name, losses in groups.items() if losses is not None}

    def forward(
        self,
        prediction: Prediction,
        posed: PosedBodies,
        batch: Batch,
        views: int,
        ramp: float,
        truth: PosedBodies | None = None,
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """Total loss, and scalars to log.

        Args:
            prediction: of `views` views of the batch's people, view-major rows, views from high to low resolution.
            posed: the same predictions posed.
            batch: targets and identities.
            views: views per person that were predicted.
            ramp: factor on the losses across resolutions, from `LinearRamp`.
            truth: posed ground truth, needed where `needs_truth`.

        Returns:
            The total, and detached terms: `supervised/<name>`, `distances/<name>`, `dense/<name>`, `consistency/<name>`
            and `contrastive` without their weights; `weighted/<part>` as they enter the total, `weight/<part>` the
            factor that made them so; `total`.
        """
        parts = [
            *self._on_labels(prediction, posed, batch, views, truth),
            *self._across_resolutions(prediction, posed, batch, views, ramp),
        ]
        weighted = {part.name: part.factor * part.loss for part in parts}
        total = torch.stack(list(weighted.values())).sum()
        logs = {name: value for part in parts for name, value in part.terms.items()}
        logs |= {f"weighted/{name}": value for name, value in weighted.items()} | {"total": total}
        logs |= {f"weight/{part.name}": total.new_tensor(part.factor) for part in parts}
        return total, {name: value.detach() for name, value in logs.items()}

    def _on_labels(
        self, prediction: Prediction, posed: PosedBodies, batch: Batch, views: int, truth: PosedBodies | None
    ) -> Iterator[_Part]:
        """What is learned from labels."""
        weights = scale_weights(views, self.scale_weights, posed.translation.device)
        for group, losses in self._body_losses().items():
            terms = losses(posed, batch.target, truth)
            means = {f"{group}/{name}": value.mean() for name, value in terms.items()}
            yield _Part(group, (weights * losses.total(terms)).sum(), self.total_scale, means)
        if self.dense is not None:
            assert prediction.dense is not None, "dense losses need a network with a dense head"
            loss, terms = self.dense(prediction.dense, batch.target, batch.parts)
            means = {f"dense/{name}": value for name, value in terms.items()}
            yield _Part("dense", loss, self.total_scale * self.dense_weight, means)

    def _across_resolutions(
        self, prediction: Prediction, posed: PosedBodies, batch: Batch, views: int, ramp: float
    ) -> Iterator[_Part]:
        """What one person's views at several resolutions teach each other."""
        factor = self.total_scale * (ramp * self.consistency_weight)
        if self.consistency is not None:
            loss, terms = self.consistency(posed, views)
            yield _Part("consistency", loss, factor, {f"consistency/{name}": value for name, value in terms.items()})
        if self.contrastive is not None:
            assert prediction.projection is not None, "the contrastive loss needs a network with a projector"
            loss = self.contrastive(prediction.projection, batch.identity, views)
            yield _Part("contrastive", loss, factor * self.feature_weight, {"contrastive": loss})
