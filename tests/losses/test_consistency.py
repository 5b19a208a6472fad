from dataclasses import replace

import pytest
import torch
from tiny_bodies import leaf, parameters, tiny_body

from rscnet.errors import UserError
from rscnet.losses.consistency import ScaleConsistency
from rscnet.losses.pairs import pair_weights, scale_pairs
from rscnet.losses.posed import pose_bodies


def posed_views(views: int, n: int = 3):
    return leaf(pose_bodies(tiny_body, parameters(views * n)))


@pytest.mark.parametrize(("views", "total"), [(1, 0.0), (2, 0.5), (3, 4 / 3), (4, 2.5), (5, 4.0)])
@pytest.mark.parametrize("kind", ["gap", "inverse_gap", "uniform"])
def test_pair_weights_sum_to_the_papers(views, total, kind):
    weights = pair_weights(views, kind)
    assert len(weights) == views * (views - 1) // 2
    assert weights.sum().item() == pytest.approx(total)


def test_pair_weights_by_hand():
    high, low = scale_pairs(3)
    assert list(zip(high.tolist(), low.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 2)]
    torch.testing.assert_close(pair_weights(3, "gap"), torch.tensor([1.0, 2.0, 1.0]) / 3)
    torch.testing.assert_close(pair_weights(3, "inverse_gap"), torch.tensor([1.0, 0.5, 1.0]) * (4 / 3) / 2.5)


def test_value_by_hand():
    posed = posed_views(3, n=2)
    betas = torch.zeros(6, 10)
    betas[2, 0], betas[4, 0] = 1.0, 3.0  # person 0 in views 1 and 2
    same = posed.parameters.rotations[:2].repeat(3, 1, 1, 1)
    translation = torch.zeros(6, 3)
    translation[5, 2] = 6.0
    guess = replace(
        posed,
        parameters=replace(posed.parameters, global_orient=same[:, :1], body_pose=same[:, 1:], betas=betas),
        translation=translation,
    )
    total, terms = ScaleConsistency()(guess, 3)
    # pairs (0,1) (0,2) (1,2) with weights 1/3, 2/3, 1/3, means over 2 people and 10 betas or 3 coordinates
    betas_term = (1 * 1 + 2 * 9 + 1 * 4) / 3 / 20
    camera_term = (2 * 36 + 1 * 36) / 3 / 6
    assert terms["pose"].item() == 0.0
    assert terms["betas"].item() == pytest.approx(betas_term)
    assert terms["camera"].item() == pytest.approx(camera_term)
    assert total.item() == pytest.approx(0.001 * betas_term + 0.0001 * camera_term)


def test_no_gradient_reaches_the_higher_resolution():
    posed = posed_views(2)
    ScaleConsistency()(posed, 2)[0].backward()
    for tensor in (posed.parameters.body_pose, posed.parameters.betas, posed.translation):
        assert tensor.grad[:3].abs().max() == 0
        assert tensor.grad[3:].abs().min() > 0


def test_both_directions_pull_equally():
    posed, one_way = posed_views(2), posed_views(2)
    total, _ = ScaleConsistency(direction="both")(posed, 2)
    directed, _ = ScaleConsistency()(one_way, 2)
    assert total.item() == pytest.approx(directed.item())
    total.backward()
    torch.testing.assert_close(posed.parameters.betas.grad[:3], -posed.parameters.betas.grad[3:])


def test_middle_view_is_taught_and_not_taught_by_lower_ones():
    posed = posed_views(3)
    ScaleConsistency(betas_weight=1.0)(posed, 3)[0].backward()
    middle = leaf(posed[:6])
    ScaleConsistency(betas_weight=1.0)(middle, 2)[0].backward()
    # the pair (0, 1) weighs 1/3 among three views and 1/2 among two
    torch.testing.assert_close(posed.parameters.betas.grad[3:6], middle.parameters.betas.grad[3:] * 2 / 3)


def test_one_view_has_nothing_to_be_consistent_with():
    posed = posed_views(1)
    total, _ = ScaleConsistency()(posed, 1)
    total.backward()
    assert total.item() == 0.0 and posed.translation.grad.abs().max() == 0


@pytest.mark.parametrize("kind", ["gap", "inverse_gap", "uniform"])
def test_repeating_the_batch_changes_nothing(kind):
    one = posed_views(3)
    two = one.map(lambda t: t.unflatten(0, (3, -1)).repeat(1, 2, *[1] * (t.dim() - 1)).flatten(0, 1))
    loss = ScaleConsistency(pair_weights=kind)
    torch.testing.assert_close(loss(one, 3)[0], loss(two, 3)[0])


@pytest.mark.parametrize("wrong", [{"pair_weights": "gaps"}, {"direction": "low_to_high"}])
def test_unknown_choices_are_user_errors(wrong):
    with pytest.raises(UserError, match="must be"):
        ScaleConsistency(**wrong)
