"""Projection head of the contrastive loss (spec section 2.4); used in training only."""

from jaxtyping import Float
from torch import Tensor, nn


class Projector(nn.Sequential):
    """Linear, ReLU, Linear; the output is not normalised."""

    def __init__(self, features: int, hidden: int = 1024, out: int = 256) -> None:
        super().__init__(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, out))

    def forward(self, feature: Float[Tensor, "n c"]) -> Float[Tensor, "n d"]:  # type: ignore[override]
        """Project pooled features."""
        return super().forward(feature)
