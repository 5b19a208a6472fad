"""Small hand-made bodies for the tests of losses."""

import torch

from rscnet.losses.posed import PosedBodies
from rscnet.structures import Batch, BodyJoints, BodyOutput, BodyParameters, Prediction, Target


def parameters(n: int, seed: int = 0) -> BodyParameters:
    """Arbitrary numbers in the shapes of body parameters (losses do not ask for true rotations)."""
    generator = torch.Generator().manual_seed(seed)
    camera = torch.tensor([0.9, 0.0, 0.0]) + 0.05 * torch.randn(n, 3, generator=generator)
    rotations = torch.randn(n, 24, 3, 3, generator=generator)
    return BodyParameters.from_rotations(rotations, torch.randn(n, 10, generator=generator), camera)


class TinyBody:
    """A body whose joints and vertices follow pose and shape linearly."""

    def __call__(self, p: BodyParameters) -> BodyOutput:
        posed = self.joints(p)
        return BodyOutput(posed.joints, posed.smpl_joints, vertices=posed.smpl_joints[:, :6] + 1.0)

    def joints(self, p: BodyParameters) -> BodyJoints:
        corners = p.rotations[:, :, 0] * 0.3
        joints = torch.cat([corners, corners + p.betas[:, None, :3] * 0.1, p.betas[:, None, 3:6] * 0.1], dim=1)
        return BodyJoints(joints, smpl_joints=corners)


tiny_body = TinyBody()


def target(n: int, seed: int = 1) -> Target:
    generator = torch.Generator().manual_seed(seed)
    return Target(
        keypoints_2d=torch.rand(n, 49, 3, generator=generator),
        joints_3d=torch.rand(n, 24, 4, generator=generator),
        parameters=parameters(n, seed),
        has_smpl=torch.ones(n, dtype=torch.bool),
        has_joints_3d=torch.ones(n, dtype=torch.bool),
    )


def batch(n: int, views: int) -> Batch:
    return Batch(
        views=torch.zeros(views, n, 3, 2, 2),
        sizes=torch.zeros(views, n, dtype=torch.long),
        scale_index=torch.arange(views)[:, None].expand(views, n),
        target=target(n),
        identity=torch.stack([torch.zeros(n, dtype=torch.long), torch.arange(n)], dim=1),
    )


def prediction(n: int, views: int, features: int = 4) -> Prediction:
    generator = torch.Generator().manual_seed(5)
    projection = torch.randn(views * n, features, generator=generator)
    return Prediction(parameters(views * n, 6), torch.zeros(views * n, 1), projection)


def leaf(posed: PosedBodies) -> PosedBodies:
    """The bodies as leaves that collect gradients."""
    return posed.map(lambda tensor: tensor.detach().clone().requires_grad_())


def repeated(struct, times: int = 2):
    return struct.map(lambda tensor: torch.cat([tensor] * times))
