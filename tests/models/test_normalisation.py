import pytest
import torch
from torch import nn

from rscnet.models.normalisation import BY_SCALE, Rows, ScaleNorm, for_all_scales, normalised
from rscnet.models.resnet import ResolutionAwareResNet

SCALE_INDEX = torch.tensor([0, 0, 2, 2, 2])


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(0)).double()


@pytest.fixture
def norm() -> ScaleNorm:
    torch.manual_seed(0)
    norm = ScaleNorm(3, scales=3).double()
    for name in BY_SCALE:
        nn.init.uniform_(getattr(norm, name), 0.5, 1.5)
    return norm


def plain(norm: ScaleNorm, scale: int) -> nn.BatchNorm2d:
    """The same by torch's own layer."""
    found = nn.BatchNorm2d(3).double()
    found.load_state_dict({name: getattr(norm, name)[scale].clone() for name in BY_SCALE}, strict=False)
    return found


@pytest.mark.parametrize("training", [True, False])
def test_each_scale_is_normalised_by_itself(norm, x, training):
    norm.train(training)
    parts = [plain(norm, scale).train(training)(x[scale == SCALE_INDEX]) for scale in (0, 2)]
    torch.testing.assert_close(norm(x, Rows.grouped(SCALE_INDEX)), torch.cat(parts))


def test_statistics_of_a_scale_move_with_its_own_pictures(norm, x):
    expected, before = plain(norm, 2), norm.running_mean.clone()
    expected(x[2:])
    norm(x, Rows.grouped(SCALE_INDEX))
    torch.testing.assert_close(norm.running_mean[2], expected.running_mean)
    torch.testing.assert_close(norm.running_var[2], expected.running_var)
    torch.testing.assert_close(norm.running_mean[1], before[1], rtol=0, atol=0)


def test_rows_of_a_scale_in_two_places_are_two_groups():
    assert Rows.grouped(torch.tensor([0, 0, 1, 0])).groups == ((0, 2), (1, 1), (0, 1))


def test_gradients_reach_the_scales_that_were_seen(norm, x):
    norm(x, Rows.grouped(SCALE_INDEX)).square().sum().backward()
    assert (norm.weight.grad.abs().sum(1) > 0).tolist() == [True, False, True]


def test_a_scale_alone_and_copied(norm, x):
    rows = Rows(torch.full((5,), 2))
    torch.testing.assert_close(norm.of_scale(2)(x), norm.eval()(x, rows))
    norm.copy_scale(0, 2)
    torch.testing.assert_close(norm(x, rows), norm(x, Rows(torch.zeros(5, dtype=torch.long))), rtol=0, atol=0)


def test_scales_below_take_a_copy_too(norm):
    before = norm.running_mean.clone()
    norm.copy_scale(0, 1)
    torch.testing.assert_close(norm.running_mean, before[:1].expand(3, -1), rtol=0, atol=0)


def test_a_shared_normalisation_asks_for_no_rows(x):
    norm = nn.BatchNorm2d(3).double().eval()
    torch.testing.assert_close(normalised(norm, x, None), norm(x))


@torch.no_grad()
def test_shared_weights_begin_every_scale():
    torch.manual_seed(0)
    shared = ResolutionAwareResNet(18, width=0.125, scales=3).eval()
    own = ResolutionAwareResNet(18, width=0.125, scales=3, own_norm=True).eval()
    shared.layer2.blocks[0].bn1.running_mean.normal_()  # type: ignore[union-attr]
    own.load_state_dict(for_all_scales(own, shared.state_dict()))
    views = torch.randn(3, 3, 64, 64)
    torch.testing.assert_close(own(views, torch.arange(3)), shared(views, torch.arange(3)))
    again = for_all_scales(own, own.state_dict())
    assert {name: value.shape for name, value in again.items()} == {n: v.shape for n, v in own.state_dict().items()}
