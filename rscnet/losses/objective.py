"""The whole objective of RSC-Net (spec section 3.4)."""

from __future__ import annotations

from typing import Literal

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
        weights = scale_weights(views, self.scale_weights, posed.translation.device)
        parts, factors, logs = {}, {}, {}
        for group, losses in self._body_losses().items():
            terms = losses(posed, batch.target, truth)
            parts[group] = (weights * losses.total(terms)).sum()
            factors[group] = self.total_scale
            logs |= {f"{group}/{name}": value.mean() for name, value in terms.items()}
        if self.dense is not None:
            assert prediction.dense is not None, "dense losses need a network with a dense head"
            parts["dense"], dense = self.dense(prediction.dense, batch.target, batch.parts)
            factors["dense"] = self.total_scale * self.dense_weight
            logs |= {f"dense/{name}": value for name, value in dense.items()}
        across = ramp * self.consistency_weight
        if self.consistency is not None:
            total, consistency = self.consistency(posed, views)
            factors["consistency"] = self.total_scale * across
            parts["consistency"] = total
            logs |= {f"consistency/{name}": value for name, value in consistency.items()}
        if self.contrastive is not None:
            assert prediction.projection is not None, "the contrastive loss needs a network with a projector"
            logs["contrastive"] = self.contrastive(prediction.projection, batch.identity, views)
            factors["contrastive"] = self.total_scale * across * self.feature_weight
            parts["contrastive"] = logs["contrastive"]
        parts = {name: factors[name] * value for name, value in parts.items()}
        total = torch.stack(list(parts.values())).sum()
        logs |= {f"weighted/{name}": value for name, value in parts.items()} | {"total": total}
        logs |= {f"weight/{name}": total.new_tensor(factor) for name, factor in factors.items()}
        return total, {name: value.detach() for name, value in logs.items()}
