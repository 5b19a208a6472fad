import math

import pytest
import torch

from rscnet.geometry.rotations import axis_angle_to_matrix
from rscnet.metrics.functional import acceleration_error, mpjpe, pa_mpjpe, pck, pve


def points(n: int = 3, joints: int = 14) -> torch.Tensor:
    return torch.randn(n, joints, 3, generator=torch.Generator().manual_seed(0))


def test_mpjpe_by_hand():
    target = torch.zeros(2, 2, 3)
    prediction = torch.tensor([[[3.0, 4.0, 0.0], [0.0, 0.0, 0.0]], [[1.0, 2.0, 2.0], [0.0, 0.0, 1.0]]])
    assert mpjpe(prediction, target).tolist() == [2.5, 2.0]
    assert pve(prediction, target).tolist() == [2.5, 2.0]


def test_alignment_forgives_any_similarity():
    target = points()
    rotation = axis_angle_to_matrix(torch.tensor([[0.3, -2.0, 1.0]]))
    moved = 0.4 * target @ rotation + torch.tensor([5.0, -7.0, 2.0])
    assert pa_mpjpe(moved, target).max() < 1e-5
    assert mpjpe(moved, target).min() > 1


def test_alignment_does_not_forgive_a_mirror():
    target = points()
    assert pa_mpjpe(target * torch.tensor([-1.0, 1.0, 1.0]), target).min() > 0.1


def test_alignment_never_makes_the_fit_worse():
    target, prediction = points(), points() + 0.3 * points(6)[3:]
    # the alignment minimises squares; here the distances themselves come out less too
    assert (pa_mpjpe(prediction, target) < 0.99 * mpjpe(prediction, target)).all()


def test_pck_by_hand():
    target = torch.zeros(2, 4, 2)
    prediction = torch.tensor([[0.1, 0.2, 0.9, 3.0], [5.0, 5.0, 5.0, 0.0]])[..., None] * torch.tensor([1.0, 0.0])
    assert pck(prediction, target, threshold=0.5).tolist() == [0.5, 0.25]
    visible = torch.tensor([[True, True, True, False], [False] * 4])
    first, second = pck(prediction, target, 0.5, visible).tolist()
    assert first == pytest.approx(2 / 3) and math.isnan(second)


def test_acceleration_of_a_parabola():
    time = torch.arange(5.0)[:, None, None]
    motion = time.square() * torch.tensor([0.0, 1.5, 2.0])  # acceleration 2 * (0, 1.5, 2), length 5
    assert acceleration_error(motion, torch.zeros(5, 1, 3)).tolist() == pytest.approx([5.0] * 3)
    assert acceleration_error(motion, torch.zeros(5, 1, 3), fps=10).tolist() == pytest.approx([500.0] * 3)
    steady = motion + 3.0 * time + 7.0
    assert acceleration_error(steady, motion).max() < 1e-5
