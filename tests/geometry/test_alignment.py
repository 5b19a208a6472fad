from pathlib import Path

import numpy as np
import pytest
import torch

from rscnet.geometry.alignment import similarity_align
from rscnet.geometry.rotations import axis_angle_to_matrix

GOLDEN = np.load(Path(__file__).parents[1] / "data" / "functions.npz")


def drawn(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_equals_the_original():
    source, target = drawn(5, 14, 3, seed=30), drawn(5, 14, 3, seed=31)
    error = (similarity_align(source, target) - target).norm(dim=-1).mean(-1)
    np.testing.assert_allclose(error, GOLDEN["procrustes_mm"], atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_any_similarity_is_undone(seed):
    target = drawn(4, 14, 3, seed=seed)
    scale = 0.1 + drawn(4, 1, 1, seed=seed + 10).abs()
    rotation = axis_angle_to_matrix(2 * drawn(4, 3, seed=seed + 20))
    source = scale * target @ rotation + 10 * drawn(4, 1, 3, seed=seed + 30)
    torch.testing.assert_close(similarity_align(source, target), target, atol=1e-5, rtol=0)


def test_three_points_in_a_plane_are_aligned():
    target = torch.tensor([[[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 2.0, 0.0]]])
    turned = target @ axis_angle_to_matrix(torch.tensor([0.4, 1.0, -2.0])) * 3
    torch.testing.assert_close(similarity_align(turned, target), target, atol=1e-5, rtol=0)


def test_mirror_images_are_not_reflected():
    target = drawn(3, 14, 3, seed=1)
    mirrored = target * torch.tensor([1.0, 1.0, -1.0])
    assert (similarity_align(mirrored, target) - target).norm(dim=-1).mean(-1).min() > 0.1


def test_a_single_place_moves_to_the_mean():
    target = drawn(1, 14, 3, seed=1)
    aligned = similarity_align(torch.full((1, 14, 3), 7.0), target)
    torch.testing.assert_close(aligned, target.mean(1, keepdim=True).expand(1, 14, 3))


def test_the_fit_is_fixed_in_the_gradient():
    source, target = drawn(2, 14, 3, seed=1).requires_grad_(), drawn(2, 14, 3, seed=2)
    loss = (similarity_align(source, target) - target).square().sum()
    loss.backward()
    # the whole derivative by differences, the fit included: the fit is optimal, so that it adds nothing
    step = torch.zeros_like(source)
    step[1, 4, 2] = 1e-2
    with torch.no_grad():
        up, down = ((similarity_align(source + s, target) - target).square().sum() for s in (step, -step))
    torch.testing.assert_close(source.grad[1, 4, 2], (up - down) / 2e-2, atol=1e-3, rtol=1e-3)
