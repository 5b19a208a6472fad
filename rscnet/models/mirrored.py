"""A second look at each picture in a mirror, whose answer joins the first one; our extension, for prediction alone."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rscnet.geometry.rotations import angle_between, mean_rotation, mirror_rotations
from rscnet.joints import SMPL_24_FLIP
from rscnet.structures import BodyParameters, Prediction

AGREE = torch.pi / 2
"""Radians by which the two may differ in how the person is turned; halfway between front and back would be a side."""


class Mirrored(nn.Module):
    """The mean of what a network says of a picture and of its mirror image; where the two turn the person by more than
    90 degrees apart, what it says of the picture. Features are those of the picture.

    Args:
        network: says a `Prediction` with camera of `(views, scale_index)`.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, views: Float[Tensor, "n 3 h w"], scale_index: Int[Tensor, "n"]) -> Prediction:
        """As the network's, without its dense maps."""
        both = self.network(torch.cat([views, views.flip(-1)]), scale_index.repeat(2))
        seen, reflected = both.parameters[: len(views)], mirrored_body(both.parameters[len(views) :])
        agree = angle_between(seen.global_orient, reflected.global_orient)[:, 0] <= AGREE
        feature = both.feature[: len(views)]
        return Prediction(_where(agree, mean_body(seen, reflected), seen), feature)


def mirrored_body(body: BodyParameters) -> BodyParameters:
    """The bodies and cameras of the mirror image."""
    assert body.camera is not None
    rotations = mirror_rotations(body.rotations[:, SMPL_24_FLIP])
    return BodyParameters.from_rotations(rotations, body.betas, body.camera * body.camera.new_tensor([1.0, -1.0, 1.0]))


def mean_body(first: BodyParameters, second: BodyParameters) -> BodyParameters:
    """Halfway between two bodies, joint by joint."""
    assert first.camera is not None and second.camera is not None
    return BodyParameters.from_rotations(
        mean_rotation(first.rotations, second.rotations),
        (first.betas + second.betas) / 2,
        (first.camera + second.camera) / 2,
    )


def _where(condition: Tensor, yes: BodyParameters, no: BodyParameters) -> BodyParameters:
    rows = torch.arange(len(condition), device=condition.device)
    return BodyParameters.concatenate([yes, no])[torch.where(condition, rows, rows + len(rows))]
