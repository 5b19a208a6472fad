import pytest
import torch
from safetensors.torch import save_file

from rscnet.errors import UserError
from rscnet.learning.reid import varied
from rscnet.models.features import LPIPS, PCBResNet, ReIDNet
from rscnet.models.resnet import ResolutionAwareResNet


def test_descriptors_are_unit_vectors_of_pictures_of_any_size():
    net = ReIDNet().eval()
    found = net.describe(torch.rand(3, 3, 128, 64))
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3))
    assert [tuple(m.shape[1:]) for m in net(torch.rand(1, 3, 40, 20))] == [
        (16, 64, 32), (32, 32, 16), (64, 16, 8), (96, 8, 4)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def resnet_state() -> dict[str, torch.Tensor]:
    """A ResNet-50 in torchvision's names as PCB's code stores it."""
    state = ResolutionAwareResNet(50, resolution_aware=False).state_dict()
    return {f"base.{name.replace('.blocks.', '.')}": value for name, value in state.items()}


def test_pcb_weights_load_under_any_prefix_and_keep_the_last_stage_fine(resnet_state, tmp_path):
    save_file(resnet_state | {"classifier_list.0.weight": torch.zeros(2, 2)}, tmp_path / "pcb.safetensors")
    net = PCBResNet(str(tmp_path / "pcb.safetensors"), height=64, width=32).eval()
    with torch.no_grad():
        maps = net(torch.rand(1, 3, 64, 32))
    assert [tuple(m.shape[1:]) for m in maps] == [(256, 16, 8), (512, 8, 4), (1024, 4, 2), (2048, 4, 2)]
    assert torch.equal(net.backbone.conv1.weight, resnet_state["base.conv1.weight"])
    del resnet_state["base.layer4.2.conv3.weight"]
    save_file(resnet_state, tmp_path / "cut.safetensors")
    with pytest.raises(UserError, match=r"layer4\.blocks\.2\.conv3\.weight"):
        PCBResNet(str(tmp_path / "cut.safetensors"))


def test_lpips_is_zero_for_equal_pictures_and_symmetric(tmp_path):
    torch.manual_seed(0)
    shapes = {"0": (64, 3, 11), "3": (192, 64, 5), "6": (384, 192, 3), "8": (256, 384, 3), "10": (256, 256, 3)}
    state = {f"features.{n}.weight": torch.randn(o, i, k, k) / (i * k * k) ** 0.5 for n, (o, i, k) in shapes.items()}
    state |= {f"features.{n}.bias": torch.zeros(o) for n, (o, _, _) in shapes.items()}
    torch.save(state | {"classifier.1.weight": torch.zeros(1, 1)}, tmp_path / "alexnet.pth")
    net = LPIPS(str(tmp_path / "alexnet.pth")).eval()
    with torch.no_grad():
        a, b = torch.rand(2, 2, 3, 64, 64)
        assert net(a, a).tolist() == [0, 0]
        torch.testing.assert_close(net(a, b), net(b, a))
        assert (net(a, b) > net(a, 0.9 * a + 0.1 * b)).all()


def test_backgrounds_are_swapped_but_people_stay():
    torch.manual_seed(0)
    pictures = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 32, 16).contiguous()
    face = torch.full((4, 32, 16), -1)
    face[:, 12:20, 6:10] = 7
    changed = varied(pictures, face)
    assert torch.equal(changed[:, :, 12:20, 6:10], pictures[:, :, 12:20, 6:10])
    swapped = changed[:, 0, 0, 0] != pictures[:, 0, 0, 0]
    assert 0 < swapped.sum() < 4
