"""Benchmark-only: body, losses and camera fit as the original computes them (reference document, 3.1, 3.2 and Q21):
each resolution by itself, the whole surface posed for its joints, least squares sample by sample in NumPy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rscnet.body.model import BodyModel
from rscnet.joints import ANNOTATION_HIPS
from rscnet.structures import Target

FOCAL, SIZE = 5000.0, 224.0


@dataclass(frozen=True)
class Output:
    """What the network says at one resolution."""

    rotations: Tensor
    betas: Tensor
    camera: Tensor


def pose_body(body: BodyModel, output: Output) -> tuple[Tensor, Tensor]:
    """Vertices and the 49 joints, by smplx and a product of all vertices with the regressor."""
    posed = body.smpl(
        betas=output.betas, body_pose=output.rotations[:, 1:], global_orient=output.rotations[:, :1], pose2rot=False
    )
    extra = torch.einsum("bik,ji->bjk", posed.vertices, body.extra_regressor)
    return posed.vertices, torch.cat([posed.joints, extra], 1)[:, body.joint_map]


def estimate_translation(joints: np.ndarray, keypoints: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """Camera translation of one sample; keypoints in pixels of a crop of 224."""
    count = len(joints)
    depth = np.repeat(joints[:, 2], 2)
    plane = joints[:, :2].reshape(-1)
    focal, centre = np.full(2 * count, FOCAL), np.full(2 * count, SIZE / 2)
    observed = keypoints.reshape(-1)
    weight = np.repeat(np.sqrt(confidence), 2)
    columns = [focal * np.tile([1, 0], count), focal * np.tile([0, 1], count), centre - observed]
    matrix = np.stack(columns, axis=1)
    vector = (observed - centre) * depth - focal * plane
    weighted = np.diag(weight)
    matrix, vector = weighted @ matrix, weighted @ vector
    return np.linalg.solve(matrix.T @ matrix, matrix.T @ vector)


def estimate_translations(target: Target) -> Tensor:
    """Sample by sample."""
    joints = target.joints_3d.detach().cpu().numpy().astype(np.float64)
    keypoints = target.keypoints_2d[:, 25:].detach().cpu().numpy().astype(np.float64)
    pixels = (keypoints[..., :2] + 1) * SIZE / 2
    rows = [
        estimate_translation(joints[i, :, :3], pixels[i], keypoints[i, :, 2] * joints[i, :, 3])
        for i in range(len(joints))
    ]
    return torch.from_numpy(np.stack(rows)).float()


def translation_of(camera: Tensor) -> Tensor:
    """Weak perspective to translation."""
    depth = 2 * FOCAL / (SIZE * camera[:, 0] + 1e-9)
    return torch.stack([camera[:, 1], camera[:, 2], depth], -1)


def project(points: Tensor, translation: Tensor) -> Tensor:
    """Points to [-1, 1] of the crop, through a matrix of intrinsics."""
    intrinsics = torch.zeros(len(points), 3, 3)
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = FOCAL
    intrinsics[:, 2, 2] = 1.0
    moved = points + translation[:, None]
    moved = moved / moved[..., 2:]
    return torch.einsum("bij,bkj->bki", intrinsics, moved)[..., :2] / (SIZE / 2)


def hips(joints: Tensor) -> Tensor:
    """Midpoint of the hips of the 24 annotation joints."""
    right, left = ANNOTATION_HIPS
    return (joints[:, right] + joints[:, left]) / 2


def supervised(body: BodyModel, output: Output, target: Target, fitted: Tensor) -> tuple[Tensor, Tensor]:
    """The weighted terms of one resolution, and its camera translation."""
    _, joints = pose_body(body, output)
    translation = translation_of(output.camera)
    projected = project(joints, translation)
    confidence = target.keypoints_2d[..., 2:].clone()
    confidence[:, :25] = 0.0
    keypoints = (confidence * (projected - target.keypoints_2d[..., :2]) ** 2).mean()

    annotated, labelled = joints[:, 25:], target.joints_3d
    difference = (annotated - hips(annotated)[:, None]) - (labelled[..., :3] - hips(labelled[..., :3])[:, None])
    joints_3d = (labelled[..., 3:] * difference**2).mean()

    pose = ((output.rotations - target.parameters.rotations) ** 2).mean()
    betas = ((output.betas - target.parameters.betas) ** 2).mean()
    # labels may have any origin, see rscnet.losses.supervised.CameraTranslation
    moved = fitted + hips(labelled[..., :3])
    camera = ((translation + hips(annotated).detach() - moved) ** 2).mean()
    return 5 * keypoints + 5 * joints_3d + pose + 0.001 * betas + 0.0001 * camera, translation


def body_terms(body: BodyModel, outputs: list[Output], target: Target) -> tuple[Tensor, Tensor]:
    """Supervised and consistency part of the objective, without ramp and total scale."""
    count = len(outputs)
    total, translations = torch.zeros(()), []
    fitted = estimate_translations(target)
    for i, output in enumerate(outputs):
        loss, translation = supervised(body, output, target, fitted)
        total = total + (i + 1) * loss
        translations.append(translation)
    consistency = torch.zeros(())
    for i in range(count):
        for j in range(i + 1, count):
            pair = ((outputs[j].rotations - outputs[i].rotations.detach()) ** 2).mean()
            pair = pair + 0.001 * ((outputs[j].betas - outputs[i].betas.detach()) ** 2).mean()
            pair = pair + 0.0001 * ((translations[j] - translations[i].detach()) ** 2).mean()
            consistency = consistency + (j - i) / count * pair
    return total / count, consistency
