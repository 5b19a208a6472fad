from math import log

import pytest
import torch

from rscnet.losses.dense import DenseLoss, gaussian_targets
from rscnet.models.dense import cell_probability
from rscnet.structures import BodyParameters, DensePrediction, Target

JOINTS = [30, 31]


def keypoints(n: int) -> torch.Tensor:
    points = torch.zeros(n, 49, 3)
    points[:, JOINTS, 2] = 1.0
    return points


def target_of(points: torch.Tensor, joints_3d: torch.Tensor | None = None) -> Target:
    n = len(points)
    body = BodyParameters(torch.eye(3).expand(n, 1, 3, 3), torch.eye(3).expand(n, 23, 3, 3), torch.zeros(n, 10))
    joints_3d = torch.zeros(n, 24, 4) if joints_3d is None else joints_3d
    return Target(points, joints_3d, body, torch.ones(n, dtype=torch.bool), torch.ones(n, dtype=torch.bool))


def dense_loss(loss: DenseLoss, logits, parts, points, labels):
    return loss(DensePrediction(logits, cell_probability(logits), parts), target_of(points), labels)


def test_gaussian_is_a_distribution_around_the_keypoint():
    target = gaussian_targets(torch.tensor([[[0.125, -0.625]]]), 8, 8, sigma=1.0)[0, 0]
    assert target.sum().item() == pytest.approx(1.0)
    # x = 4.5 of 8 cells is the centre of column 4, y = 1.5 the centre of row 1
    assert divmod(int(target.argmax()), 8) == (1, 4)
    # neighbours of the centre along one axis lose a factor exp(-1/2)
    assert (target[1, 5] / target[1, 4]).item() == pytest.approx(0.60653, abs=1e-4)
    torch.testing.assert_close(target[1, 5], target[1, 3])
    torch.testing.assert_close(target[2, 4], target[0, 4])


def test_perfect_logits_cost_nothing():
    points = keypoints(2)
    points[:, JOINTS, :2] = torch.tensor([0.3, -0.4])
    labels = torch.arange(2 * 16).view(2, 4, 4) % 5
    logits = gaussian_targets(points[:, JOINTS, :2], 4, 4, 1.0).clamp(min=1e-12).log()
    parts = 100.0 * torch.nn.functional.one_hot(labels, 5).permute(0, 3, 1, 2)
    total, terms = dense_loss(DenseLoss(JOINTS), logits, parts, points, labels.to(torch.uint8))
    assert set(terms) == {"heatmaps", "parts"} and total.item() == pytest.approx(0.0, abs=1e-5)


def test_uniform_parts_cost_the_logarithm_of_their_number():
    labels = torch.randint(0, 25, (2, 4, 4))
    loss = DenseLoss(JOINTS, heatmap_weight=0.0, part_weight=2.0)
    total, terms = dense_loss(loss, torch.zeros(2, 2, 4, 4), torch.zeros(2, 25, 4, 4), keypoints(2), labels)
    assert terms["parts"].item() == pytest.approx(log(25)) and total.item() == pytest.approx(2 * log(25))


def test_joints_unseen_or_outside_do_not_count():
    points, logits = keypoints(2), torch.randn(2, 2, 4, 4)
    loss = DenseLoss(JOINTS)
    points[1, JOINTS[1]] = torch.tensor([0.9, 0.1, 0.0])
    points[0, JOINTS[1]] = torch.tensor([1.2, 0.0, 1.0])
    seen = dense_loss(loss, logits, torch.zeros(2, 3, 4, 4), points, None)[1]["heatmaps"]
    logits[:, 1] += torch.randn(2, 4, 4)
    torch.testing.assert_close(dense_loss(loss, logits, torch.zeros(2, 3, 4, 4), points, None)[1]["heatmaps"], seen)


def test_cells_without_a_label_do_not_count():
    labels, parts = torch.randint(0, 5, (1, 4, 4)), torch.randn(1, 5, 4, 4)
    loss = DenseLoss(JOINTS)
    upper = dense_loss(loss, torch.zeros(1, 2, 4, 4), parts[:, :, :2], keypoints(1), labels[:, :2])[1]["parts"]
    labels[:, 2:] = 255
    torch.testing.assert_close(
        dense_loss(loss, torch.zeros(1, 2, 4, 4), parts, keypoints(1), labels)[1]["parts"], upper
    )


