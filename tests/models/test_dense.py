import torch

from rscnet.joints import HEATMAP_30, TRAINING_49
from rscnet.models.dense import DenseNet
from rscnet.models.resnet import ResolutionAwareResNet


def small_net() -> DenseNet:
    torch.manual_seed(0)
    return DenseNet(ResolutionAwareResNet(18, width=0.125, scales=3), channels=8)


def test_maps_have_a_quarter_of_the_size():
    prediction = small_net()(torch.randn(2, 3, 112, 112), torch.tensor([0, 2]))
    assert prediction.heatmaps.shape == (2, 30, 28, 28) and prediction.parts.shape == (2, 25, 28, 28)


def test_every_stage_learns():
    net = small_net()
    prediction = net(torch.randn(2, 3, 32, 32), torch.tensor([0, 2]))
    (prediction.heatmaps.square().mean() + prediction.parts.square().mean()).backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in net.parameters())


def test_heat_maps_show_feet_and_annotation_joints():
    names = [TRAINING_49[i] for i in HEATMAP_30]
    assert names[:6] == [f"{side}_{part}" for side in ("left", "right") for part in ("big_toe", "small_toe", "heel")]
    assert len(set(names)) == 30 and list(HEATMAP_30[6:]) == list(range(25, 49))
