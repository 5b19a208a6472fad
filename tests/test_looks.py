"""Looking again: the second look sees the picture blurred where the first answer has nobody near."""

import numpy as np
import pytest
import torch
from torch import nn

from rscnet.body import BodyModel
from rscnet.data.views import denormalise, normalise
from rscnet.looks import Looks
from rscnet.models.mean_body import MeanBodyNetwork
from rscnet.structures import BodyParameters, Prediction

SIZE = 64


class Recorder(nn.Module):
    """Answers the mean body with given cameras, and keeps what it was shown."""

    def __init__(self, body: BodyModel, cameras: list[list[float]] | None = None) -> None:
        super().__init__()
        self.mean, self.cameras, self.shown = MeanBodyNetwork(body), cameras, []

    def forward(self, views: torch.Tensor, scale_index: torch.Tensor) -> Prediction:
        self.shown.append(denormalise(views))
        said = self.mean(views, scale_index)
        if self.cameras is None:
            return said
        parameters = said.parameters
        given = BodyParameters.from_rotations(parameters.rotations, parameters.betas, torch.tensor(self.cameras))
        return Prediction(given, said.feature)


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return BodyModel.embedded()


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("mirror", "focus", "reframe", "looks"),
    [
        (False, False, False, 1), (True, False, False, 1), (False, True, False, 2), (True, True, False, 2),
        (False, False, True, 5), (True, True, True, 10),
    ],
)  # fmt: skip
def test_how_often_it_looks(body, pictures, mirror, focus, reframe, looks):
    network = Recorder(body)
    said = Looks(network, body, mirror, focus, reframe)(normalise(pictures), torch.zeros(3, dtype=torch.long))
    assert len(said.parameters.betas) == 3 and len(network.shown) == looks
    assert [len(shown) for shown in network.shown] == [6 if mirror else 3] * looks
    np.testing.assert_array_equal(network.shown[0][:3], pictures)


def test_the_focused_look_is_sharp_where_the_first_answer_has_each_of_them(body, pictures):
    # in the middle; half a picture to the left; behind the camera
    network = Recorder(body, [[0.9, 0.0, 0.0], [0.9, -0.55, 0.0], [-0.9, 0.0, 0.0]])
    Looks(network, body, False, True, False)(normalise(pictures), torch.zeros(3, dtype=torch.long))
    first, second = (np.asarray(shown).astype(int) for shown in network.shown)
    change = np.abs(first - second).mean(-1)
    assert change[0, 24:40, 30:34].mean() < 1 and change[1, 24:40, 14:18].mean() < 1
    assert change[0, :, :6].mean() > 20 and change[1, :, 40:].mean() > 20
    assert change[2].max() == 0  # nobody to be sharp around


@pytest.mark.parametrize("mirror", [False, True])
def test_nobody_is_seen_in_no_picture(body, mirror):
    empty = np.zeros((0, SIZE, SIZE, 3), np.uint8)
    network = Recorder(body)
    said = Looks(network, body, mirror, True, False)(normalise(empty), torch.zeros(0, dtype=torch.long))
    assert len(said.parameters.betas) == 0
    assert len(network.shown) == 1
