"""Posed bodies in the camera frame, shared by the tests of this room."""

import pytest
import torch

from rscnet.body.model import BodyModel
from rscnet.geometry.cameras import camera_to_translation
from rscnet.geometry.rotations import axis_angle_to_matrix
from rscnet.render.scene import Camera, Mesh, TextureMap
from rscnet.structures import BodyParameters

SIZE = 96


@pytest.fixture(scope="session")
def body():
    return BodyModel.embedded()


@pytest.fixture(scope="session")
def posed(body):
    """Vertices "3 v 3" of three people as a crop's camera sees them: from the front, the side and behind."""
    generator = torch.Generator().manual_seed(7)
    rotations = axis_angle_to_matrix(0.25 * torch.randn(3, 24, 3, generator=generator))
    upright = axis_angle_to_matrix(torch.tensor([torch.pi, 0.0, 0.0]))
    yaw = axis_angle_to_matrix(torch.tensor([[0.0, 0.1, 0.0], [0.0, 1.6, 0.0], [0.0, 3.0, 0.0]]))
    rotations[:, 0] = upright @ yaw
    with torch.no_grad():
        output = body(BodyParameters.from_rotations(rotations, torch.zeros(3, 10)))
    centre = (output.vertices.amin(1) + output.vertices.amax(1))[:, None] / 2
    return output.vertices - centre + camera_to_translation(torch.tensor([[0.9, 0.02, -0.03]]))


@pytest.fixture(scope="session")
def camera():
    return Camera.of_crop(0, 0, SIZE)


@pytest.fixture(scope="session")
def mesh(posed, body, camera):
    return Mesh(posed[0], body.faces, camera)


@pytest.fixture(scope="session")
def texture(body):
    image = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(3))
    return TextureMap(image, body.vt, body.ft)
