"""A look at each picture in a mirror too, whose answer joins the first one; our extension, for prediction alone."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rscnet.geometry.cameras import mirror_camera
from rscnet.geometry.rotations import angle_between, geodesic, mirror_rotations
from rscnet.joints import SMPL_24_FLIP
from rscnet.structures import BodyParameters, Prediction

ALIKE, OPPOSED = math.radians(60), math.radians(90)
"""How far apart the two may turn the person for both to count alike, and for the second not to count: halfway between
front and back would be a side."""


class Mirrored(nn.Module):
    """The mean of what a network says of a picture and of its mirror image. From 60 degrees on that the two turn the
    person apart the mirror image counts less, from 90 on nothing. The feature is that of the picture.

    Args:
        network: says a `Prediction` with camera of `(views, scale_index)`.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, views: Float[Tensor, "n 3 h w"], scale_index: Int[Tensor, "n"]) -> Prediction:
        """Parameters and feature, without projection and dense maps."""
        both = self.network(torch.cat([views, views.flip(-1)]), scale_index.repeat(2))
        seen, reflected = both.parameters[: len(views)], mirrored_body(both.parameters[len(views) :])
        with torch.autocast(views.device.type, enabled=False):  # turns are products of matrices
            apart = angle_between(seen.global_orient, reflected.global_orient)[:, 0]
            share = 0.5 * likeness(apart)
            return Prediction(between(seen, reflected, share), both.feature[: len(views)])


def likeness(apart: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """How far answers that turn a person `apart` (radians) count together: 1 up to `ALIKE`, 0 from `OPPOSED` on."""
    return ((OPPOSED - apart) / (OPPOSED - ALIKE)).clamp(0, 1)


def mirrored_body(body: BodyParameters) -> BodyParameters:
    """The bodies and cameras of the mirror image."""
    assert body.camera is not None
    rotations = mirror_rotations(body.rotations[:, SMPL_24_FLIP])
    return BodyParameters.from_rotations(rotations, body.betas, mirror_camera(body.camera))


def between(first: BodyParameters, second: BodyParameters, share: Float[Tensor, "n"]) -> BodyParameters:
    """Bodies and cameras on the way from `first` (0) to `second` (1), joint by joint."""
    assert first.camera is not None and second.camera is not None
    return BodyParameters.from_rotations(
        geodesic(first.rotations, second.rotations, share[:, None].expand(-1, 24)),
        torch.lerp(first.betas, second.betas, share[:, None]),
        torch.lerp(first.camera, second.camera, share[:, None]),
    )
