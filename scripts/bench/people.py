"""Batches, modules and labels that several parts of the benchmark share; all from fixed seeds."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rscnet.body.model import BodyModel
from rscnet.config.build import build
from rscnet.config.compose import compose
from rscnet.geometry.cameras import camera_to_translation, project
from rscnet.geometry.rotations import axis_angle_to_matrix
from rscnet.learning.rscnet import RSCNetModule
from rscnet.structures import Batch, BodyParameters, Target

from .sizes import Sizes


def configuration(sizes: Sizes) -> dict[str, Any]:
    """The published network, losses and optimiser on the embedded body, one resolution after the other."""
    ranges = [[sizes.view_sizes[0]] * 2]
    ranges += [[low, high] for low, high in zip(sizes.view_sizes[1:], sizes.view_sizes, strict=False)]
    words = [
        "experiment=rsc_full", "preset=paper", "model.sequential=true", f"image_size={sizes.image}",
        f"encoder.width={sizes.width}", f"resolution.ranges={ranges}", f"resolution.eval={list(sizes.view_sizes)}",
        f"loss.contrastive.queue.size={sizes.queue}", f"loss.contrastive.negatives={sizes.negatives}", "init_from=null",
        "+optimizer.fused=true",
    ]  # fmt: skip
    return compose([word.replace(" ", "") for word in words]).plain()


def module_of(plain: dict[str, Any], seed: int = 0) -> RSCNetModule:
    """The training module of a configuration."""
    torch.manual_seed(seed)
    return build(plain["model"], "model").train()


def parameters(count: int, seed: int = 0) -> BodyParameters:
    """Random people before the camera, facing it."""
    generator = torch.Generator().manual_seed(seed)
    pose = 0.3 * torch.randn(count, 24, 3, generator=generator)
    pose[:, 0] = torch.tensor([torch.pi, 0.0, 0.0]) + 0.2 * torch.randn(count, 3, generator=generator)
    betas = torch.randn(count, 10, generator=generator)
    camera = torch.tensor([0.9, 0.0, 0.0]) + 0.05 * torch.randn(count, 3, generator=generator)
    return BodyParameters.from_rotations(axis_angle_to_matrix(pose), betas, camera)


@torch.no_grad()
def target_of(body: BodyModel, count: int, seed: int = 1) -> Target:
    """Labels of random people, everything labelled, keypoints off by a little, confidences between a half and one."""
    generator = torch.Generator().manual_seed(seed)
    people = parameters(count, seed)
    assert people.camera is not None
    joints = body(people).joints
    seen = project(joints, camera_to_translation(people.camera))
    seen = seen + 0.01 * torch.randn(seen.shape, generator=generator)
    confidence = 0.5 + 0.5 * torch.rand(count, 49, 1, generator=generator)
    every = torch.ones(count, dtype=torch.bool)
    return Target(
        keypoints_2d=torch.cat([seen, confidence], -1),
        joints_3d=torch.cat([joints[:, 25:], confidence[:, 25:]], -1),
        parameters=people,
        has_smpl=every,
        has_joints_3d=every,
    )


def batch_of(sizes: Sizes, body: BodyModel, count: int | None = None, views: int | None = None) -> Batch:
    """A training batch of noise pictures with labels."""
    count, views = count or sizes.batch, views or sizes.views
    generator = torch.Generator().manual_seed(2)
    pictures = torch.randn(views, count, 3, sizes.image, sizes.image, generator=generator)
    return Batch(
        views=pictures,
        sizes=torch.tensor(sizes.view_sizes[:views])[:, None].expand(-1, count),
        scale_index=torch.arange(views)[:, None].expand(-1, count).contiguous(),
        target=target_of(body, count),
        identity=identities(count),
    )


def identities(count: int, first: int = 0) -> Tensor:
    """(data set, sample) of pictures in a row."""
    return torch.stack([torch.zeros(count, dtype=torch.long), torch.arange(first, first + count)], 1)
