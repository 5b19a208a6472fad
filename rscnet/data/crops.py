"""The square crop of a person as one affine map of the plane: for the picture, its keypoints, and the way back.

Points are in continuous pixels: the picture covers [0, width] x [0, height], pixel centres lie at + 0.5.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8

from rscnet.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle

SPIN_SCALE = 200.0
"""Pixels of a crop's side for a `scale` of one in SPIN's annotation files."""

KEYPOINT_MARGIN = 0.1
"""Keypoints of embedded people further than this outside [-1, 1] have confidence 0."""

Affine = Float[np.ndarray, "3 3"]


def plane_rotation(degrees: float) -> Float[np.ndarray, "2 2"]:
    """Turns points (x right, y down) counter-clockwise as one sees them; also x and y of a camera frame."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[cosine, sine], [-sine, cosine]])


def crop_matrix(center: Float[np.ndarray, "2"], side: float, size: int, rotation: float = 0.0) -> Affine:
    """Points of the full picture to pixels of the crop.

    Args:
        center: middle of the crop in the full picture.
        side: its side in pixels of the full picture (SPIN: scale * 200).
        size: its side in pixels of its own.
        rotation: degrees that the picture is turned about `center`, counter-clockwise.
    """
    matrix = np.eye(3)
    matrix[:2, :2] = plane_rotation(rotation) * (size / side)
    matrix[:2, 2] = size / 2 - matrix[:2, :2] @ np.asarray(center, np.float64)
    return matrix


def transform(points: Float[np.ndarray, "n 2"], matrix: Affine) -> Float[np.ndarray, "n 2"]:
    """Points under an affine map; with `numpy.linalg.inv(matrix)` the way back."""
    return points @ matrix[:2, :2].T + matrix[:2, 2]


def normalise_points(pixels: Float[np.ndarray, "n 2"], size: int) -> Float[np.ndarray, "n 2"]:
    """Pixels of a crop of `size` to [-1, 1]."""
    return pixels * (2 / size) - 1


def within_margin(points: Float[np.ndarray, "*n 2"]) -> Bool[np.ndarray, "*n"]:
    """Whether points in [-1, 1] coordinates lie in the crop or no further than `KEYPOINT_MARGIN` outside."""
    return np.all(np.abs(points) <= 1 + KEYPOINT_MARGIN, axis=-1)


def warp(image: UInt8[np.ndarray, "h w 3"], matrix: Affine, size: int) -> UInt8[np.ndarray, "s s 3"]:
    """The crop of `size` pixels that an affine map cuts out; black beyond the picture.

    A crop that is smaller than what it shows is cut at a whole multiple of its size and averaged down, so that nothing
    aliases.
    """
    if image.shape[:2] == (size, size) and np.allclose(matrix, np.eye(3), atol=1e-6):
        return image
    shrinking = 1 / math.sqrt(abs(np.linalg.det(matrix[:2, :2])))
    multiple = max(1, math.ceil(shrinking - 1e-6))
    enlarged = between_centres(np.diag([multiple, multiple, 1.0]) @ matrix)
    side = size * multiple
    cut = cv2.warpAffine(image, enlarged, (side, side), flags=cv2.INTER_LINEAR)
    if multiple > 1:
        cut = cv2.resize(cut, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(cut)


def between_centres(matrix: Affine) -> Float[np.ndarray, "2 3"]:
    """An affine map of points as OpenCV takes it, which counts from pixel centres."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    return (np.linalg.inv(half) @ matrix @ half)[:2]


def turn_body(pose: Float[np.ndarray, "24 3"], joints: Float[np.ndarray, "24 4"], degrees: float) -> None:
    """Turns axis-angle `pose` (by its root) and `joints` in place, as the picture is turned by `plane_rotation`."""
    if not degrees:  # the way over matrices rounds
        return
    turn = np.eye(3)
    turn[:2, :2] = plane_rotation(degrees)
    joints[:, :3] = joints[:, :3] @ turn.T
    root = torch.from_numpy(turn) @ axis_angle_to_matrix(torch.from_numpy(pose[0].astype(np.float64)))
    pose[0] = matrix_to_axis_angle(root).numpy()
