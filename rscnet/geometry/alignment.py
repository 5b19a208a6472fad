"""Similarity alignment of point sets (Procrustes)."""

import torch
from jaxtyping import Float
from torch import Tensor


def similarity_align(source: Float[Tensor, "b n 3"], target: Float[Tensor, "b n 3"]) -> Float[Tensor, "b n 3"]:
    """`source` under the scale, rotation and translation that bring it closest to `target` (Umeyama 1991).

    Works in double precision; a degenerate source (all points equal) is moved to the target's mean.
    """
    x, y = source.double(), target.double()
    x_mean, y_mean = x.mean(1, keepdim=True), y.mean(1, keepdim=True)
    x, y = x - x_mean, y - y_mean
    u, singular, vt = torch.linalg.svd(x.transpose(1, 2) @ y)
    # no reflections: the last axis turns over where the best orthogonal map would mirror
    sign = torch.ones_like(singular)
    sign[:, -1] = torch.sign(torch.linalg.det(u @ vt))
    rotation = (u * sign[:, None]) @ vt
    variance = x.square().sum((1, 2)).clamp(min=1e-30)
    scale = (singular * sign).sum(-1) / variance
    return (scale[:, None, None] * (x @ rotation) + y_mean).to(source.dtype)
