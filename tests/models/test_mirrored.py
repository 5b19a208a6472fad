"""The look in a mirror: what agrees stays, what differs is met halfway, and what contradicts is left out."""

import torch
from torch import Tensor, nn

from rscnet.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from rscnet.models.mirrored import Mirrored, mirrored_body
from rscnet.structures import BodyParameters, Prediction

VIEWS = torch.tensor([1.0, -1.0]).expand(2, 3, 2, 2)  # left half bright
SCALES = torch.tensor([0, 1])


class TwoAnswers(nn.Module):
    """One body for pictures that are bright on the left, another for the others; counts what it is asked."""

    def __init__(self, left: BodyParameters, right: BodyParameters) -> None:
        super().__init__()
        self.left, self.right, self.asked = left, right, []

    def forward(self, views: Tensor, scale_index: Tensor) -> Prediction:
        self.asked.append((len(views), scale_index.tolist()))
        bright = (views[:, 0, 0, 0] > 0).long()
        both = BodyParameters.concatenate([self.right, self.left])
        return Prediction(both[bright], bright[:, None].float())


def bodies(seed: int, spread: float = 0.3) -> BodyParameters:
    generator = torch.Generator().manual_seed(seed)
    rotations = axis_angle_to_matrix(spread * torch.randn(1, 24, 3, generator=generator))
    return BodyParameters.from_rotations(
        rotations, torch.randn(1, 10, generator=generator), torch.randn(1, 3, generator=generator)
    )


def test_a_network_that_treats_both_alike_is_not_changed():
    body = bodies(0)
    network = TwoAnswers(body, mirrored_body(body))
    said = Mirrored(network)(VIEWS, SCALES)

    assert network.asked == [(4, [0, 1, 0, 1])]
    for found, expected in ((said.parameters.rotations, body.rotations), (said.parameters.betas, body.betas)):
        torch.testing.assert_close(found, expected.expand_as(found), atol=1e-6, rtol=0)
    torch.testing.assert_close(said.parameters.camera, body.camera.expand(2, -1))
    assert said.feature.tolist() == [[1.0], [1.0]]


def test_answers_that_differ_are_met_halfway():
    neutral = BodyParameters.from_rotations(torch.eye(3).expand(1, 24, 3, 3), torch.zeros(1, 10), torch.ones(1, 3))
    turn = torch.zeros(1, 24, 3)
    turn[0, 0, 1], turn[0, 16, 2] = 1.0, 0.6  # the pelvis about the vertical; the left shoulder
    seen = BodyParameters.from_rotations(axis_angle_to_matrix(turn), torch.ones(1, 10), torch.tensor([[2.0, 0.5, 1]]))
    said = Mirrored(TwoAnswers(seen, mirrored_body(neutral)))(VIEWS, SCALES).parameters

    torch.testing.assert_close(said.rotations, axis_angle_to_matrix(turn / 2).expand_as(said.rotations))
    assert said.betas.unique().tolist() == [0.5]
    torch.testing.assert_close(said.camera, torch.tensor([[1.5, 0.75, 1.0]]).expand(2, -1))


def test_half_precision_is_for_the_network_alone():
    network = Mirrored(TwoAnswers(bodies(0, 0.1), bodies(1, 0.1)))
    whole = network(VIEWS, SCALES).parameters.rotations
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(network(VIEWS, SCALES).parameters.rotations, whole)


class Turns(nn.Module):
    """Turns people about the vertical by the degrees that the first pixel says, the other way for mirror images."""

    def forward(self, views: Tensor, scale_index: Tensor) -> Prediction:
        turn = torch.zeros(len(views), 24, 3)
        turn[:, 0, 1] = torch.deg2rad(views[:, 0, 0, 0])
        count = len(views)
        body = BodyParameters.from_rotations(axis_angle_to_matrix(turn), torch.ones(count, 10), torch.ones(count, 3))
        return Prediction(body, views[:, 0, 0, :1])


def test_the_mirror_image_counts_less_the_more_it_turns_the_person_elsewhere():
    # a mirror image that is turned by -b says +b of the picture: 0 and 40 apart, 0 and 75, 0 and 100
    seen, reflected = torch.zeros(3), torch.tensor([40.0, 75.0, 100.0])
    views = torch.zeros(3, 3, 1, 2)
    views[:, 0, 0, 0], views[:, 0, 0, 1] = seen, -reflected
    found = Mirrored(Turns())(views, torch.zeros(3, dtype=torch.int64)).parameters
    turned = torch.rad2deg(matrix_to_axis_angle(found.global_orient[:, 0])[:, 1])

    torch.testing.assert_close(turned, torch.tensor([20.0, 75 / 4, 0.0]), atol=1e-3, rtol=0)


def test_mirrors_by_hand():
    turn = torch.zeros(1, 24, 3)
    turn[0, 18] = torch.tensor([0.1, 0.2, 0.3])  # left elbow
    body = BodyParameters.from_rotations(axis_angle_to_matrix(turn), torch.ones(1, 10), torch.tensor([[1.0, 0.2, 0.3]]))
    expected = torch.zeros(1, 24, 3)
    expected[0, 19] = torch.tensor([0.1, -0.2, -0.3])  # right elbow; the axis is a pseudo-vector
    found = mirrored_body(body)

    torch.testing.assert_close(found.rotations, axis_angle_to_matrix(expected))
    torch.testing.assert_close(found.camera, torch.tensor([[1.0, -0.2, 0.3]]))
