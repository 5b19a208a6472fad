"""Predicted bodies, posed, placed before the camera and projected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from rscnet.geometry.cameras import camera_to_translation, project
from rscnet.structures import BodyJoints, BodyOutput, BodyParameters, TensorStruct


@dataclass(frozen=True)
class PosedBodies(TensorStruct):
    """Bodies in metres in the camera frame; joints and vertices are not yet moved by `translation`.

    `vertices` is None where only joints were asked for.
    """

    parameters: BodyParameters
    joints: Float[Tensor, "m 49 3"]
    vertices: Float[Tensor, "m v 3"] | None
    translation: Float[Tensor, "m 3"]
    keypoints_2d: Float[Tensor, "m 49 2"]


class Body(Protocol):
    """What posing asks of a body model; `rscnet.body.model.BodyModel` is the one we train with."""

    def __call__(self, parameters: BodyParameters, /) -> BodyOutput: ...

    def joints(self, parameters: BodyParameters, /) -> BodyJoints: ...


def pose_bodies(body: Body, parameters: BodyParameters, with_vertices: bool = True) -> PosedBodies:
    """Pose the body model and project its 49 joints to [-1, 1] of the crop.

    Args:
        body: gives vertices and joints, or joints alone.
        parameters: with a camera.
        with_vertices: False leaves the surface out, many times cheaper where losses read joints only.
    """
    assert parameters.camera is not None, "bodies without a camera cannot be projected"
    # the long lens multiplies errors of half precision into whole pixels
    with torch.autocast(parameters.betas.device.type, enabled=False):
        output = body(parameters) if with_vertices else body.joints(parameters)
        translation = camera_to_translation(parameters.camera)
        keypoints = project(output.joints, translation)
    vertices = output.vertices if isinstance(output, BodyOutput) else None
    return PosedBodies(parameters, output.joints, vertices, translation, keypoints)
