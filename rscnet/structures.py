"""The typed structures that flow between rooms: body parameters, body output, the network's prediction, a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

GENDERS = ("neutral", "male", "female")
"""Which body model a label belongs to; targets hold positions in this list."""


class TensorStruct:
    """Mix-in for dataclasses whose fields are tensors, other such structures, or None."""

    def map(self, function) -> Self:
        """The same structure with `function` applied to every tensor in it."""
        changed = {}
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                changed[field.name] = function(value)
            elif isinstance(value, TensorStruct):
                changed[field.name] = value.map(function)
            else:
                changed[field.name] = value
        return type(self)(**changed)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """The structure on another device (Lightning moves batches through this method)."""
        return self.map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def detach(self) -> Self:
        """The structure cut from the graph."""
        return self.map(Tensor.detach)

    @classmethod
    def concatenate(cls, pieces: Sequence[Self]) -> Self:
        """Structures of one kind joined along the first dimension; a field that is None in the first stays None."""
        joined = {}
        for field in fields(cls):  # type: ignore[arg-type]
            values = [getattr(piece, field.name) for piece in pieces]
            if isinstance(values[0], Tensor):
                joined[field.name] = torch.cat(values)
            elif isinstance(values[0], TensorStruct):
                joined[field.name] = type(values[0]).concatenate(values)
            else:
                joined[field.name] = values[0]
        return cls(**joined)

    def __getitem__(self, index) -> Self:
        """The structure with `index` applied to the first dimension of every tensor."""
        return self.map(lambda tensor: tensor[index])


@dataclass(frozen=True)
class BodyParameters(TensorStruct):
    """Pose, shape and camera of `n` people.

    Rotation matrices in the camera frame (x right, y down, z forward) for `global_orient`, relative to the parent joint
    for `body_pose`; `camera` is weak perspective [s, tx, ty] over the crop, None where no camera is known.
    """

    global_orient: Float[Tensor, "n 1 3 3"]
    body_pose: Float[Tensor, "n 23 3 3"]
    betas: Float[Tensor, "n 10"]
    camera: Float[Tensor, "n 3"] | None = None

    @property
    def rotations(self) -> Float[Tensor, "n 24 3 3"]:
        """All 24 rotations, the root first."""
        return torch.cat([self.global_orient, self.body_pose], dim=1)

    @classmethod
    def from_rotations(
        cls,
        rotations: Float[Tensor, "n 24 3 3"],
        betas: Float[Tensor, "n 10"],
        camera: Float[Tensor, "n 3"] | None = None,
    ) -> BodyParameters:
        """Parameters from the 24 rotations in one tensor."""
        return cls(rotations[:, :1], rotations[:, 1:], betas, camera)


@dataclass(frozen=True)
class BodyJoints(TensorStruct):
    """The joints of a posed body in metres, rotated into the camera frame, not yet translated."""

    joints: Float[Tensor, "n 49 3"]
    smpl_joints: Float[Tensor, "n 24 3"]


@dataclass(frozen=True)
class BodyOutput(BodyJoints):
    """A posed body: its joints and, in the same frame, its surface."""

    vertices: Float[Tensor, "n v 3"]


@dataclass(frozen=True)
class DensePrediction(TensorStruct):
    """Read-out of a dense head on a grid of a quarter of the input size.

    `heatmaps` and `parts` are logits, `probability` is the softmax of each heat map over its cells, `depths` are metres
    that the annotation joints are behind the pelvis. `first` is what the head said before a second look.
    """

    heatmaps: Float[Tensor, "n j h w"]
    probability: Float[Tensor, "n j h w"]
    parts: Float[Tensor, "n p h w"] | None = None
    depths: Float[Tensor, "n d"] | None = None
    first: DensePrediction | None = None


@dataclass(frozen=True)
class Prediction(TensorStruct):
    """What the network says of `n` views: parameters, pooled feature, the contrastive projection, and what its dense
    head says where it has one."""

    parameters: BodyParameters
    feature: Float[Tensor, "n c"]
    projection: Float[Tensor, "n d"] | None = None
    dense: DensePrediction | None = None


@dataclass(frozen=True)
class Target(TensorStruct):
    """Ground truth of `n` samples with validity.

    `keypoints_2d` is normalised to [-1, 1] over the crop, last column the confidence; `joints_3d` are the 24 annotation
    joints in metres in the camera frame (any origin), last column the confidence. `gender` says for which of `GENDERS`
    the parameters hold; None is neutral for all.
    """

    keypoints_2d: Float[Tensor, "n 49 3"]
    joints_3d: Float[Tensor, "n 24 4"]
    parameters: BodyParameters
    has_smpl: Bool[Tensor, "n"]
    has_joints_3d: Bool[Tensor, "n"]
    gender: Int[Tensor, "n"] | None = None


@dataclass(frozen=True)
class Batch(TensorStruct):
    """Views of `n` people: for each sample one picture per entry of `views`, from high to low resolution.

    `views[i]` is normalised for the network; `sizes[i]` holds true sizes in pixels of the crop and `scale_index[i]` the
    rows of coefficients that belong to them. `identity` is (data set, sample) and names the picture.
    """

    views: Float[Tensor, "k n 3 h w"]
    sizes: Int[Tensor, "k n"]
    scale_index: Int[Tensor, "k n"]
    target: Target
    identity: Int[Tensor, "n 2"]
    parts: Int[Tensor, "n hp wp"] | None = None


@dataclass(frozen=True)
class SurfaceView(TensorStruct):
    """How the bodies in n pictures meet their UV maps, both ways round; all that rendering a texture needs.

    Attributes:
        face: index of the visible face at each pixel, -1 off the body.
        barycentrics: weights of its three corners, 0 off the body.
        place: where each covered texel falls, in [-1, 1] over the picture (x right, y down).
        facing: cosine between the texel's normal and the way to the camera; 0 where it is hidden or off the picture.
        normals: unit normal of each covered texel, camera frame.
    """

    face: Int[Tensor, "n h w"]
    barycentrics: Float[Tensor, "n h w 3"]
    place: Float[Tensor, "n k 2"]
    facing: Float[Tensor, "n k"]
    normals: Float[Tensor, "n k 3"]


@dataclass(frozen=True)
class TextureBatch(TensorStruct):
    """Textured people: n people, each in k pictures, the first of which a network sees at s sizes.

    RGB in [0, 1] but for `inputs`. The rows of `surface` are the pictures, picture-major (k n).

    Attributes:
        inputs: the first picture degraded to each size and brought back, in [-1, 1].
        sizes, scale_index: of the inputs, sizes in pixels of the person crop.
        pictures: the person sharp; the first is where the inputs come from.
        surface: how the person's body lies in each picture.
        backgrounds: what a rendered person is laid on.
        identity: (data set, person).
        texture: the true UV map, None where nobody knows it.
        prior: a UV map of somebody else, for priors on faces and hands.
    """

    inputs: Float[Tensor, "s n 3 h w"]
    sizes: Int[Tensor, "s n"]
    scale_index: Int[Tensor, "s n"]
    pictures: Float[Tensor, "k n 3 h w"]
    surface: SurfaceView
    backgrounds: Float[Tensor, "k n 3 h w"]
    identity: Int[Tensor, "n 2"]
    texture: Float[Tensor, "n 3 t t"] | None = None
    prior: Float[Tensor, "n 3 t t"] | None = None
