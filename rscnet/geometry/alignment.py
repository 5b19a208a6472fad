"""Similarity alignment of point sets (Procrustes)."""

import torch
from jaxtyping import Float
from torch import Tensor


def similarity_align(source: Float[Tensor, "b n 3"], target: Float[Tensor, "b n 3"]) -> Float[Tensor, "b n 3"]:
    """`source` under the scale, rotation and translation that bring it closest to `target` (Umeyama 1991).

    Works in double precision; a degenerate source (all points equal) is moved to the target's mean. The similarity
    itself is held fixed in the gradient: at the best fit it changes the squared error only in second order, and the
    derivative of a singular value decomposition has poles.
    """
    x, y = source.double(), target.double()
    with torch.no_grad():
        scale, rotation = _scale_and_rotation(x.nan_to_num(), y.nan_to_num())  # a decomposition of NaN is an exception
    centred = x - x.mean(1, keepdim=True)
    return (scale[:, None, None] * (centred @ rotation) + y.mean(1, keepdim=True)).to(source.dtype)


def _scale_and_rotation(
    x: Float[Tensor, "b n 3"], y: Float[Tensor, "b n 3"]
) -> tuple[Float[Tensor, "b"], Float[Tensor, "b 3 3"]]:
    """What the centred rows of `x` are multiplied with to come closest to those of `y`."""
    x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
    u, singular, vt = torch.linalg.svd(x.transpose(1, 2) @ y)
    # no reflections: the last axis turns over where the best orthogonal map would mirror
    sign = torch.ones_like(singular)
    sign[:, -1] = torch.sign(torch.linalg.det(u @ vt))
    variance = x.square().sum((1, 2)).clamp(min=1e-30)
    return (singular * sign).sum(-1) / variance, (u * sign[:, None]) @ vt