def test_nothing_labelled_is_zero_with_a_graph():
    logits, parts = torch.randn(2, 2, 4, 4, requires_grad=True), torch.randn(2, 3, 4, 4, requires_grad=True)
    total, _ = dense_loss(
        DenseLoss(JOINTS), logits, parts, torch.full((2, 49, 3), torch.nan), torch.full((2, 4, 4), 255)
    )
    total.backward()
    assert total.item() == 0.0 and logits.grad.abs().max() == 0 and parts.grad.abs().max() == 0


def test_views_share_targets_and_repeating_changes_nothing():
    points, labels = torch.rand(3, 49, 3), torch.randint(0, 5, (3, 4, 4))
    logits, parts = torch.randn(6, 2, 4, 4), torch.randn(6, 5, 4, 4)
    loss = DenseLoss(JOINTS)
    both, _ = dense_loss(loss, logits, parts, points, labels)
    apart = [dense_loss(loss, logits[rows], parts[rows], points, labels)[0] for rows in (slice(0, 3), slice(3, 6))]
    torch.testing.assert_close(both, (apart[0] + apart[1]) / 2)
    torch.testing.assert_close(
        dense_loss(loss, logits[:3].repeat(2, 1, 1, 1), parts[:3].repeat(2, 1, 1, 1), points, labels)[0], apart[0]
    )


def test_labels_of_another_grid_are_resampled():
    labels = torch.tensor([[[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]], dtype=torch.uint8)
    coarse = torch.tensor([[[1, 2], [3, 4]]])
    parts = torch.randn(1, 5, 2, 2)
    loss = DenseLoss(JOINTS)
    fine, same = (
        dense_loss(loss, torch.zeros(1, 2, 2, 2), parts, keypoints(1), x)[1]["parts"] for x in (labels, coarse)
    )
    torch.testing.assert_close(fine, same)


def test_learning_moves_the_peak_to_the_keypoint():
    points = keypoints(1)
    points[:, JOINTS, :2] = torch.tensor([-0.7, 0.6])
    logits = torch.zeros(1, 2, 8, 8, requires_grad=True)
    dense_loss(DenseLoss(JOINTS), logits, torch.zeros(1, 3, 8, 8), points, None)[0].backward()
    # cell (6, 1): y = 0.6 is row 6.4, x = -0.7 is column 1.2
    assert divmod(int((-logits.grad[0, 0]).argmax()), 8) == (6, 1)


def test_depths_count_from_the_middle_of_the_hips_where_known():
    joints_3d = torch.zeros(1, 24, 4)
    joints_3d[0, [2, 3]] = torch.tensor([[0.1, 0.0, 4.9, 1.0], [-0.1, 0.0, 5.1, 1.0]])  # hips around 5 m
    joints_3d[0, 5] = torch.tensor([0.0, 0.0, 5.4, 1.0])
    joints_3d[0, 6] = torch.tensor([0.0, 0.0, 9.0, 0.0])  # not annotated
    loss = DenseLoss([30, 31], depth_weight=3.0)
    depths = torch.tensor([[0.1, 7.0]])
    target = target_of(keypoints(1), joints_3d)
    maps = torch.zeros(1, 2, 4, 4)
    total, terms = loss(DensePrediction(maps, cell_probability(maps), depths=depths), target)
    assert terms["depths"].item() == pytest.approx(0.3)
    assert (total - terms["heatmaps"]).item() == pytest.approx(0.9)


def test_what_was_said_before_a_second_look_is_judged_too():
    maps = torch.randn(1, 2, 4, 4)
    other = torch.randn(1, 2, 4, 4)
    loss, target = DenseLoss(JOINTS, first_weight=0.25), target_of(keypoints(1))
    before = DensePrediction(other, cell_probability(other))
    alone, first = loss(DensePrediction(maps, cell_probability(maps)), target)[0], loss(before, target)[0]
    total, terms = loss(DensePrediction(maps, cell_probability(maps), first=before), target)
    torch.testing.assert_close(total, alone + 0.25 * first)
    torch.testing.assert_close(terms["first_heatmaps"], first)
