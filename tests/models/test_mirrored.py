"""The second look in a mirror: what agrees stays, what differs is met halfway, and what contradicts is left out."""

import torch
from torch import Tensor, nn

from rscnet.geometry.rotations import axis_angle_to_matrix
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


def test_the_picture_itself_counts_where_the_two_face_opposite_ways():
    front = bodies(1)
    around = torch.zeros(1, 24, 3)
    around[0, 0, 1] = 3.0
    back = BodyParameters.from_rotations(axis_angle_to_matrix(around) @ front.rotations, front.betas + 1, front.camera)
    said = Mirrored(TwoAnswers(front, mirrored_body(back)))(VIEWS, SCALES).parameters

    torch.testing.assert_close(said.rotations, front.rotations.expand_as(said.rotations))
    torch.testing.assert_close(said.betas, front.betas.expand_as(said.betas))


def test_mirrors_by_hand():
    turn = torch.zeros(1, 24, 3)
    turn[0, 18] = torch.tensor([0.1, 0.2, 0.3])  # left elbow
    body = BodyParameters.from_rotations(axis_angle_to_matrix(turn), torch.ones(1, 10), torch.tensor([[1.0, 0.2, 0.3]]))
    expected = torch.zeros(1, 24, 3)
    expected[0, 19] = torch.tensor([0.1, -0.2, -0.3])  # right elbow; the axis is a pseudo-vector
    found = mirrored_body(body)

    torch.testing.assert_close(found.rotations, axis_angle_to_matrix(expected))
    torch.testing.assert_close(found.camera, torch.tensor([[1.0, -0.2, 0.3]]))
