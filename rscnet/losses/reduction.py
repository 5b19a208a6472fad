"""The one reduction of all body losses: from rows of `k` views of `n` people to one mean per view."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def split_views(rows: Float[Tensor, "m *d"], samples: int) -> Float[Tensor, "k n *d"]:
    """View-major rows as (views, samples), so that targets of n samples broadcast against them."""
    return rows.unflatten(0, (-1, samples))


def residual(
    prediction: Float[Tensor, "m *d"], target: Float[Tensor, "n *d"], valid: Bool[Tensor, "n *v"]
) -> Float[Tensor, "k n *d"]:
    """Prediction less target, exactly zero (also in the gradient, also for NaN targets) where not `valid`."""
    difference = split_views(prediction, len(target)) - target
    mask = valid.reshape(*valid.shape, *[1] * (target.dim() - valid.dim()))
    return torch.where(mask, difference, torch.zeros((), dtype=difference.dtype, device=difference.device))


def mean_per_view(error: Float[Tensor, "k n *d"], valid: Bool[Tensor, "n"]) -> Float[Tensor, "k"]:
    """Mean over the valid samples and all trailing entries, per view; errors of invalid samples must be zero already.

    The number of samples does not matter: a batch that is repeated gives the same value.
    """
    per_sample = error.reshape(*error.shape[:2], -1).mean(-1)
    return per_sample.sum(-1) / valid.sum().clamp(min=1)
