import math
from pathlib import Path

import numpy as np
import pytest
import torch

from rscnet.geometry import rotations as r

GOLDEN = np.load(Path(__file__).parents[1] / "data" / "functions.npz")


def drawn(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_equal_to_the_original():
    np.testing.assert_allclose(r.rotation_6d_to_matrix(drawn(7, 6, seed=40)), GOLDEN["rot6d"], atol=1e-6)
    np.testing.assert_allclose(r.axis_angle_to_matrix(drawn(7, 3, seed=41)), GOLDEN["rodrigues"], atol=1e-6)


def test_quarter_turn_about_z_takes_x_to_y():
    matrix = r.axis_angle_to_matrix(torch.tensor([0.0, 0.0, math.pi / 2]))
    torch.testing.assert_close(matrix @ torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0]))


def test_six_numbers_are_the_first_two_columns_row_by_row():
    matrix = torch.arange(9.0).view(3, 3)
    assert r.matrix_to_rotation_6d(matrix).tolist() == [0, 1, 3, 4, 6, 7]
    rotation = r.axis_angle_to_matrix(drawn(5, 3, seed=1))
    torch.testing.assert_close(r.rotation_6d_to_matrix(r.matrix_to_rotation_6d(rotation)), rotation)


def test_six_numbers_of_any_length_give_a_rotation():
    matrix = r.rotation_6d_to_matrix(10 * drawn(2, 24, 6, seed=2))
    torch.testing.assert_close(matrix @ matrix.mT, torch.eye(3).expand(2, 24, 3, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(matrix), torch.ones(2, 24))


@pytest.mark.parametrize("angle", [0.0, 1e-8, 1e-4, 1.0, 3.0, math.pi - 1e-3])
def test_axis_angle_round_trip_at_any_angle(angle):
    axis = torch.nn.functional.normalize(drawn(50, 3, seed=3), dim=-1)
    back = r.matrix_to_axis_angle(r.axis_angle_to_matrix(axis * angle))
    torch.testing.assert_close(back, axis * angle, atol=2e-4, rtol=0)


def test_half_turns_are_found_about_every_axis():
    axis = torch.cat([torch.eye(3), torch.nn.functional.normalize(drawn(5, 3, seed=4), dim=-1)])
    matrix = r.axis_angle_to_matrix(axis * math.pi)
    torch.testing.assert_close(r.axis_angle_to_matrix(r.matrix_to_axis_angle(matrix)), matrix, atol=1e-5, rtol=0)


def test_quaternions_of_both_signs_are_one_rotation():
    quaternion = drawn(6, 4, seed=5)
    matrix = r.quaternion_to_matrix(quaternion)
    torch.testing.assert_close(r.quaternion_to_matrix(-3 * quaternion), matrix)
    back = r.matrix_to_quaternion(matrix)
    assert back[:, 0].min() >= 0
    torch.testing.assert_close(back.norm(dim=-1), torch.ones(6))
    torch.testing.assert_close(r.quaternion_to_matrix(back), matrix)


def test_gradient_at_no_rotation_is_finite():
    axis_angle = torch.zeros(2, 3, requires_grad=True)
    r.axis_angle_to_matrix(axis_angle)[:, 2, 1].sum().backward()
    # the derivative of r21 by the angle about x is cos 0 = 1
    torch.testing.assert_close(axis_angle.grad, torch.tensor([[1.0, 0.0, 0.0]]).expand(2, 3))


def test_mirroring_a_rotation():
    rotation = r.axis_angle_to_matrix(torch.tensor([0.3, 0.5, -0.7]))
    mirror = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))
    torch.testing.assert_close(r.mirror_rotations(rotation), mirror @ rotation @ mirror)
    # in axis-angle form y and z change sign, as in the usual flip of SMPL poses
    torch.testing.assert_close(r.mirror_rotations(rotation), r.axis_angle_to_matrix(torch.tensor([0.3, -0.5, 0.7])))


def test_the_shorter_way_and_its_angle_by_hand():
    a = r.axis_angle_to_matrix(torch.tensor([[0.0, 0.4, 0.0], [0.0, 0.0, 3.0]]))
    b = r.axis_angle_to_matrix(torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, -3.0]]))
    # the shorter way between 3 and -3 goes through pi
    expected = r.axis_angle_to_matrix(torch.tensor([[0.0, 0.7, 0.0], [0.0, 0.0, torch.pi]]))
    torch.testing.assert_close(r.geodesic(a, b, 0.5), expected)
    torch.testing.assert_close(r.geodesic(a, b, torch.tensor([1.0, 0.0])), torch.stack([b[0], a[1]]))
    torch.testing.assert_close(r.angle_between(a, b), torch.tensor([0.6, 2 * torch.pi - 6]))
    assert float(r.angle_between(a, a).max()) < 1e-3


def test_the_mean_of_rotations():
    generator = torch.Generator().manual_seed(0)
    middle = r.axis_angle_to_matrix(torch.randn(4, 3, generator=generator))
    axis = torch.randn(4, 3, generator=generator)
    turned = torch.stack([middle @ r.axis_angle_to_matrix(share * axis) for share in (-0.4, 0.0, 0.4)])
    torch.testing.assert_close(r.mean_rotation(turned, torch.full((3, 4), 1 / 3)), middle)
    first = torch.tensor([1.0, 0.0, 0.0])[:, None].expand(3, 4)
    torch.testing.assert_close(r.mean_rotation(turned, first), turned[0])
    # of opposite turns no mean is a reflection
    opposed = torch.stack([torch.eye(3), r.axis_angle_to_matrix(torch.tensor([torch.pi, 0.0, 0.0]))])
    assert torch.linalg.det(r.mean_rotation(opposed, torch.tensor([0.4, 0.6]))) == pytest.approx(1.0, abs=1e-5)
