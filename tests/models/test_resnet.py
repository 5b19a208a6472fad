import pytest
import torch

from rscnet.errors import UserError
from rscnet.models.resnet import ResolutionAwareResNet


@pytest.fixture
def encoder() -> ResolutionAwareResNet:
    torch.manual_seed(0)
    return ResolutionAwareResNet(18, width=0.125, scales=5).eval()


@pytest.fixture
def views() -> torch.Tensor:
    return torch.randn(5, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
@pytest.mark.parametrize("depth", [18, 50])
def test_coefficients_of_one_give_a_plain_resnet(depth, views):
    torch.manual_seed(0)
    aware = ResolutionAwareResNet(depth, width=0.125, scales=5).eval()
    plain = ResolutionAwareResNet(depth, width=0.125, resolution_aware=False).eval()
    plain.load_state_dict({name: v for name, v in aware.state_dict().items() if not name.endswith("alphas")})
    expected = plain(views, torch.zeros(5, dtype=torch.long))
    for scale in range(5):
        torch.testing.assert_close(aware(views, torch.full((5,), scale)), expected)


def test_plain_network_has_no_coefficients():
    plain = ResolutionAwareResNet(18, width=0.125, resolution_aware=False)
    assert not [name for name, _ in plain.named_parameters() if "alpha" in name]
    plain.warm_start(0, 1)  # and warm starting it is harmless


@torch.no_grad()
def test_a_row_of_coefficients_changes_its_scale_only(encoder, views):
    scale_index = torch.arange(5)
    before = encoder(views, scale_index)
    encoder.layer3.alphas[2] = 1.7
    changed = (encoder(views, scale_index) - before).flatten(1).abs().amax(1) > 0
    assert changed.tolist() == [False, False, True, False, False]


@torch.no_grad()
def test_mixed_batch_equals_one_scale_at_a_time(encoder, views):
    for i in range(1, 5):
        getattr(encoder, f"layer{i}").alphas.normal_()
    scale_index = torch.tensor([4, 0, 3, 3, 1])
    mixed = encoder(views, scale_index)
    for i in range(5):
        torch.testing.assert_close(mixed[i : i + 1], encoder(views[i : i + 1], scale_index[i : i + 1]))


@torch.no_grad()
def test_zero_coefficients_leave_the_shortcut(encoder, views):
    # stage 1 of ResNet-18 has identity shortcuts: its output must be its (non-negative) input, unscaled
    encoder.layer1.alphas[0] = 0.0
    stem = encoder.maxpool(encoder.relu(encoder.bn1(encoder.conv1(views))))
    torch.testing.assert_close(encoder.stages(views, torch.zeros(5, dtype=torch.long))[0], stem)


def test_gradient_reaches_only_the_rows_in_use(encoder, views):
    encoder(views, torch.tensor([0, 0, 3, 3, 3])).sum().backward()
    used = encoder.layer4.alphas.grad.abs().sum(1) > 0
    assert used.tolist() == [True, False, False, True, False]


def test_warm_start_copies_one_row_in_place(encoder):
    parameters = [getattr(encoder, f"layer{i}").alphas for i in range(1, 5)]
    with torch.no_grad():
        for parameter in parameters:
            parameter.copy_(torch.arange(10.0).view(5, 2))
    encoder.warm_start(source=1, target=2)
    for i, parameter in enumerate(parameters, start=1):
        assert getattr(encoder, f"layer{i}").alphas is parameter and parameter.requires_grad
        assert parameter.tolist() == [[0, 1], [2, 3], [2, 3], [6, 7], [8, 9]]


@torch.no_grad()
@pytest.mark.parametrize(("depth", "expansion", "blocks"), [(18, 1, 8), (34, 1, 16), (50, 4, 16)])
def test_sizes_of_stages(depth, expansion, blocks):
    encoder = ResolutionAwareResNet(depth, width=0.25, scales=3).eval()
    maps = encoder.stages(torch.zeros(1, 3, 112, 112), torch.zeros(1, dtype=torch.long))
    channels = [16 * 2**i * expansion for i in range(4)]
    assert [tuple(x.shape[1:]) for x in maps] == [(c, s, s) for c, s in zip(channels, (28, 14, 7, 4), strict=True)]
    assert encoder.stage_channels == channels and encoder.out_channels == channels[-1]
    assert sum(p.numel() for name, p in encoder.named_parameters() if name.endswith("alphas")) == 3 * blocks


@torch.no_grad()
def test_channels_last_gives_the_same(encoder, views):
    expected = encoder(views, torch.arange(5))
    moved = encoder.to(memory_format=torch.channels_last)
    actual = moved(views.to(memory_format=torch.channels_last), torch.arange(5))
    torch.testing.assert_close(actual, expected)
    assert actual.is_contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def test_mixed_precision_keeps_feature_maps_small(encoder, views):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert encoder.stages(views, torch.arange(5))[0].dtype == torch.bfloat16


@pytest.mark.parametrize("wrong", [{"depth": 101}, {"width": 0.0}, {"scales": 0}])
def test_impossible_networks_are_user_errors(wrong):
    with pytest.raises(UserError, match=r"model\.encoder"):
        ResolutionAwareResNet(**wrong)


@pytest.fixture
def own_norm() -> ResolutionAwareResNet:
    torch.manual_seed(0)
    return ResolutionAwareResNet(18, width=0.125, scales=5, own_norm=True)


@pytest.mark.parametrize("order", [[0, 0, 1, 3, 3], [3, 0, 1, 3, 0]])
def test_own_normalisation_trains_each_scale_as_if_it_came_alone(own_norm, views, order):
    scale_index, own_norm, views = torch.tensor(order), own_norm.double(), views.double()
    found = own_norm(views, scale_index)
    for scale in (0, 1, 3):
        rows = scale_index == scale
        torch.testing.assert_close(found[rows], own_norm(views[rows], scale_index[rows]))


@torch.no_grad()
def test_warm_start_copies_the_own_normalisation(own_norm, views):
    own_norm(views, torch.zeros(5, dtype=torch.long))
    own_norm.eval().layer2.alphas[0] = 1.5
    first, second = (own_norm(views, torch.full((5,), scale)) for scale in (0, 1))
    assert (first - second).abs().max() > 0.01
    own_norm.warm_start(0, 1)
    torch.testing.assert_close(own_norm(views, torch.ones(5, dtype=torch.long)), first, rtol=0, atol=0)


def test_a_plain_network_has_no_normalisation_by_scale():
    network = ResolutionAwareResNet(18, width=0.125, resolution_aware=False, own_norm=True)
    assert network.bn1.weight.shape == (8,)
