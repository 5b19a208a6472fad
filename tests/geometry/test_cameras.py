from pathlib import Path

import numpy as np
import pytest
import torch

from rscnet.geometry import cameras as c

GOLDEN = np.load(Path(__file__).parents[1] / "data" / "functions.npz")


def drawn(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def joints() -> torch.Tensor:
    return 0.4 * drawn(4, 49, 3, seed=50)


@pytest.fixture
def translation() -> torch.Tensor:
    return torch.stack([0.1 * drawn(4, seed=51), 0.1 * drawn(4, seed=52), torch.full((4,), 50.0)], dim=1)


def test_projection_equals_the_original(joints, translation):
    pixels = c.to_pixels(c.project(joints, translation), 224)
    np.testing.assert_allclose(pixels, GOLDEN["projected"], atol=1e-3)


def test_fitted_translation_equals_the_original(joints):
    pixels = torch.from_numpy(GOLDEN["projected"]) + drawn(4, 49, 2, seed=54)
    confidence = torch.rand(4, 49, 1, generator=torch.Generator().manual_seed(53))[..., 0]
    fitted = c.fit_translation(joints[:, 25:], pixels[:, 25:] / 112 - 1, confidence[:, 25:])
    np.testing.assert_allclose(fitted, GOLDEN["translation"], rtol=2e-4, atol=2e-4)


def test_camera_by_hand():
    translation = c.camera_to_translation(torch.tensor([0.5, 0.1, -0.2]))
    torch.testing.assert_close(translation, torch.tensor([0.1, -0.2, 2 * 5000 / (224 * 0.5)]))
    torch.testing.assert_close(c.translation_to_camera(translation), torch.tensor([0.5, 0.1, -0.2]))


def test_weak_perspective_is_the_limit_of_the_projection():
    # near the plane of the root a point at (X, Y) lands on s (X + tx), s (Y + ty)
    camera = torch.tensor([[0.8, 0.1, -0.3]])
    points = torch.tensor([[[0.4, -0.2, 0.0], [0.0, 0.0, 0.0]]])
    projected = c.project(points, c.camera_to_translation(camera))
    torch.testing.assert_close(projected, torch.tensor([[[0.4, -0.4], [0.08, -0.24]]]))


@pytest.mark.parametrize("size", [224, 112, 32])
def test_projection_does_not_depend_on_the_size(joints, translation, size):
    focal = 5000 * size / 224
    moved = joints + translation[:, None]
    pixels = focal * moved[..., :2] / moved[..., 2:] + size / 2
    torch.testing.assert_close(c.to_pixels(c.project(joints, translation), size), pixels, atol=1e-3, rtol=1e-4)


def test_exact_keypoints_give_back_the_translation(joints, translation):
    fitted = c.fit_translation(joints, c.project(joints, translation), torch.ones(4, 49))
    torch.testing.assert_close(fitted, translation, atol=1e-3, rtol=1e-4)


def test_points_without_confidence_do_not_matter(joints, translation):
    keypoints = c.project(joints, translation)
    confidence = torch.ones(4, 49)
    confidence[:, 10:] = 0.0
    keypoints[:, 10:] += 1.0
    torch.testing.assert_close(c.fit_translation(joints, keypoints, confidence), translation, atol=1e-3, rtol=1e-4)


def test_unsolvable_items_give_zero_and_leave_the_others(joints, translation):
    confidence = torch.ones(4, 49)
    confidence[1] = 0.0
    confidence[2, 1:] = 0.0
    fitted = c.fit_translation(joints, c.project(joints, translation), confidence)
    assert fitted[1].tolist() == fitted[2].tolist() == [0.0, 0.0, 0.0]
    torch.testing.assert_close(fitted[[0, 3]], translation[[0, 3]], atol=1e-3, rtol=1e-4)
