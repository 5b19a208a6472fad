import dataclasses

import pytest
import torch
from tiny_bodies import batch, prediction, tiny_body

from rscnet.errors import UserError
from rscnet.losses.consistency import ScaleConsistency
from rscnet.losses.contrastive import ContrastiveLoss, FeatureQueue
from rscnet.losses.dense import DenseLoss
from rscnet.losses.objective import RSCObjective, scale_weights
from rscnet.losses.posed import pose_bodies
from rscnet.losses.schedules import LinearRamp
from rscnet.losses.supervised import Betas, JointDistance, Pose, SupervisedLoss, Vertices
from rscnet.models.dense import cell_probability
from rscnet.structures import DensePrediction

PEOPLE = 3


def supervised() -> SupervisedLoss:
    return SupervisedLoss({"pose": Pose(), "betas": Betas()}, {"pose": 1.0, "betas": 0.001})


def run(objective: RSCObjective, views: int, ramp: float):
    guess = prediction(PEOPLE, views)
    return objective(guess, pose_bodies(tiny_body, guess.parameters), batch(PEOPLE, views), views, ramp)


@pytest.mark.parametrize("views", [1, 2, 5])
def test_scale_weights(views):
    device = torch.device("cpu")
    by_index = scale_weights(views, "index", device)
    torch.testing.assert_close(by_index, torch.arange(1.0, views + 1) / views)
    assert by_index.sum().item() == pytest.approx((views + 1) / 2)
    uniform = scale_weights(views, "uniform", device)
    assert uniform.sum().item() == pytest.approx((views + 1) / 2) and len(set(uniform.tolist())) == 1


def test_total_is_the_papers_formula():
    views, ramp = 3, 0.4
    queue = FeatureQueue(64, 4)
    objective = RSCObjective(supervised(), ScaleConsistency(), ContrastiveLoss(queue, negatives=None))
    total, logs = run(objective, views, ramp)
    guess = prediction(PEOPLE, views)
    posed = pose_bodies(tiny_body, guess.parameters)
    labels = batch(PEOPLE, views)
    pose, betas = Pose()(posed, labels.target), Betas()(posed, labels.target)
    labelled = sum((i + 1) * (pose[i] + 0.001 * betas[i]) for i in range(views)) / views
    consistency, _ = ScaleConsistency()(posed, views)
    contrastive = ContrastiveLoss(FeatureQueue(64, 4), negatives=None)(guess.projection, labels.identity, views)
    expected = 60 * (labelled + ramp * 0.25 * (consistency + 0.1 * contrastive))
    torch.testing.assert_close(total, expected)
    torch.testing.assert_close(logs["weighted/contrastive"], 60 * ramp * 0.25 * 0.1 * contrastive)
    torch.testing.assert_close(logs["supervised/pose"], pose.mean())
    parts = sum(value for name, value in logs.items() if name.startswith("weighted/"))
    torch.testing.assert_close(parts, logs["total"])
    assert not any(value.requires_grad for value in logs.values())


def test_parts_can_be_left_out():
    total, logs = run(RSCObjective(supervised(), total_scale=1.0, scale_weights="uniform"), views=2, ramp=1.0)
    assert not any("consistency" in name or "contrastive" in name for name in logs)
    torch.testing.assert_close(total, 1.5 * (logs["supervised/pose"] + 0.001 * logs["supervised/betas"]))


def test_distances_count_as_the_supervised_losses_do():
    distances = SupervisedLoss({"mpjpe": JointDistance()}, {"mpjpe": 2.0})
    objective, views = RSCObjective(supervised(), distances=distances), 2
    total, logs = run(objective, views, ramp=1.0)
    guess = prediction(PEOPLE, views)
    value = JointDistance()(pose_bodies(tiny_body, guess.parameters), batch(PEOPLE, views).target)
    torch.testing.assert_close(logs["weighted/distances"], 60 * 2 * (0.5 * value[0] + value[1]))
    torch.testing.assert_close(logs["distances/mpjpe"], value.mean())
    torch.testing.assert_close(total, logs["weighted/supervised"] + logs["weighted/distances"])
    assert not objective.needs_truth
    assert RSCObjective(supervised(), distances=SupervisedLoss({"v": Vertices()}, {"v": 1.0})).needs_truth


def test_dense_losses_count_beside_the_supervised_ones():
    views, maps = 2, torch.randn(2 * PEOPLE, 30, 4, 4)
    guess = dataclasses.replace(
        prediction(PEOPLE, views), dense=DensePrediction(maps, cell_probability(maps), depths=torch.ones(6, 24))
    )
    labels = batch(PEOPLE, views)
    objective = RSCObjective(supervised(), dense=DenseLoss(depth_weight=2.0), dense_weight=0.3)
    total, logs = objective(guess, pose_bodies(tiny_body, guess.parameters), labels, views, 1.0)
    expected = 60 * 0.3 * (logs["dense/heatmaps"] + 2 * logs["dense/depths"])
    torch.testing.assert_close(logs["weighted/dense"], expected)
    torch.testing.assert_close(total, logs["weighted/supervised"] + expected)


def test_ramp_of_zero_still_feeds_the_queue():
    objective = RSCObjective(supervised(), ScaleConsistency(), ContrastiveLoss(FeatureQueue(64, 4)))
    total, logs = run(objective, views=2, ramp=0.0)
    assert len(objective.contrastive.queue) == 2 * PEOPLE
    torch.testing.assert_close(total, logs["weighted/supervised"])


def test_unknown_scale_weights():
    with pytest.raises(UserError, match="scale_weights"):
        RSCObjective(supervised(), scale_weights="gap")


def test_ramp():
    up, down = LinearRamp(200), LinearRamp(200, "down")
    assert [up(step) for step in (0, 50, 200, 900)] == [0.0, 0.25, 1.0, 1.0]
    assert [down(step) for step in (0, 50, 200, 900)] == [1.0, 0.75, 0.0, 0.0]
    assert LinearRamp(200, "none")(0) == 1.0


@pytest.mark.parametrize("wrong", [{"length": 0}, {"length": 5, "mode": "sideways"}])
def test_impossible_ramps(wrong):
    with pytest.raises(UserError, match="ramp"):
        LinearRamp(**wrong)


def test_stage_ends_of_the_published_schedule_fall_on_round_ramp_values():
    # spec section 4: N divisible by 48 and B = 24; stages of N/2B, N/B, 3N/2B steps; ramp of 5 N / B
    n, b = 48 * 100, 24
    ramp, steps, values = LinearRamp(5 * (n // b)), 0, []
    for length in (n // (2 * b), n // b, 3 * (n // (2 * b))):
        steps += length
        values.append(ramp(steps))
    assert values == pytest.approx([0.1, 0.3, 0.6])
