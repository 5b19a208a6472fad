"""Pure error functions, one value per sample, in the unit of the input (spec section 6)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rscnet.geometry.alignment import similarity_align


def mpjpe(prediction: Float[Tensor, "n j 3"], target: Float[Tensor, "n j 3"]) -> Float[Tensor, "n"]:
    """Mean distance of corresponding points; bring both to a common root first. Per-vertex error is the same mean."""
    return torch.linalg.vector_norm(prediction - target, dim=-1).mean(-1)


def pa_mpjpe(prediction: Float[Tensor, "n j 3"], target: Float[Tensor, "n j 3"]) -> Float[Tensor, "n"]:
    """Mean distance after the best similarity alignment of each prediction to its target."""
    return mpjpe(similarity_align(prediction, target), target)


def pve(prediction: Float[Tensor, "n v 3"], target: Float[Tensor, "n v 3"]) -> Float[Tensor, "n"]:
    """Mean distance of corresponding vertices."""
    return mpjpe(prediction, target)


def pck(
    prediction: Float[Tensor, "n j d"],
    target: Float[Tensor, "n j d"],
    threshold: float | Float[Tensor, "n 1"],
    visible: Bool[Tensor, "n j"] | None = None,
) -> Float[Tensor, "n"]:
    """Share of the visible points nearer than `threshold` (in the input's unit); NaN where none is visible."""
    hit = torch.linalg.vector_norm(prediction - target, dim=-1) < threshold
    if visible is None:
        visible = torch.ones_like(hit)
    return (hit & visible).sum(-1) / visible.sum(-1)


def pck_auc(
    prediction: Float[Tensor, "n j d"], target: Float[Tensor, "n j d"], threshold: float, steps: int = 31
) -> Float[Tensor, "n"]:
    """Mean of `pck` over `steps` thresholds from 0 to `threshold`: the area under its curve (MPI-INF-3DHP has 31)."""
    thresholds = torch.linspace(0, threshold, steps, device=prediction.device, dtype=prediction.dtype)
    distance = torch.linalg.vector_norm(prediction - target, dim=-1)
    return (distance[..., None] < thresholds).to(prediction.dtype).mean((-2, -1))


def acceleration_error(
    prediction: Float[Tensor, "t j 3"], target: Float[Tensor, "t j 3"], fps: float = 1.0
) -> Float[Tensor, "u"]:
    """Mean difference of accelerations (second differences) of one motion, for each inner frame; t = u + 2.

    With `fps` frames per second the unit is the input's per second squared, without it per frame squared.
    """
    difference = prediction - target
    acceleration = (difference[:-2] - 2 * difference[1:-1] + difference[2:]) * fps**2
    return torch.linalg.vector_norm(acceleration, dim=-1).mean(-1)


def jitter(joints: Float[Tensor, "t j 3"], fps: float = 1.0) -> Float[Tensor, "u"]:
    """Mean length of the jerk (third differences) of one motion, for each of its frames but three; t = u + 3.

    With `fps` frames per second the unit is the input's per second cubed, without it per frame cubed.
    """
    return torch.linalg.vector_norm(joints.diff(n=3, dim=0) * fps**3, dim=-1).mean(-1)
