from math import cos, exp, log, sin
from pathlib import Path

import numpy as np
import pytest
import torch

from rscnet.errors import UserError
from rscnet.losses.contrastive import ContrastiveLoss, FeatureQueue, info_nce, similarity

GOLDEN = np.load(Path(__file__).parents[1] / "data" / "functions.npz")


def drawn(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def names(*samples: int) -> torch.Tensor:
    return torch.tensor([[0, sample] for sample in samples])


def queue_of(features: torch.Tensor, identity: torch.Tensor, size: int = 64) -> FeatureQueue:
    queue = FeatureQueue(size, features.shape[1])
    queue.enqueue(features, identity)
    return queue


@pytest.mark.parametrize(("kernel", "temperature", "key"), [("cosine", 0.1, "ntxent_dot"), ("mse", 1000, "ntxent_mse")])
def test_equals_the_original(kernel, temperature, key):
    anchor, positive = drawn(6, 256, seed=10), drawn(6, 256, seed=11)
    negatives = drawn(6, 50, 256, seed=20)
    logits = similarity(anchor[:, None], positive[:, None], kernel)[:, 0, 0] / temperature
    denominator = (similarity(anchor[:, None], negatives, kernel)[:, 0] / temperature).logsumexp(-1)
    assert info_nce(logits, denominator).mean().item() == pytest.approx(float(GOLDEN[key]), abs=1e-5)


def test_kernels_by_hand():
    x, y = torch.tensor([[3.0, 4.0]]), torch.tensor([[4.0, 3.0], [0.0, 2.0]])
    torch.testing.assert_close(similarity(x, y, "cosine"), torch.tensor([[0.96, 0.8]]))
    torch.testing.assert_close(similarity(x, y, "mse"), torch.tensor([[-2.0, -13.0]]))


@pytest.mark.parametrize("count", [1, 7])
@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_closed_form(count, temperature):
    # the anchor e0, its positive at cosine p = 0.8, K negatives at cosine c = -0.6
    high, low = torch.tensor([[0.8, 0.6]]), torch.tensor([[2.0, 0.0]])
    queue = queue_of(torch.tensor([[-0.6, 0.8]]).repeat(count, 1), names(*range(1, count + 1)))
    loss = ContrastiveLoss(queue, temperature, negatives=None).eval()
    value = loss(torch.cat([high, low]), names(0), views=2)
    p, c = 0.8 / temperature, -0.6 / temperature
    # of two views the only pair weighs one half
    assert value.item() == pytest.approx(0.5 * (-p + log(exp(p) + count * exp(c))), rel=1e-5)


def test_own_picture_is_never_a_negative():
    features = drawn(4, 8, seed=1)
    others = drawn(5, 8, seed=2)
    clean = ContrastiveLoss(queue_of(others, names(5, 6, 7, 8, 9)), negatives=None).eval()
    own = torch.cat([others, 3 * features])  # and four entries of the batch's own pictures
    dirty = ContrastiveLoss(queue_of(own, names(5, 6, 7, 8, 9, 0, 1, 0, 1)), negatives=None).eval()
    # the other picture of the batch is a negative, so each person is asked alone
    for person in (0, 1):
        rows = features[[person, person + 2]]
        only_own = queue_of(torch.cat([others, rows]), names(5, 6, 7, 8, 9, person, person))
        alone = ContrastiveLoss(only_own, negatives=None).eval()
        torch.testing.assert_close(alone(rows, names(person), 2), clean(rows, names(person), 2))
    assert dirty(features, names(0, 1), 2) > clean(features, names(0, 1), 2)


def test_same_number_in_another_data_set_is_another_picture():
    features, other = drawn(2, 8, seed=1), drawn(1, 8, seed=2)
    loss = ContrastiveLoss(queue_of(other, torch.tensor([[1, 0]])), negatives=None).eval()
    assert loss(features, torch.tensor([[0, 0]]), 2) > 0
    assert loss(features, torch.tensor([[1, 0]]), 2) == 0


def test_gradient_goes_to_the_low_resolution_only():
    features = drawn(6, 8, seed=3).requires_grad_()
    loss = ContrastiveLoss(FeatureQueue(32, 8), negatives=None)
    loss(features, names(0, 1, 2), views=2).backward()
    assert features.grad[:3].abs().max() == 0
    assert features.grad[3:].abs().amax(1).min() > 0


def test_without_any_negative_the_loss_is_zero_and_finite():
    features = drawn(2, 8, seed=3).requires_grad_()
    loss = ContrastiveLoss(FeatureQueue(32, 8), negatives=None)
    for mode in (loss.eval(), loss.train()):  # an empty queue, then one that holds the picture itself only
        features.grad = None
        value = mode(features, names(0), views=2)
        value.backward()
        assert value.item() == 0.0 and torch.isfinite(features.grad).all()


@pytest.mark.parametrize("kernel", ["cosine", "mse"])
def test_equals_a_plain_loop(kernel):
    views, people, temperature = 3, 4, 0.7
    features, old = drawn(views * people, 8, seed=4), drawn(10, 8, seed=5)
    identity, old_identity = names(0, 1, 2, 3), names(0, 7, 8, 9, 2, 11, 12, 13, 14, 15)
    loss = ContrastiveLoss(queue_of(old, old_identity), temperature, kernel, negatives=None)
    learned = features.clone().requires_grad_()
    actual = loss(learned, identity, views)
    by_hand = features.clone().requires_grad_()

    def close(a, b):
        cosine = (a * b).sum() / (a.norm() * b.norm())
        return ((cosine if kernel == "cosine" else -(a - b).square().sum()) / temperature).exp()

    entries = [*zip(old, old_identity, strict=True), *zip(features, identity.repeat(views, 1), strict=True)]
    expected = torch.zeros(())
    for i, j in [(0, 1), (0, 2), (1, 2)]:
        for n in range(people):
            anchor, positive = by_hand[j * people + n], features[i * people + n]
            others = sum(close(anchor, f) for f, who in entries if not torch.equal(who, identity[n]))
            term = -torch.log(close(anchor, positive) / (close(anchor, positive) + others))
            expected = expected + (j - i) / views * term / people
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)
    (slope,), (expected_slope,) = torch.autograd.grad(actual, learned), torch.autograd.grad(expected, by_hand)
    torch.testing.assert_close(slope, expected_slope, rtol=1e-4, atol=1e-5)


