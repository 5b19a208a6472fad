"""Conversions between rotation matrices, axis-angle vectors, quaternions and the 6D representation."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def rotation_6d_to_matrix(rotation_6d: Float[Tensor, "*b 6"]) -> Float[Tensor, "*b 3 3"]:
    """Gram-Schmidt of two columns (Zhou et al., CVPR 2019).

    The six numbers are the first two columns of the matrix in row-major order: r00 r01 r10 r11 r20 r21.
    """
    columns = rotation_6d.unflatten(-1, (3, 2))
    first = F.normalize(columns[..., 0], dim=-1)
    second = columns[..., 1]
    second = F.normalize(second - (first * second).sum(-1, keepdim=True) * first, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second, dim=-1)], dim=-1)


def matrix_to_rotation_6d(matrix: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 6"]:
    """The first two columns, row-major; inverse of `rotation_6d_to_matrix` on rotations."""
    return matrix[..., :2].flatten(-2)


def axis_angle_to_quaternion(axis_angle: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 4"]:
    """Unit quaternion (w, x, y, z); exact at zero rotation."""
    half = 0.5 * torch.linalg.norm(axis_angle, dim=-1, keepdim=True)
    # torch.sinc is sin(pi x) / (pi x), finite with finite gradient at zero
    return torch.cat([torch.cos(half), 0.5 * torch.sinc(half / torch.pi) * axis_angle], dim=-1)


def quaternion_to_matrix(quaternion: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b 3 3"]:
    """Rotation matrix of a quaternion (w, x, y, z) of any length but zero."""
    w, x, y, z = F.normalize(quaternion, dim=-1).unbind(-1)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))


def axis_angle_to_matrix(axis_angle: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3 3"]:
    """Rodrigues' formula; radians."""
    return quaternion_to_matrix(axis_angle_to_quaternion(axis_angle))


def matrix_to_quaternion(matrix: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 4"]:
    """Unit quaternion (w, x, y, z) with w >= 0.

    Of the four algebraically equal forms the one with the largest divisor is used, so that it is exact near any angle.
    """
    m = matrix
    trace_terms = torch.stack(
        [
            1 + m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2],
            1 + m[..., 0, 0] - m[..., 1, 1] - m[..., 2, 2],
            1 - m[..., 0, 0] + m[..., 1, 1] - m[..., 2, 2],
            1 - m[..., 0, 0] - m[..., 1, 1] + m[..., 2, 2],
        ],
        dim=-1,
    )
    a, b, c = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    d, e, f = m[..., 1, 0] + m[..., 0, 1], m[..., 0, 2] + m[..., 2, 0], m[..., 2, 1] + m[..., 1, 2]
    candidates = torch.stack(
        [
            torch.stack([trace_terms[..., 0], a, b, c], -1),
            torch.stack([a, trace_terms[..., 1], d, e], -1),
            torch.stack([b, d, trace_terms[..., 2], f], -1),
            torch.stack([c, e, f, trace_terms[..., 3]], -1),
        ],
        dim=-2,
    )
    best = trace_terms.argmax(-1)[..., None, None].expand(*trace_terms.shape[:-1], 1, 4)
    quaternion = F.normalize(candidates.gather(-2, best).squeeze(-2), dim=-1)
    return torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)


def matrix_to_axis_angle(matrix: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 3"]:
    """Axis times angle in [0, pi] radians."""
    quaternion = matrix_to_quaternion(matrix)
    sine = torch.linalg.norm(quaternion[..., 1:], dim=-1, keepdim=True)
    angle = 2 * torch.atan2(sine, quaternion[..., :1])
    scale = torch.where(sine > 1e-7, angle / sine.clamp(min=1e-7), torch.full_like(sine, 2.0))
    return quaternion[..., 1:] * scale


def mirror_rotations(matrix: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 3 3"]:
    """The rotation seen in a mirror across the plane x = 0 (joints must be swapped left and right beside this)."""
    sign = matrix.new_tensor([-1.0, 1.0, 1.0])
    return matrix * sign[:, None] * sign


def geodesic(
    start: Float[Tensor, "*b 3 3"], end: Float[Tensor, "*b 3 3"], share: Float[Tensor, "*b"] | float
) -> Float[Tensor, "*b 3 3"]:
    """The rotation `share` of the shortest way from `start` to `end`."""
    turn = matrix_to_axis_angle(start.mT @ end)
    share = share[..., None] if isinstance(share, Tensor) else share
    return start @ axis_angle_to_matrix(share * turn)


def mean_rotation(matrices: Float[Tensor, "k *b 3 3"], shares: Float[Tensor, "k *b"]) -> Float[Tensor, "*b 3 3"]:
    """The rotation nearest to `k` others in the squares of their matrices, weighted by `shares` (Moakher, 2002)."""
    left, _, right = torch.linalg.svd((shares[..., None, None] * matrices).sum(0))
    turned = torch.ones_like(left[..., 0])
    turned[..., 2] = torch.linalg.det(left @ right)
    return left * turned[..., None, :] @ right


def angle_between(first: Float[Tensor, "*b 3 3"], second: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b"]:
    """Radians of the turn from one rotation to another, 0 to pi."""
    cosine = ((first * second).sum((-2, -1)) - 1) / 2
    return cosine.clamp(-1, 1).arccos()
