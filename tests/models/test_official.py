"""Parity with the original network, and imports of foreign layouts."""

import pytest
import torch
from official_state import assert_golden, official_state

from rscnet.errors import UserError
from rscnet.models.official import export_official, import_state, import_weights
from rscnet.models.projector import Projector
from rscnet.models.regressor import IterativeRegressor
from rscnet.models.resnet import ResolutionAwareResNet
from rscnet.models.rscnet import RSCNet


@pytest.fixture(scope="module")
def official() -> dict[str, torch.Tensor]:
    return official_state()


@pytest.fixture(scope="module")
def net() -> RSCNet:
    encoder = ResolutionAwareResNet(50)
    regressor = IterativeRegressor(encoder.out_channels, torch.zeros(144), torch.zeros(10), torch.zeros(3))
    return RSCNet(encoder, regressor, Projector(encoder.out_channels)).eval()


def small_net(projector: bool = True) -> RSCNet:
    encoder = ResolutionAwareResNet(18, width=0.125, scales=2)
    regressor = IterativeRegressor(64, torch.zeros(144), torch.zeros(10), torch.zeros(3), hidden=8)
    return RSCNet(encoder, regressor, Projector(64, 8, 4) if projector else None)


def test_forward_equals_the_original_at_every_scale(net, official):
    report = import_state(net, official)
    assert report.layout == "rscnet" and not report.kept and not report.ignored
    # of the original's 20 rows of coefficients five each lie in one of our four tensors
    assert report.matched == len(official) - 16
    assert_golden(net)


def test_parameter_count_is_the_papers(net):
    parameters = {name: sum(p.numel() for p in part.parameters()) for name, part in net.named_children()}
    coefficients = sum(p.numel() for name, p in net.named_parameters() if name.endswith("alphas"))
    assert coefficients == 80
    assert parameters["encoder"] - coefficients + parameters["regressor"] == 26_977_501
    assert parameters["projector"] == 2_360_576


def test_export_is_the_official_layout(net, official):
    import_state(net, official)
    exported = export_official(net)
    assert exported.keys() == official.keys()
    assert all(torch.equal(exported[name], official[name]) for name in official)


def test_own_normalisation_is_not_the_originals(official):
    net = small_net()
    own = RSCNet(ResolutionAwareResNet(18, width=0.125, scales=2, own_norm=True), net.regressor, net.projector)
    import_state(own, export_official(net))
    assert torch.equal(own.encoder.bn1.weight, net.encoder.bn1.weight.expand(2, -1))
    with pytest.raises(UserError, match="official layout: batch normalisation of the original is one"):
        export_official(own)


@pytest.mark.parametrize("prefix", ["module.", "module.module.", "model."])
def test_wrapped_file_with_prefix_loads(tmp_path, prefix):
    source, target = small_net(), small_net()
    state = {prefix + name: value for name, value in export_official(source).items()}
    torch.save({"model": state, "epoch": 3}, tmp_path / "official.pt")
    import_weights(target, tmp_path / "official.pt")
    assert all(
        torch.equal(a, b) for a, b in zip(source.state_dict().values(), target.state_dict().values(), strict=True)
    )


def test_spin_keeps_coefficients_and_projector():
    source, target = small_net(), small_net()
    state = {
        name.replace(".hmr_layer", ""): value
        for name, value in export_official(source).items()
        if ".alphas" not in name and "mlp" not in name
    }
    report = import_state(target, state)
    assert report.layout == "spin"
    assert {name.split(".")[-1] if "alphas" in name else name.split(".")[0] for name in report.kept} == {
        "alphas",
        "projector",
    }
    assert torch.equal(target.regressor.fc1.weight, source.regressor.fc1.weight)
    assert torch.equal(target.encoder.layer4.blocks[1].conv2.weight, source.encoder.layer4.blocks[1].conv2.weight)


def test_torchvision_fills_the_encoder_and_ignores_the_classifier():
    source, target = small_net(), small_net(projector=False)
    state = {
        name.replace(".hmr_layer", ""): value
        for name, value in export_official(source).items()
        if name.startswith(("conv1", "bn1", "layer")) and ".alphas" not in name and "mlp" not in name
    }
    report = import_state(target, state | {"fc.weight": torch.zeros(1000, 64), "fc.bias": torch.zeros(1000)})
    assert report.layout == "torchvision" and report.ignored == ("fc.weight", "fc.bias")
    assert "torchvision layout" in str(report) and "regressor.fc1.weight" in str(report)
    assert torch.equal(target.encoder.conv1.weight, source.encoder.conv1.weight)


def test_projector_of_the_file_is_ignored_without_one_of_ours():
    report = import_state(small_net(projector=False), export_official(small_net()))
    assert len(report.ignored) == 4 and all(name.startswith("projector.") for name in report.ignored)


def test_what_is_allowed_by_name_may_be_missing_or_left_over():
    net, source = small_net(), small_net()
    state = {name: value for name, value in export_official(source).items() if not name.startswith("fc1")}
    allow = {"missing": ["regressor.fc1.*"], "unexpected": ["attention.*"]}
    report = import_state(net, state | {"attention.weight": torch.zeros(1)}, allow=allow)
    assert report.kept == ("regressor.fc1.weight", "regressor.fc1.bias")
    assert report.ignored == ("attention.weight",)
    assert torch.equal(net.regressor.fc2.weight, source.regressor.fc2.weight)
    assert not torch.equal(net.regressor.fc1.weight, source.regressor.fc1.weight)


def test_what_the_original_has_no_place_for_is_not_exported():
    plain = ResolutionAwareResNet(18, width=0.125, resolution_aware=False)
    regressor = IterativeRegressor(64, torch.zeros(144), torch.zeros(10), torch.zeros(3), hidden=8)
    with pytest.raises(UserError, match="no resolution coefficients"):
        export_official(RSCNet(plain, regressor))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s | {"attention.weight": torch.zeros(1)}, "1 keys of the rscnet layout match nothing: attention"),
        (lambda s: {k: v for k, v in s.items() if k != "fc1.bias"}, "1 missing: regressor.fc1.bias"),
        (lambda s: s | {"fc1.bias": torch.zeros(9)}, r"regressor.fc1.bias \[9\] instead of \[8\]"),
        (lambda s: {"weight": torch.zeros(1)}, "neither an RSC-Net, a SPIN nor a torchvision"),
        (lambda s: {k: v for k, v in s.items() if not k.endswith("alphas.1")}, "4 of another shape: .*alphas"),
    ],
)
def test_anything_that_does_not_fit_fails_and_changes_nothing(change, message):
    net = small_net()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(UserError, match=message):
        import_state(net, change(export_official(small_net())))
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
