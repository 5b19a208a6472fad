"""Self-supervision by consistency across resolutions (spec section 3.2)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rscnet.losses.pairs import (
    Direction,
    PairWeights,
    check_direction,
    check_pair_weights,
    pair_differences,
    pair_weights,
)
from rscnet.losses.posed import PosedBodies


class ScaleConsistency(nn.Module):
    """What the network says of a low-resolution view should be what it says of the same picture at high resolution.

    Over all pairs of views: squared errors of rotation matrices, betas and camera translation, labelled or not.

    Args:
        pose_weight: weight of the rotation matrices.
        betas_weight: weight of the shape.
        camera_weight: weight of the translation in metres.
        pair_weights: how pairs of resolutions are weighted.
        direction: `high_to_low` teaches the lower resolution only (no gradient into the higher), `both` pulls at both.

    Raises:
        UserError: an unknown choice.
    """

    def __init__(
        self,
        pose_weight: float = 1.0,
        betas_weight: float = 0.001,
        camera_weight: float = 0.0001,
        pair_weights: PairWeights = "gap",
        direction: Direction = "high_to_low",
    ) -> None:
        super().__init__()
        check_pair_weights(pair_weights, "loss.consistency")
        check_direction(direction, "loss.consistency")
        self.weights = {"pose": pose_weight, "betas": betas_weight, "camera": camera_weight}
        self.pair_weights: PairWeights = pair_weights
        self.direction: Direction = direction

    def forward(self, posed: PosedBodies, views: int) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """Weighted total and the unweighted terms, both summed over pairs with the pairs' weights.

        Rows of `posed` are view-major, views from high to low resolution. One view has no pair and gives zero.
        """
        rows = {"pose": posed.parameters.rotations, "betas": posed.parameters.betas, "camera": posed.translation}
        terms = {name: self._pairs(value.unflatten(0, (views, -1))) for name, value in rows.items()}
        total = torch.stack([self.weights[name] * value for name, value in terms.items()]).sum()
        return total, terms

    def _pairs(self, values: Float[Tensor, "k n *d"]) -> Float[Tensor, ""]:
        per_pair = pair_differences(values, self.direction).square().flatten(1).mean(1)
        return (pair_weights(len(values), self.pair_weights, values.device) * per_pair).sum()
