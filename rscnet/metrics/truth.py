"""The two sides of an evaluation as joints and surface: what a prediction says, and what the labels say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from rscnet.body.model import BodyModel
from rscnet.protocol import ANNOTATION_OF_H36M_17, Protocol
from rscnet.structures import GENDERS, BodyParameters, Target, TensorStruct


@dataclass(frozen=True)
class Measured(TensorStruct):
    """Human3.6M's 17 joints and, where it is known, the surface; metres, any origin."""

    joints: Float[Tensor, "n 17 3"]
    vertices: Float[Tensor, "n v 3"] | None = None


def measure_body(body: BodyModel, parameters: BodyParameters, surface: bool = True) -> Measured:
    """Joints that are regressed from the surface of a posed body, and the surface itself where it is wanted; joints
    alone cost a small part of it."""
    if not surface:
        return Measured(body.posed_h36m_joints(parameters))
    vertices = body(parameters).vertices
    return Measured(body.h36m_joints(vertices), vertices)


class GroundTruth(nn.Module):
    """What the labels of a batch say under a protocol.

    Args:
        protocol: of the data set.
        bodies: body models by gender; neutral stands in for a gender that is not there or not known.
    """

    def __init__(self, protocol: Protocol, bodies: Mapping[str, BodyModel]) -> None:
        super().__init__()
        self.protocol = protocol
        # plain, not a module: the neutral body is often the trained module's own, which stays where it is
        self.bodies = dict(bodies)

    def forward(self, target: Target, surface: bool = True) -> tuple[Measured, Bool[Tensor, "n"]]:
        """Joints and, where it is wanted and known, surface; and which samples have them."""
        if self.protocol.truth == "joints":
            joints = target.joints_3d[:, ANNOTATION_OF_H36M_17]
            needed = [0, *self.protocol.chosen]
            return Measured(joints[..., :3]), target.has_joints_3d & (joints[:, needed, 3] > 0).all(1)
        if target.gender is None or len(self.bodies) == 1:
            return measure_body(self.bodies["neutral"], target.parameters, surface), target.has_smpl
        known = [number if name in self.bodies else 0 for number, name in enumerate(GENDERS)]
        body_of = torch.tensor(known, device=target.gender.device)[target.gender]
        rows = [(body_of == number).nonzero()[:, 0] for number in body_of.unique().tolist()]
        found = [
            measure_body(self.bodies[GENDERS[int(body_of[some[0]])]], target.parameters[some], surface) for some in rows
        ]
        return Measured.concatenate(found)[torch.cat(rows).argsort()], target.has_smpl

    def same_surface(self, body: BodyModel) -> bool:
        """Whether errors per vertex are wanted, and vertices of the true bodies are those of `body`, so that they mean
        something."""
        if not self.protocol.surface or self.protocol.truth != "bodies":
            return False
        return torch.equal(self.bodies["neutral"].faces.cpu(), body.faces.cpu())
