"""What unlabelled pictures teach: features that agree across resolutions and tell pictures apart."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from rscnet.losses.contrastive import ContrastiveLoss
from rscnet.losses.pairs import (
    Direction,
    PairWeights,
    check_direction,
    check_pair_weights,
    pair_differences,
    pair_weights,
)


class FeatureConsistency(nn.Module):
    """Scale consistency (spec section 3.2) where nothing predicts bodies: of the pooled feature itself.

    The paper's consistency compares body parameters. Before there is a regressor the feature stands for them; its
    length means nothing yet and could be shrunk to please a squared error, so features are brought to unit length and
    the squared distance (2 - 2 cosine) of each lower resolution to the higher one is taken.

    Args:
        pair_weights: how pairs of resolutions are weighted.
        direction: `high_to_low` teaches the lower resolution only (no gradient into the higher), `both` pulls at both.

    Raises:
        UserError: an unknown choice.
    """

    def __init__(self, pair_weights: PairWeights = "gap", direction: Direction = "high_to_low") -> None:
        super().__init__()
        check_pair_weights(pair_weights, "loss.consistency")
        check_direction(direction, "loss.consistency")
        self.pair_weights: PairWeights = pair_weights
        self.direction: Direction = direction

    def forward(self, feature: Float[Tensor, "m c"], views: int) -> Float[Tensor, ""]:
        """Sum over pairs with the pairs' weights of the mean over samples; rows are view-major, high to low."""
        unit = F.normalize(feature.float(), dim=-1).unflatten(0, (views, -1))
        per_pair = pair_differences(unit, self.direction).square().sum(-1).mean(-1)
        return (pair_weights(views, self.pair_weights, feature.device) * per_pair).sum()


class FeatureObjective(nn.Module):
    """`contrastive_weight * contrastive + consistency_weight * consistency`.

    Args:
        contrastive: of projections, with its queue; consistency alone would be pleased by one feature for all pictures.
        consistency: of pooled features, or None.
    """

    def __init__(
        self,
        contrastive: ContrastiveLoss,
        consistency: FeatureConsistency | None = None,
        contrastive_weight: float = 1.0,
        consistency_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.contrastive, self.consistency = contrastive, consistency
        self.contrastive_weight, self.consistency_weight = contrastive_weight, consistency_weight

    def forward(
        self,
        feature: Float[Tensor, "m c"],
        projection: Float[Tensor, "m d"],
        identity: Int[Tensor, "n 2"],
        views: int,
        keys: Float[Tensor, "m d"] | None = None,
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """Total, and detached terms without their weights; for `keys` see `ContrastiveLoss`."""
        terms = {"contrastive": self.contrastive(projection, identity, views, keys)}
        total = self.contrastive_weight * terms["contrastive"]
        if self.consistency is not None:
            terms["consistency"] = self.consistency(feature, views)
            total = total + self.consistency_weight * terms["consistency"]
        return total, {name: value.detach() for name, value in (terms | {"total": total}).items()}


def exponential_average(teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    """Moves the teacher's parameters a step of `1 - momentum` towards the student's (He et al., MoCo, CVPR 2020)."""
    with torch.no_grad():
        for old, new in zip(teacher.parameters(), student.parameters(), strict=True):
            old.lerp_(new, 1 - momentum)
