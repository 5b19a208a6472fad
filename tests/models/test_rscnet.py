from functools import partial
from types import SimpleNamespace

import pytest
import torch

from rscnet.geometry.rotations import matrix_to_rotation_6d, rotation_6d_to_matrix
from rscnet.models.mean_body import MeanBodyNetwork
from rscnet.models.projector import Projector
from rscnet.models.regressor import IterativeRegressor
from rscnet.models.resnet import ResolutionAwareResNet
from rscnet.models.rscnet import RSCNet, build_rscnet


def mean_body() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    rotations = rotation_6d_to_matrix(torch.randn(24, 6, generator=generator))
    return {
        "mean_pose": matrix_to_rotation_6d(rotations).flatten(),
        "mean_shape": torch.randn(10, generator=generator),
        "mean_cam": torch.tensor([0.9, 0.1, -0.2]),
    }


def small_net(**regressor) -> RSCNet:
    torch.manual_seed(0)
    return build_rscnet(
        ResolutionAwareResNet(18, width=0.125, scales=3),
        partial(IterativeRegressor, hidden=16, **regressor),
        SimpleNamespace(**mean_body()),
        projector=partial(Projector, hidden=8, out=6),
    ).eval()


def test_without_corrections_the_regressor_gives_the_mean_body():
    means = mean_body()
    regressor = IterativeRegressor(4, **means, hidden=8).eval()
    for decoder in (regressor.decpose, regressor.decshape, regressor.deccam):
        torch.nn.init.zeros_(decoder.weight)
        torch.nn.init.zeros_(decoder.bias)
    parameters = regressor(torch.randn(3, 4))
    expected = rotation_6d_to_matrix(means["mean_pose"].view(24, 6)).expand(3, -1, -1, -1)
    torch.testing.assert_close(parameters.rotations, expected)
    torch.testing.assert_close(parameters.betas, means["mean_shape"].expand(3, -1))
    torch.testing.assert_close(parameters.camera, means["mean_cam"].expand(3, -1))


def test_corrections_add_up_over_iterations():
    regressor = IterativeRegressor(4, **mean_body(), hidden=8, iterations=3).eval()
    torch.nn.init.zeros_(regressor.deccam.weight)
    torch.nn.init.constant_(regressor.deccam.bias, 0.5)
    torch.testing.assert_close(regressor(torch.randn(2, 4)).camera[0], torch.tensor([2.4, 1.6, 1.3]))


def test_regressor_without_relu_is_affine_in_one_iteration():
    regressor = IterativeRegressor(4, **mean_body(), hidden=8, relu=False, iterations=1).eval()
    a, b = torch.randn(2, 1, 4)
    middle = regressor((a + b) / 2).betas
    torch.testing.assert_close(middle, (regressor(a).betas + regressor(b).betas) / 2)
    with_relu = IterativeRegressor(4, **mean_body(), hidden=8, relu=True, iterations=1).eval()
    with_relu.load_state_dict(regressor.state_dict())
    assert not torch.allclose(with_relu((a + b) / 2).betas, middle, atol=1e-6)


def test_mean_body_travels_with_the_weights():
    source = IterativeRegressor(4, **mean_body(), hidden=8)
    target = IterativeRegressor(4, [0.0] * 144, [0.0] * 10, [0.0] * 3, hidden=8)
    target.load_state_dict(source.state_dict())
    assert torch.equal(target.init_cam, source.init_cam) and source.init_pose.shape == (1, 144)


@torch.no_grad()
@pytest.mark.parametrize("size", [64, 112])
def test_prediction_of_any_input_size(size):
    net = small_net()
    prediction = net(torch.randn(4, 3, size, size), torch.tensor([0, 2, 1, 0]))
    assert prediction.feature.shape == (4, 64) and prediction.projection.shape == (4, 6)
    rotations = prediction.parameters.rotations
    torch.testing.assert_close(rotations @ rotations.mT, torch.eye(3).expand(4, 24, 3, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(rotations), torch.ones(4, 24))


@torch.no_grad()
def test_pooling_is_the_mean_and_heads_see_the_feature():
    net, views, scales = small_net(), torch.randn(2, 3, 64, 64), torch.tensor([1, 2])
    prediction = net(views, scales)
    torch.testing.assert_close(prediction.feature, net.encoder(views, scales).flatten(2).mean(-1))
    torch.testing.assert_close(prediction.projection, net.projector(prediction.feature))


@torch.no_grad()
def test_parameters_stay_float32_under_mixed_precision():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        prediction = small_net()(torch.randn(2, 3, 64, 64), torch.tensor([0, 1]))
    parameters = prediction.parameters
    assert {parameters.rotations.dtype, parameters.betas.dtype, parameters.camera.dtype} == {torch.float32}


def test_network_without_projector():
    net = small_net()
    assert RSCNet(net.encoder, net.regressor)(torch.randn(1, 3, 64, 64), torch.tensor([0])).projection is None


def test_mean_body_network_is_the_regressor_without_corrections():
    regressor = IterativeRegressor(4, **mean_body(), hidden=8, iterations=0)
    expected = regressor(torch.randn(3, 4))
    answer = MeanBodyNetwork(SimpleNamespace(**mean_body()))(torch.randn(3, 3, 8, 8), torch.zeros(3, dtype=torch.long))
    torch.testing.assert_close(answer.parameters.rotations, expected.rotations)
    torch.testing.assert_close(answer.parameters.betas, expected.betas)
    torch.testing.assert_close(answer.parameters.camera, expected.camera)
