"""Benchmark-only: evaluation as the original does it (reference document, 6): whole surfaces in batches of 16, male
bodies replaced by female ones, joints by a product with the whole regressor, Procrustes sample by sample in NumPy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from rscnet.body.model import BodyModel
from rscnet.joints import H36M_PELVIS, LSP_14_FROM_H36M_17
from rscnet.structures import BodyParameters

BATCH = 16


def vertices_of(body: BodyModel, parameters: BodyParameters) -> Tensor:
    """The surface, by smplx."""
    return body.smpl(
        betas=parameters.betas, body_pose=parameters.body_pose, global_orient=parameters.global_orient, pose2rot=False
    ).vertices


def compared_joints(vertices: Tensor, regressor: Tensor) -> Tensor:
    """The 14 joints about the pelvis."""
    joints = torch.matmul(regressor[None].expand(len(vertices), -1, -1), vertices)
    pelvis = joints[:, [H36M_PELVIS]].clone()
    return joints[:, LSP_14_FROM_H36M_17] - pelvis


def procrustes(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """One sample under the best similarity transform, points in rows."""
    source, target = source.T, target.T
    source_mean, target_mean = source.mean(1, keepdims=True), target.mean(1, keepdims=True)
    x, y = source - source_mean, target - target_mean
    variance = np.sum(x**2)
    u, _, vt = np.linalg.svd(x @ y.T)
    v = vt.T
    z = np.eye(3)
    z[-1, -1] *= np.sign(np.linalg.det(u @ v.T))
    rotation = v @ z @ u.T
    scale = np.trace(rotation @ (x @ y.T)) / variance
    return (scale * rotation @ source + target_mean - scale * rotation @ source_mean).T


def evaluate(
    bodies: Mapping[str, BodyModel], regressor: Tensor, said: BodyParameters, truth: BodyParameters, gender: Tensor
) -> dict[str, float]:
    """Mean errors in millimetres; gender 1 is male, 2 female."""
    count = len(gender)
    mpjpe, reconstruction = np.zeros(count), np.zeros(count)
    for start in range(0, count, BATCH):
        rows = slice(start, min(start + BATCH, count))
        with torch.no_grad():
            vertices, female = (vertices_of(bodies[name], truth[rows]) for name in ("male", "female"))
            vertices[gender[rows] == 2] = female[gender[rows] == 2]
            expected = compared_joints(vertices, regressor)
            found = compared_joints(vertices_of(bodies["neutral"], said[rows]), regressor)
            mpjpe[rows] = torch.sqrt(((found - expected) ** 2).sum(-1)).mean(-1).numpy()
        wanted = expected.numpy()
        aligned = np.stack([procrustes(*pair) for pair in zip(found.numpy(), wanted, strict=True)])
        reconstruction[rows] = np.sqrt(((aligned - wanted) ** 2).sum(-1)).mean(-1)
    return {"mpjpe": 1000 * float(mpjpe.mean()), "pa_mpjpe": 1000 * float(reconstruction.mean())}
