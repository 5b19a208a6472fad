"""Looks at each picture cut a little nearer, farther and aside too, whose answers join; our extension, for prediction
alone."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample

from rscnet.geometry.cameras import crop_to_picture, picture_to_crop
from rscnet.geometry.rotations import angle_between, mean_rotation
from rscnet.models.mirrored import likeness
from rscnet.structures import BodyParameters, Prediction

WHOLE = (0.0, 0.0, 1.0)
FRAMES = (WHOLE, (0.035, 0.035, 0.93), (-0.04, -0.04, 1.08), (0.025, 0.015, 1.0), (-0.025, -0.015, 1.0))
"""Left, top and side of what is looked at, in shares of the picture's side: about what boxes of people differ by."""


class Reframed(nn.Module):
    """The mean of what a network says of a picture in several frames. Answers that turn the person elsewhere than the
    one that all are nearest to count less from 60 degrees on, and from 90 on nothing. The feature is that of the
    picture as it is.

    Args:
        network: says a `Prediction` with camera of `(views, scale_index)`.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, views: Float[Tensor, "n 3 h w"], scale_index: Int[Tensor, "n"]) -> Prediction:
        """Parameters and feature, without projection and dense maps."""
        said = [self.network(views if frame == WHOLE else cut(views, frame), scale_index) for frame in FRAMES]
        with torch.autocast(views.device.type, enabled=False):  # determinants need full precision
            bodies = [in_picture(one.parameters, frame) for one, frame in zip(said, FRAMES, strict=True)]
            return Prediction(_joined(bodies), said[0].feature)


def cut(views: Float[Tensor, "n 3 h w"], frame: tuple[float, float, float]) -> Float[Tensor, "n 3 h w"]:
    """A frame of each picture at the picture's size; beyond the picture the nearest pixel of the edge is repeated."""
    left, top, side = frame
    row_x, row_y = [side, 0.0, 2 * left + side - 1], [0.0, side, 2 * top + side - 1]
    grid = affine_grid(views.new_tensor([[row_x, row_y]]), [1, *views.shape[1:]], align_corners=False)
    return grid_sample(views, grid.expand(len(views), -1, -1, -1), padding_mode="border", align_corners=False)


def in_picture(body: BodyParameters, frame: tuple[float, float, float]) -> BodyParameters:
    """Bodies that were seen in a frame, with cameras of the whole picture."""
    camera = _camera(body)
    seen, whole = (camera.new_tensor(crop).expand_as(camera) for crop in (frame, WHOLE))
    return BodyParameters.from_rotations(
        body.rotations, body.betas, picture_to_crop(crop_to_picture(camera, seen), whole)
    )


def agreement(orient: Float[Tensor, "k n 3 3"]) -> Float[Tensor, "k n"]:
    """Shares of `k` answers, which add up to one, by how near each is to the one that is nearest to all."""
    apart = angle_between(orient[:, None], orient[None])
    middle = apart.sum(0).argmin(0)
    near = apart[middle, :, torch.arange(len(middle), device=orient.device)].T
    shares = likeness(near)
    return shares / shares.sum(0)


def _joined(bodies: list[BodyParameters]) -> BodyParameters:
    rotations = torch.stack([body.rotations for body in bodies])
    shares = agreement(rotations[:, :, 0])
    return BodyParameters.from_rotations(
        mean_rotation(rotations, shares[..., None].expand(-1, -1, 24)),
        (shares[..., None] * torch.stack([body.betas for body in bodies])).sum(0),
        (shares[..., None] * torch.stack([_camera(body) for body in bodies])).sum(0),
    )


def _camera(body: BodyParameters) -> Float[Tensor, "n 3"]:
    assert body.camera is not None
    return body.camera
