"""Looks in several frames: where things lie goes there and back, what agrees joins, what contradicts is left out."""

import pytest
import torch
from torch import Tensor, nn

from rscnet.geometry.cameras import camera_to_translation, project
from rscnet.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from rscnet.models.reframed import FRAMES, WHOLE, Reframed, agreement, cut, in_picture
from rscnet.structures import BodyParameters, Prediction

ASIDE = (0.1, -0.2, 0.8)


def body(camera: list[float], turn: Tensor | None = None) -> BodyParameters:
    rotations = axis_angle_to_matrix(torch.zeros(1, 24, 3) if turn is None else turn)
    return BodyParameters.from_rotations(rotations, torch.ones(1, 10), torch.tensor([camera]))


def spot(views: Tensor) -> Tensor:
    """Where the light of a picture lies, x and y in shares of its side."""
    light = views[:, 0]
    places = (torch.arange(light.shape[-1]) + 0.5) / light.shape[-1]
    return torch.stack([(light.sum(1) @ places), (light.sum(2) @ places)], dim=1) / light.sum((1, 2))[:, None]


def test_a_frame_shows_its_part_of_the_picture():
    views = torch.zeros(1, 3, 80, 80)
    views[:, :, 20:28, 44:52] = 1.0
    torch.testing.assert_close(spot(views), torch.tensor([[0.6, 0.3]]))
    left, top, side = ASIDE
    expected = torch.tensor([[(0.6 - left) / side, (0.3 - top) / side]])
    torch.testing.assert_close(spot(cut(views, ASIDE)), expected, atol=2e-3, rtol=0)
    torch.testing.assert_close(cut(views, WHOLE), views)


def test_beyond_the_picture_its_edge_is_repeated():
    views = torch.arange(4.0).expand(1, 3, 4, 4)  # columns of 0, 1, 2, 3
    assert cut(views, (-1.0, 0.0, 1.0)).unique().tolist() == [0.0]
    assert cut(views, (1.0, 0.0, 1.0)).unique().tolist() == [3.0]


def test_cameras_of_a_frame_go_back_to_the_picture():
    seen = body([0.8, 0.1, -0.3])
    found = in_picture(seen, ASIDE)
    points = torch.tensor([[[0.0, 0.0, 0.0], [0.4, -0.2, 0.0]]])
    shares = [(project(points, camera_to_translation(p.camera)) + 1) / 2 for p in (seen, found)]
    left, top, side = ASIDE
    torch.testing.assert_close(shares[1], torch.tensor([left, top]) + side * shares[0])


def test_answers_weigh_by_how_near_they_are_to_the_middle_one():
    degrees = torch.tensor([[0.0, 0.0], [0.0, 10.0], [0.0, 20.0], [75.0, 30.0], [120.0, 40.0]])
    turn = torch.zeros(5, 2, 3)
    turn[..., 1] = torch.deg2rad(degrees)
    shares = agreement(axis_angle_to_matrix(turn))
    torch.testing.assert_close(shares[:, 0], torch.tensor([1, 1, 1, 0.5, 0]) / 3.5, atol=1e-4, rtol=0)
    torch.testing.assert_close(shares[:, 1], torch.full((5,), 0.2))


class Turns(nn.Module):
    """Turns people about the vertical by the next of some angles; counts what it is asked."""

    def __init__(self, degrees: list[float]) -> None:
        super().__init__()
        self.degrees, self.asked = degrees, 0

    def forward(self, views: Tensor, scale_index: Tensor) -> Prediction:
        turn = torch.zeros(1, 24, 3)
        turn[0, 0, 1] = torch.deg2rad(torch.tensor(self.degrees[self.asked]))
        turn[0, 16, 2] = 0.1 * self.asked
        said = Prediction(body([0.9, 0.0, 0.0], turn), torch.full((1, 1), float(self.asked)))
        self.asked += 1
        return said


def test_the_body_is_the_mean_of_all_that_agree():
    network = Turns([10.0, 20.0, 0.0, 20.0, 170.0])
    found = Reframed(network)(torch.zeros(1, 3, 8, 8), torch.zeros(1, dtype=torch.int64))
    turned = matrix_to_axis_angle(found.parameters.rotations[0])
    assert network.asked == len(FRAMES) == 5 and found.feature.tolist() == [[0.0]]
    # of small turns about one axis the mean rotation is the mean of the angles, up to their cubes
    assert float(torch.rad2deg(turned[0, 1])) == pytest.approx(12.5, abs=0.05)
    assert float(turned[16, 2]) == pytest.approx(0.15, abs=1e-3)
    torch.testing.assert_close(turned[1:16], torch.zeros(15, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.parameters.betas, torch.ones(1, 10))


def test_half_precision_is_for_the_network_alone():
    class Known(nn.Module):
        """Says the same of all pictures, whatever the precision."""

        said = [body([0.9, 0.0, 0.0], 0.3 * torch.randn(1, 24, 3, generator=torch.manual_seed(i))) for i in range(5)]

        def __init__(self) -> None:
            super().__init__()
            self.answers = iter(self.said)

        def forward(self, views: Tensor, scale_index: Tensor) -> Prediction:
            return Prediction(next(self.answers), torch.zeros(1, 1))

    def found() -> BodyParameters:
        return Reframed(Known())(torch.zeros(1, 3, 8, 8), torch.zeros(1, dtype=torch.int64)).parameters

    whole = found()
    with torch.autocast("cpu", torch.bfloat16):
        half = found()
    assert torch.equal(half.rotations, whole.rotations) and torch.equal(half.camera, whole.camera)


def test_nobody_is_seen_in_no_picture():
    class Nobody(nn.Module):
        def forward(self, views: Tensor, scale_index: Tensor) -> Prediction:
            none = BodyParameters.from_rotations(torch.zeros(0, 24, 3, 3), torch.zeros(0, 10), torch.zeros(0, 3))
            return Prediction(none, torch.zeros(0, 1))

    found = Reframed(Nobody())(torch.zeros(0, 3, 8, 8), torch.zeros(0, dtype=torch.int64))
    assert found.parameters.rotations.shape == (0, 24, 3, 3)
