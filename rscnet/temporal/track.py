"""A person over time as a per-frame network sees them, and the one interface of everything that refines that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rscnet.geometry.cameras import crop_to_picture, picture_to_crop
from rscnet.geometry.rotations import geodesic
from rscnet.structures import BodyParameters, TensorStruct


@dataclass(frozen=True)
class Track(TensorStruct):
    """Consecutive frames of one person; leading dimensions `b` are several such tracks of one length, or none.

    Attributes:
        rotations: of SMPL's 24 joints, the root in the camera frame (x right, y down, z forward).
        betas: shape coefficients.
        camera: weak perspective [s, tx, ty] over each frame's crop.
        crops: [left, top, side] in pixels of the picture; the side is the person's size.
        valid: whether the person was seen; other frames hold anything until `fill_gaps`.
        fps: frames per second.
        feature: pooled features of the network, where a back-end asks for them.
    """

    rotations: Float[Tensor, "*b t 24 3 3"]
    betas: Float[Tensor, "*b t 10"]
    camera: Float[Tensor, "*b t 3"]
    crops: Float[Tensor, "*b t 3"]
    valid: Bool[Tensor, "*b t"]
    fps: Float[Tensor, "*b"]
    feature: Float[Tensor, "*b t c"] | None = None

    @property
    def parameters(self) -> BodyParameters:
        """All frames as rows, track after track."""
        return BodyParameters.from_rotations(
            self.rotations.flatten(0, -4), self.betas.flatten(0, -2), self.camera.flatten(0, -2)
        )

    @property
    def picture_camera(self) -> Float[Tensor, "*b t 3"]:
        """[pixels per metre, u, v] in the picture, see `crop_to_picture`."""
        return crop_to_picture(self.camera, self.crops)

    def with_picture_camera(self, camera: Float[Tensor, "*b t 3"]) -> Track:
        """The track with other places in the picture, in the same crops."""
        return replace(self, camera=picture_to_crop(camera, self.crops))


class TemporalBackend(Protocol):
    """Whatever makes a track steady."""

    def __call__(self, track: Track) -> Track:
        """The refined track of one person (no leading dimensions) whose gaps are filled."""
        ...


def fill_gaps(track: Track) -> Track:
    """Frames without the person, made of those before and after: rotations on the shortest way, the rest linearly.

    Before the first and after the last seen frame that frame is held. `valid` still marks what was seen.

    Raises:
        ValueError: no frame shows the person.
    """
    seen = track.valid.nonzero().squeeze(1)
    if not len(seen):
        raise ValueError("a track needs at least one frame that shows the person")
    if len(seen) == len(track.valid):
        return track
    frames = torch.arange(len(track.valid))
    after = torch.searchsorted(seen, frames).clamp(max=len(seen) - 1)
    before = (torch.searchsorted(seen, frames, right=True) - 1).clamp(min=0)
    first, last = seen[before], seen[after]
    share = (frames - first).clamp(min=0) / (last - first).clamp(min=1)

    def mixed(values: Float[Tensor, "t d"]) -> Float[Tensor, "t d"]:
        return values[first] + share[:, None].to(values) * (values[last] - values[first])

    rotations = geodesic(track.rotations[first], track.rotations[last], share[:, None].expand(-1, 24))
    place = track.picture_camera
    filled = replace(
        track,
        rotations=torch.where(track.valid[:, None, None, None], track.rotations, rotations),
        betas=mixed(track.betas),
        crops=mixed(track.crops),
        feature=None if track.feature is None else mixed(track.feature),
    )
    return filled.with_picture_camera(mixed(place))
