"""Silhouettes: the cells of a crop that a body covers."""

import numpy as np
import torch

from rscnet.geometry.cameras import NORMALISED_FOCAL
from rscnet.render.silhouette import silhouettes


def test_a_square_by_hand():
    # seen at 10 m, a square of half the crop's side whose left upper corner is in its middle
    half = 0.5 * 10 / NORMALISED_FOCAL
    corners = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]) * 2 * half
    faces = torch.tensor([[0, 2, 1], [0, 3, 2]])
    away = torch.tensor([[0.0, 0.0, 10.0], [-half, 0.0, 10.0], [0.0, 0.0, -10.0]])
    found = silhouettes(corners.expand(3, -1, -1), away, faces, 8)
    flipped = silhouettes(corners.expand(3, -1, -1), away, faces.flip(1), 8)
    expected = np.zeros((3, 8, 8), bool)
    expected[0, 4:, 4:] = expected[1, 4:, 2:6] = True  # the third is behind the camera
    np.testing.assert_array_equal(found | flipped, expected)
    assert found.any() != flipped.any()  # one winding faces the camera
