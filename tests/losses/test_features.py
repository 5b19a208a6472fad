"""Self-supervised losses of features."""

import pytest
import torch

from rscnet.errors import UserError
from rscnet.losses.contrastive import ContrastiveLoss, FeatureQueue
from rscnet.losses.features import FeatureConsistency, FeatureObjective, exponential_average


def unit(*degrees: float) -> torch.Tensor:
    angles = torch.deg2rad(torch.tensor(degrees))
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def test_consistency_is_the_squared_distance_of_unit_features():
    # two views of two pictures: 90 and 0 degrees apart, whatever their length; pair weight 1 / 2
    feature = torch.cat([unit(0, 30) * 7, unit(90, 30) * 0.1])
    assert float(FeatureConsistency()(feature, 2)) == pytest.approx(0.5 * (2 + 0) / 2)
    assert float(FeatureConsistency()(feature[:2], 1)) == 0


@pytest.mark.parametrize(("direction", "taught"), [("high_to_low", [False, True]), ("both", [True, True])])
def test_direction_decides_who_learns(direction, taught):
    feature = torch.cat([unit(0), unit(60)]).requires_grad_()
    FeatureConsistency(direction=direction)(feature, 2).backward()
    assert feature.grad is not None
    assert [bool(row.any()) for row in feature.grad] == taught


def test_unknown_choices_are_refused():
    with pytest.raises(UserError, match="direction must be"):
        FeatureConsistency(direction="up")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="pair_weights must be"):
        FeatureConsistency(pair_weights="all")  # type: ignore[arg-type]


def contrastive() -> ContrastiveLoss:
    return ContrastiveLoss(FeatureQueue(8, 2), temperature=1.0, negatives=None)


def test_keys_of_another_network_fill_the_queue_and_are_the_positives():
    online, keys = unit(0, 90, 0, 90).requires_grad_(), unit(180, 270, 180, 270)
    identity = torch.tensor([[0, 0], [0, 1]])
    loss, plain = contrastive(), contrastive()
    value = loss(online, identity, 2, keys)
    assert torch.equal(loss.queue.features[:4], keys)
    # picture 0, low: positive at 180 degrees (cosine -1), negatives two keys of picture 1 at 270 (cosine 0)
    expected = torch.log(torch.tensor(1.0) + 2 * torch.exp(torch.tensor(1.0)))
    assert float(value.detach()) == pytest.approx(0.5 * float(expected), rel=1e-5)
    assert float(plain(online, identity, 2).detach()) < float(value.detach())
    assert torch.equal(plain.queue.features[:4], online.detach())


def test_the_objective_adds_what_is_on():
    feature, identity = unit(0, 90, 30, 120), torch.tensor([[0, 0], [0, 1]])
    both = FeatureObjective(contrastive(), FeatureConsistency(), contrastive_weight=2.0, consistency_weight=3.0)
    total, terms = both(feature, feature, identity, 2)
    assert float(total) == pytest.approx(2 * float(terms["contrastive"]) + 3 * float(terms["consistency"]))
    total, terms = FeatureObjective(contrastive())(feature, feature, identity, 2)
    assert float(total) == float(terms["contrastive"])
    assert set(terms) == {"contrastive", "total"}


def test_the_teacher_follows_slowly():
    teacher, student = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    with torch.no_grad():
        teacher.weight.fill_(0)
        student.weight.fill_(1)
    exponential_average(teacher, student, 0.9)
    assert torch.allclose(teacher.weight, torch.full((1, 2), 0.1))
    exponential_average(teacher, student, 0.9)
    assert torch.allclose(teacher.weight, torch.full((1, 2), 0.19))
