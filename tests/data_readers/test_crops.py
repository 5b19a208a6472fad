"""The affine map of a crop: hand-computed points, the way back, and pictures that follow the same map."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rscnet.data import crops


def test_hand_computed_points():
    matrix = crops.crop_matrix(np.array([100.0, 50.0]), side=40, size=80)
    points = np.array([[100.0, 50], [80, 30], [120, 70]])
    np.testing.assert_allclose(crops.transform(points, matrix), [[40, 40], [0, 0], [80, 80]], atol=1e-12)
    np.testing.assert_allclose(crops.normalise_points(np.array([[40.0, 0], [80, 20]]), 80), [[0, -1], [1, -0.5]])
    # counter-clockwise as seen: what was on the right is on top
    turned = crops.crop_matrix(np.array([100.0, 50.0]), side=40, size=80, rotation=90)
    np.testing.assert_allclose(crops.transform(np.array([[110.0, 50]]), turned), [[40, 20]], atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.floats(-500, 2000), st.floats(10, 3000), st.integers(16, 256), st.floats(-180, 180))
def test_the_way_back(middle: float, side: float, size: int, rotation: float):
    matrix = crops.crop_matrix(np.array([middle, 0.5 * middle]), side, size, rotation)
    points = np.array([[middle - side, middle], [0, 0], [17, middle + side]])
    back = crops.transform(crops.transform(points, matrix), np.linalg.inv(matrix))
    np.testing.assert_allclose(back, points, atol=1e-6)


def spot(width: int, height: int, at: np.ndarray, sigma: float) -> np.ndarray:
    x, y = np.arange(width) + 0.5, np.arange(height)[:, None] + 0.5
    bright = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * sigma**2))
    return np.repeat((255 * bright).astype(np.uint8)[..., None], 3, axis=-1)


def centroid(image: np.ndarray) -> np.ndarray:
    weight = image[..., 0].astype(np.float64)
    x, y = np.arange(image.shape[1]) + 0.5, np.arange(image.shape[0]) + 0.5
    return np.array([(weight.sum(0) * x).sum(), (weight.sum(1) * y).sum()]) / weight.sum()


@pytest.mark.parametrize(("side", "size"), [(50, 100), (64, 64), (150, 60), (160, 32)])
@pytest.mark.parametrize("rotation", [0.0, 33.0, -120.0])
def test_the_picture_follows_its_points(side: int, size: int, rotation: float):
    at, center = np.array([103.3, 91.8]), np.array([98.7, 95.2])
    matrix = crops.crop_matrix(center, side, size, rotation)
    found = crops.warp(spot(200, 190, at, sigma=4), matrix, size)
    assert found.shape == (size, size, 3)
    np.testing.assert_allclose(centroid(found), crops.transform(at[None], matrix)[0], atol=0.1)


def test_nothing_aliases_and_nothing_is_resampled_in_vain():
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 200
    small = crops.warp(stripes, crops.crop_matrix(np.array([64.0, 64]), 128, 16), 16)
    np.testing.assert_allclose(small[1:-1, 1:-1], 100, atol=8)
    assert crops.warp(stripes, crops.crop_matrix(np.array([64.0, 64]), 128, 128), 128) is stripes


def test_beyond_the_picture_it_is_black():
    white = np.full((10, 10, 3), 255, np.uint8)
    found = crops.warp(white, crops.crop_matrix(np.array([0.0, 5]), 10, 10), 10)
    np.testing.assert_array_equal(found[:, :4], 0)
    np.testing.assert_array_equal(found[:, 6:], 255)