def test_extreme_similarities_stay_finite():
    features = (1e3 * drawn(4, 8, seed=6)).requires_grad_()
    loss = ContrastiveLoss(FeatureQueue(16, 8), temperature=0.01, kernel="mse", negatives=None)
    value = loss(features, names(0, 1), 2)
    value.backward()
    assert torch.isfinite(value) and torch.isfinite(features.grad).all()


def test_fewer_negatives_are_a_random_subset():
    queue = queue_of(drawn(12, 1, seed=1), names(*range(12)), size=16)
    torch.manual_seed(0)
    draws = [queue.left_out(5) for _ in range(40)]
    assert {int(left_out.sum()) for left_out in draws} == {7}
    assert torch.stack(draws).any(0).all() and not torch.stack(draws).all(0).any()
    torch.manual_seed(0)
    assert torch.equal(queue.left_out(5), draws[0])
    assert not queue.left_out(99).any() and len(queue.left_out(None)) == 12


@pytest.mark.parametrize("kernel", ["cosine", "mse"])
def test_entries_left_out_of_the_draw_do_not_count(kernel):
    entries, features = drawn(12, 4, seed=1), drawn(4, 4, seed=2)
    loss = ContrastiveLoss(queue_of(entries, names(*range(10, 22))), 2.0, kernel, negatives=5).eval()
    torch.manual_seed(3)
    drawn_only = entries[~loss.queue.left_out(5)]
    expected = ContrastiveLoss(queue_of(drawn_only, names(*range(5, 10))), 2.0, kernel, negatives=None).eval()
    torch.manual_seed(3)
    torch.testing.assert_close(loss(features, names(0, 1), 2), expected(features, names(0, 1), 2))


