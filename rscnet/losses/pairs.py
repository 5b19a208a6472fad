"""Pairs of resolutions and their weights, shared by consistency and contrastive loss (spec section 3.2)."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rscnet.errors import UserError

PairWeights = Literal["gap", "inverse_gap", "uniform"]
Direction = Literal["high_to_low", "both"]


def scale_pairs(views: int, device: torch.device | None = None) -> tuple[Int[Tensor, "p"], Int[Tensor, "p"]]:
    """All pairs of views (high, low) with high before low; views are ordered from high to low resolution."""
    high, low = torch.triu_indices(views, views, offset=1, device=device)
    return high, low


def pair_weights(views: int, kind: PairWeights, device: torch.device | None = None) -> Float[Tensor, "p"]:
    """Weights of `scale_pairs`.

    `gap` is the paper's (low - high) / views, so that pairs far apart count more. The others are made for ablation and
    are scaled to the same sum, (views^2 - 1) / 6, so that they change where the weight goes and not how much there is.
    """
    high, low = scale_pairs(views, device)
    gap = (low - high).float()
    weights = {"gap": gap, "inverse_gap": 1 / gap, "uniform": torch.ones_like(gap)}[kind]
    return weights * (views**2 - 1) / (6 * weights.sum().clamp(min=1))


def pair_differences(values: Float[Tensor, "k n *d"], direction: Direction) -> Float[Tensor, "p n *d"]:
    """Low less high of all `scale_pairs`; `high_to_low` lets no gradient into the higher resolution."""
    high, low = scale_pairs(len(values), values.device)
    teacher = values.detach() if direction == "high_to_low" else values
    return values[low] - teacher[high]


def check_direction(direction: str, field: str) -> None:
    """Raise a UserError for a direction that does not exist."""
    if direction not in Direction.__args__:  # type: ignore[attr-defined]
        raise UserError(f"{field}: direction must be 'high_to_low' or 'both', got {direction!r}")


def check_pair_weights(kind: str, field: str) -> None:
    """Raise a UserError for a kind that does not exist."""
    if kind not in PairWeights.__args__:  # type: ignore[attr-defined]
        raise UserError(f"{field}: pair_weights must be one of {list(PairWeights.__args__)}, got {kind!r}")  # type: ignore[attr-defined]
