"""Predicted bodies, posed, placed before the camera and projected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rscnet.geometry.cameras import camera_to_translation, project
from rscnet.structures import BodyOutput, BodyParameters, TensorStruct


@dataclass(frozen=True)
class PosedBodies(TensorStruct):
    """Bodies in metres in the camera frame; joints and vertices are not yet moved by `translation`."""

    parameters: BodyParameters
    joints: Float[Tensor, "m 49 3"]
    vertices: Float[Tensor, "m v 3"]
    translation: Float[Tensor, "m 3"]
    keypoints_2d: Float[Tensor, "m 49 2"]


def pose_bodies(body: Callable[[BodyParameters], BodyOutput], parameters: BodyParameters) -> PosedBodies:
    """Pose the body model and project its 49 joints to [-1, 1] of the crop.

    Args:
        body: a module with the interface of `rscnet.body.model.BodyModel`.
        parameters: with a camera.
    """
    assert parameters.camera is not None, "bodies without a camera cannot be projected"
    # the long lens multiplies errors of half precision into whole pixels
    with torch.autocast(parameters.betas.device.type, enabled=False):
        output = body(parameters)
        translation = camera_to_translation(parameters.camera)
        keypoints = project(output.joints, translation)
    return PosedBodies(parameters, output.joints, output.vertices, translation, keypoints)
