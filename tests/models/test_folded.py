"""The folded encoder says what the encoder says: at every scale, for mixed batches, with and without oneDNN."""

import pytest
import torch
from torch import nn

from rscnet.models.dense import DenseHead
from rscnet.models.folded import FoldedLayer, FoldedResNet, folded, folded_head
from rscnet.models.regressor import IterativeRegressor
from rscnet.models.resnet import ResolutionAwareResNet
from rscnet.models.rscnet import RSCNet

SCALES = torch.tensor([4, 0, 3, 3, 1])


def trained_like(depth: int, aware: bool = True, own_norm: bool = False) -> ResolutionAwareResNet:
    """An encoder whose statistics, affine maps and coefficients are not what they start from."""
    torch.manual_seed(depth)
    encoder = ResolutionAwareResNet(depth, width=0.125, resolution_aware=aware, own_norm=own_norm).eval()
    normalise_as_trained(encoder)
    for name, tensor in encoder.named_parameters():
        if name.endswith("alphas"):
            nn.init.uniform_(tensor, -0.5, 1.5)
    return encoder


def normalise_as_trained(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)  # type: ignore[arg-type]
            for tensor in (module.running_var, module.weight):
                nn.init.uniform_(tensor, 0.5, 1.0)  # type: ignore[arg-type]
            nn.init.normal_(module.bias, std=0.1)


@pytest.fixture
def views() -> torch.Tensor:
    return torch.randn(5, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
@pytest.mark.parametrize("onednn", [True, False])
@pytest.mark.parametrize("own_norm", [False, True])
@pytest.mark.parametrize("depth", [18, 50])
def test_same_maps_after_every_stage(
    depth: int, own_norm: bool, onednn: bool, views: torch.Tensor, monkeypatch
) -> None:
    if not onednn:
        monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    encoder = trained_like(depth, own_norm=own_norm)
    quick = FoldedResNet(encoder)
    for rows in (slice(0, 5), slice(2, 4), slice(0, 1)):  # mixed, of one scale, a single picture
        found, expected = quick.stages(views[rows], SCALES[rows]), encoder.stages(views[rows], SCALES[rows])
        for map_found, map_expected in zip(found, expected, strict=True):
            torch.testing.assert_close(map_found, map_expected, rtol=1e-5, atol=1e-5 * float(map_expected.abs().max()))
        torch.testing.assert_close(quick(views[rows], SCALES[rows]), found[-1])


@torch.no_grad()
def test_plain_networks_ignore_the_scale(views: torch.Tensor) -> None:
    encoder = trained_like(18, aware=False)
    torch.testing.assert_close(FoldedResNet(encoder)(views, SCALES), encoder(views, SCALES), rtol=1e-5, atol=1e-4)


@torch.no_grad()
def test_a_snapshot_leaves_the_network_as_it_is(views: torch.Tensor) -> None:
    encoder = trained_like(18)
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    quick = FoldedResNet(encoder)
    first = quick(views, SCALES)
    for name, tensor in encoder.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)
    encoder.layer1.alphas.zero_()
    torch.testing.assert_close(quick(views, SCALES), first)


@torch.no_grad()
@pytest.mark.parametrize("onednn", [True, False])
@pytest.mark.parametrize("refinement", [True, False])
def test_a_folded_head_says_the_same(onednn: bool, refinement: bool, views: torch.Tensor, monkeypatch) -> None:
    if not onednn:
        monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    encoder = trained_like(18)
    head = DenseHead(encoder.stage_channels, channels=8, depths=True, refinement=refinement).eval()
    normalise_as_trained(head)
    for name, tensor in head.named_parameters():
        if "refinement" in name and "_head" in name:
            nn.init.normal_(tensor, std=0.5)  # else a second look changes nothing
    quick = folded_head(head)
    assert sum(isinstance(layer, FoldedLayer) for layer in quick.modules()) == (7 if refinement else 1)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in quick.modules())
    maps = encoder.stages(views, SCALES)
    found, expected = quick(maps), head(maps)
    for name in ("heatmaps", "parts", "depths"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=1e-4, atol=1e-4)


class PooledPixels(nn.Module):
    """A backbone of one's own: what README's contract asks for and no more."""

    out_channels = 3

    def forward(self, views: torch.Tensor, scale_index: torch.Tensor) -> torch.Tensor:
        return nn.functional.avg_pool2d(views, 8) * (1 + scale_index[:, None, None, None])

    def warm_start(self, source: int, target: int) -> None:
        pass


@torch.no_grad()
def test_a_backbone_of_ones_own_stays_as_it_is(views: torch.Tensor) -> None:
    means = {"mean_pose": torch.zeros(144), "mean_shape": torch.zeros(10), "mean_cam": torch.ones(3)}
    network = RSCNet(PooledPixels(), IterativeRegressor(3, **means, hidden=8)).eval()  # type: ignore[arg-type]
    assert torch.equal(folded(network)(views, SCALES).feature, network(views, SCALES).feature)