def test_queue_is_first_in_first_out_and_wraps():
    queue = FeatureQueue(5, 1)
    for first in (0, 2, 4):  # six entries into five slots, two at a time
        queue.enqueue(torch.tensor([[float(first)], [first + 1.0]]), names(first, first + 1))
    assert len(queue) == 5
    assert sorted(queue.features[:, 0].tolist()) == [1, 2, 3, 4, 5]
    assert queue.identity[:, 1].tolist() == queue.features[:, 0].tolist()
    queue.enqueue(torch.tensor([[6.0]]), names(6))
    assert sorted(queue.features[:, 0].tolist()) == [2, 3, 4, 5, 6]
    queue.enqueue(torch.arange(10.0, 22.0).view(12, 1), names(*range(10, 22)))  # more than fits: the last five stay
    assert sorted(queue.features[:, 0].tolist()) == [17, 18, 19, 20, 21]
    queue.enqueue(torch.tensor([[22.0]]), names(22))
    assert sorted(queue.features[:, 0].tolist()) == [18, 19, 20, 21, 22]


def test_batch_is_appended_high_resolution_first_in_training_only():
    loss = ContrastiveLoss(FeatureQueue(16, 1))
    features = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    loss.eval()(features, names(7, 8), 2)
    assert len(loss.queue) == 0
    loss.train()(features, names(7, 8), 2)
    assert loss.queue.features[:4, 0].tolist() == [1, 2, 3, 4]
    assert loss.queue.identity[:4, 1].tolist() == [7, 8, 7, 8]


def test_queue_travels_in_the_state_dict():
    source, target = (ContrastiveLoss(FeatureQueue(8, 4)) for _ in range(2))
    source(drawn(6, 4, seed=7), names(1, 2, 3), 2)
    target.load_state_dict(source.state_dict())
    assert len(target.queue) == 6 and torch.equal(target.queue.features, source.queue.features)
    following = drawn(6, 4, seed=8)
    assert torch.equal(source(following, names(4, 5, 6), 2), target(following, names(4, 5, 6), 2))
    assert torch.equal(target.queue.identity, source.queue.identity)


def test_appending_before_backward_does_not_spoil_the_graph():
    loss = ContrastiveLoss(FeatureQueue(8, 4), kernel="mse", temperature=10.0, negatives=None)
    features = drawn(4, 4, seed=9).requires_grad_()
    value = loss(features, names(0, 1), 2)
    loss.queue.enqueue(drawn(4, 4, seed=10), names(5, 6, 7, 8))
    value.backward()
    assert torch.isfinite(features.grad).all()


@pytest.mark.parametrize(
    "wrong", [{"kernel": "dot"}, {"temperature": 0.0}, {"pair_weights": "none"}, {"negatives": 0}, {"negatives": -4}]
)
def test_unknown_choices_are_user_errors(wrong):
    with pytest.raises(UserError, match=r"loss\.contrastive"):
        ContrastiveLoss(FeatureQueue(4, 2), **wrong)


@pytest.mark.parametrize("size", [0, -3])
def test_a_queue_without_entries_is_a_user_error(size):
    with pytest.raises(UserError, match=rf"^loss\.contrastive\.queue\.size: expected at least 1, got {size}$"):
        FeatureQueue(size, 2)


def test_moving_all_features_away_from_a_stale_queue_lowers_the_loss_without_telling_pictures_apart():
    # the queue holds what the network said of others before, all along e0; since then every feature turned by an angle:
    # the pictures are still one and the same feature, yet the loss falls, so nothing holds features of now apart
    count, temperature = 7, 0.1
    queue = queue_of(torch.tensor([[1.0, 0.0]]).repeat(count, 1), names(*range(10, 10 + count)))
    loss = ContrastiveLoss(queue, temperature, negatives=None).eval()
    for angle in (0.0, 0.5, 1.0):
        features = torch.tensor([[cos(angle), sin(angle)]]).repeat(4, 1)
        stale = 0.5 * log(1 + count * exp((cos(angle) - 1) / temperature))
        assert loss(features, names(0, 1), views=2).item() == pytest.approx(stale, rel=1e-4)
    assert stale < 0.05 < 0.5 * log(1 + count)
