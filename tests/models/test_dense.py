from functools import partial

import pytest
import torch

from rscnet.joints import HEATMAP_30, TRAINING_49
from rscnet.models.dense import DenseHead, DenseNet, cell_probability, read_keypoints
from rscnet.models.resnet import ResolutionAwareResNet
from rscnet.structures import DensePrediction


def small_net(refinement: bool = False) -> DenseNet:
    torch.manual_seed(0)
    head = partial(DenseHead, channels=8, depths=True, refinement=refinement)
    return DenseNet(ResolutionAwareResNet(18, width=0.125, scales=3), head)


def test_maps_have_a_quarter_of_the_size():
    prediction = small_net()(torch.randn(2, 3, 112, 112), torch.tensor([0, 2]))
    assert prediction.heatmaps.shape == (2, 30, 28, 28) and prediction.parts.shape == (2, 25, 28, 28)


def test_every_stage_learns():
    net = small_net()
    prediction = net(torch.randn(2, 3, 32, 32), torch.tensor([0, 2]))
    (prediction.heatmaps.square().mean() + prediction.parts.square().mean() + prediction.depths.sum()).backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in net.parameters())


def test_heat_maps_show_feet_and_annotation_joints():
    names = [TRAINING_49[i] for i in HEATMAP_30]
    assert names[:6] == [f"{side}_{part}" for side in ("left", "right") for part in ("big_toe", "small_toe", "heel")]
    assert len(set(names)) == 30 and list(HEATMAP_30[6:]) == list(range(25, 49))


def test_keypoints_are_read_at_the_centres_of_peaked_maps():
    maps = torch.full((1, 2, 4, 8), -50.0)
    maps[0, 0, 0, 0] = maps[0, 1, 3, 5] = 50.0
    # cells are 2/8 wide and 2/4 high; x of both joints, y of both, certainty of both
    assert read_keypoints(DensePrediction(maps, cell_probability(maps)))[0].tolist() == pytest.approx(
        [-0.875, 0.375, -0.75, 0.75, 1.0, 1.0]
    )


def test_flat_maps_say_the_middle_with_little_certainty():
    maps = torch.zeros(1, 1, 4, 4)
    assert read_keypoints(DensePrediction(maps, cell_probability(maps)))[0].tolist() == pytest.approx(
        [0.0, 0.0, 1 / 16]
    )


def test_head_without_parts_has_no_part_weights():
    head = DenseHead([8, 16, 32, 64], parts=0, channels=8)
    assert head.part_head is None and head.keypoint_features == 90


def test_depths_are_read_under_the_heat_maps_and_follow_the_keypoints():
    head = DenseHead([8, 16, 32, 64], parts=0, channels=8, depths=True)
    torch.nn.init.zeros_(head.depth_head.weight)
    torch.nn.init.constant_(head.depth_head.bias, 0.25)
    maps = [torch.randn(2, 8 << i, 8 >> i, 8 >> i) for i in range(4)]
    prediction = head(maps)
    torch.testing.assert_close(prediction.depths, torch.full((2, 24), 0.25))
    read = read_keypoints(prediction)
    assert read.shape == (2, head.keypoint_features) == (2, 114)
    assert torch.equal(read[:, -24:], prediction.depths)


def test_smaller_views_are_made_inside():
    net = small_net().eval()
    net.size = 32
    prediction = net(torch.randn(1, 3, 64, 64), torch.tensor([0]))
    assert prediction.heatmaps.shape[-2:] == (8, 8)


def test_a_second_look_changes_nothing_before_it_is_trained():
    net, views = small_net(refinement=True), torch.randn(2, 3, 64, 64)
    prediction = net(views, torch.tensor([0, 2]))
    assert prediction.first is not None and prediction.first.first is None
    for name in ("heatmaps", "probability", "parts", "depths"):
        assert torch.equal(getattr(prediction, name), getattr(prediction.first, name)), name
    plain = small_net()
    plain.load_state_dict({k: v for k, v in net.state_dict().items() if "refinement" not in k})
    assert torch.equal(plain(views, torch.tensor([0, 2])).heatmaps, prediction.heatmaps)


def test_a_second_look_is_trained_by_its_own_answer_and_corrects_all_of_the_first():
    net, views = small_net(refinement=True), torch.randn(4, 3, 32, 32)
    scales = torch.tensor([0, 2, 0, 2])
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(2):  # its last layers are zero at first and let no gradient through
        optimizer.zero_grad()
        said = net(views, scales)
        (said.heatmaps.square().mean() + said.parts.square().mean() + said.depths.square().sum()).backward()
        optimizer.step()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in net.parameters())
    said = net(views, scales)
    for name in ("heatmaps", "parts", "depths"):
        assert not torch.allclose(getattr(said, name), getattr(said.first, name)), name


def test_a_second_look_takes_maps_of_odd_size_and_a_head_without_parts():
    head = DenseHead([8, 16, 32, 64], parts=0, channels=8, refinement=True)
    maps = [torch.randn(1, 8 << i, side, side) for i, side in enumerate((9, 5, 3, 2))]
    said = head(maps)
    assert said.heatmaps.shape == (1, 30, 9, 9) and said.parts is None and said.depths is None
