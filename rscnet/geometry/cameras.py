"""The camera of a person crop: weak perspective [s, tx, ty] seen through a long lens (spec sections 2.4 and 3.1).

Frame: x right, y down, z forward, metres; principal point at the crop's centre. The focal length is 5000 pixels for a
crop of 224 and scales with the crop's size, so that in coordinates normalised to [-1, 1] nothing depends on the size.
"""

import torch
from jaxtyping import Float
from torch import Tensor

FOCAL_LENGTH = 5000.0
REFERENCE_SIZE = 224.0
NORMALISED_FOCAL = FOCAL_LENGTH / (REFERENCE_SIZE / 2)


def camera_to_translation(camera: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3"]:
    """Translation in metres of weak perspective [s, tx, ty]: (tx, ty, 2 f / (size s))."""
    scale, x, y = camera.unbind(-1)
    return torch.stack([x, y, 2 * FOCAL_LENGTH / (REFERENCE_SIZE * scale + 1e-9)], dim=-1)


def translation_to_camera(translation: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3"]:
    """Inverse of `camera_to_translation` for points in front of the camera."""
    x, y, z = translation.unbind(-1)
    return torch.stack([2 * FOCAL_LENGTH / (REFERENCE_SIZE * z), x, y], dim=-1)


def project(
    points: Float[Tensor, "b n 3"], translation: Float[Tensor, "b 3"], focal: float = NORMALISED_FOCAL
) -> Float[Tensor, "b n 2"]:
    """Perspective projection about the principal point; with the default focal length normalised to [-1, 1]."""
    moved = points + translation[:, None]
    return focal * moved[..., :2] / moved[..., 2:]


def mirror_camera(camera: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3"]:
    """The weak-perspective camera [s, tx, ty] of the crop in a mirror."""
    return camera * camera.new_tensor([1.0, -1.0, 1.0])


def to_pixels(keypoints: Float[Tensor, "*b 2"], size: float) -> Float[Tensor, "*b 2"]:
    """Normalised crop coordinates to pixels of a crop of `size` (pixel centres at + 0.5)."""
    return (keypoints + 1) * (size / 2)


def crop_to_picture(camera: Float[Tensor, "*b 3"], crop: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3"]:
    """Weak perspective [s, tx, ty] over a crop [left, top, side] as [pixels per metre, u, v] in the whole picture.

    (u, v) is where the body's origin appears. Crops of a track differ from frame to frame, these numbers do not.
    """
    scale = camera[..., :1] * crop[..., 2:] / 2
    return torch.cat([scale, crop[..., :2] + crop[..., 2:] / 2 + scale * camera[..., 1:]], dim=-1)


def picture_to_crop(camera: Float[Tensor, "*b 3"], crop: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3"]:
    """Inverse of `crop_to_picture`."""
    scale, at = camera[..., :1], camera[..., 1:]
    return torch.cat([2 * scale / crop[..., 2:], (at - crop[..., :2] - crop[..., 2:] / 2) / scale], dim=-1)


def fit_translation(
    points: Float[Tensor, "b n 3"],
    keypoints: Float[Tensor, "b n 2"],
    confidence: Float[Tensor, "b n"],
    focal: float = NORMALISED_FOCAL,
) -> Float[Tensor, "b 3"]:
    """Translation that projects 3D points onto 2D ones, by weighted linear least squares (spec section 3.1).

    Each point gives two equations, weighted by the square root of its confidence: f tx - x tz = x Z - f X, same for y.
    Items with fewer than two confident points have no solution and give zeros.
    """
    weight = confidence.clamp(min=0).sqrt()
    zero, f = torch.zeros_like(weight), torch.full_like(weight, focal)
    rows_x = torch.stack([f, zero, -keypoints[..., 0]], dim=-1)
    rows_y = torch.stack([zero, f, -keypoints[..., 1]], dim=-1)
    right = keypoints * points[..., 2:] - focal * points[..., :2]
    matrix = torch.cat([rows_x, rows_y], dim=1) * torch.cat([weight, weight], dim=1)[..., None]
    vector = torch.cat([right[..., 0], right[..., 1]], dim=1) * torch.cat([weight, weight], dim=1)
    # double precision: the system mixes focal lengths of thousands with sub-pixel residuals
    matrix, vector = matrix.double(), vector.double()
    normal = matrix.transpose(1, 2) @ matrix
    solvable = (weight > 0).sum(1) >= 2
    safe = torch.where(solvable[:, None, None], normal, torch.eye(3, dtype=normal.dtype, device=normal.device))
    solution, info = torch.linalg.solve_ex(safe, (matrix.transpose(1, 2) @ vector[..., None]))
    usable = solvable & (info == 0) & torch.isfinite(solution).all(dim=(1, 2))
    return torch.where(usable[:, None], solution.squeeze(-1), 0.0).to(points.dtype)
