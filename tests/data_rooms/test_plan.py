"""The epoch plan against the paper's table (spec section 4)."""

import numpy as np
import pytest

from rscnet.config.compose import compose
from rscnet.data.plan import Curriculum, Epoch, EvaluationSampler, PlanSampler, identity_array
from rscnet.errors import UserError
from rscnet.losses.schedules import LinearRamp


@pytest.fixture(scope="module")
def paper() -> Curriculum:
    node = compose(["experiment=rsc_full", "preset=paper"]).plain()["curriculum"]
    return Curriculum(node["stages"], node["batch_scale"], node["ramp_epochs"])


@pytest.mark.parametrize("length", [48, 480, 312_192])
def test_the_paper_s_table(paper, length):
    epochs = paper.epochs(length)
    assert [e.views for e in epochs] == [2, 3, 4, 5]
    assert [e.batch_size for e in epochs] == [24, 12, 8, 8]
    assert [e.steps for e in epochs] == [length // 48, length // 24, length // 16, length // 8]
    assert [e.first_step for e in epochs] == [0, length // 48, length // 16, length // 8]
    assert [e.stage for e in epochs] == [e.number for e in epochs] == [0, 1, 2, 3]
    assert paper.total_steps(length) == length // 4
    ramp = LinearRamp(paper.ramp_length(length))
    assert [ramp(e.first_step) for e in epochs] == pytest.approx([0, 0.1, 0.3, 0.6])
    last = epochs[-1]
    at_two_thirds = last.first_step + 2 * last.steps // 3
    assert ramp(at_two_thirds) == 1.0
    assert ramp(at_two_thirds - 1) < 1.0


@pytest.mark.parametrize("length", [312_188, 100, 90, 95])
def test_the_published_recipe_counts_as_the_released_code(length):
    node = compose(["experiment=paper"]).plain()["curriculum"]
    epochs = Curriculum(node["stages"], node["batch_scale"], node["ramp_epochs"]).epochs(length)
    assert [e.steps for e in epochs] == [length // 48, length // 24, 3 * (length // 48), length // 8]
    assert length != 312_188 or sum(e.steps for e in epochs) == 78_042


def test_stages_run_by_name_whole_epochs_first_and_null_removes_one():
    stages = {
        "b": {"views": 3, "batch_size": 5, "epochs": 1.5},
        "a": {"views": 1, "batch_size": 10, "epochs": 2},
        "c": None,
    }
    assert Curriculum(stages, batch_scale=0.5).epochs(21) == [
        Epoch(0, 0, 1, 5, 4, 0),
        Epoch(1, 0, 1, 5, 4, 4),
        Epoch(2, 1, 3, 2, 10, 8),
        Epoch(3, 1, 3, 2, 5, 18),
    ]


def test_a_stage_may_show_each_sample_in_some_of_its_views():
    two_of_five = {"views": 5, "shown": 2, "batch_size": 4, "epochs": 1}
    stages = {"a": two_of_five, "b": {"views": 3, "batch_size": 2, "epochs": 1}}
    some, whole = (plan := Curriculum(stages)).epochs(12)
    assert (some.shown, some.pictures) == (2, 8) and (whole.shown, whole.pictures) == (None, 6)
    assert {(key.views, key.shown) for key in PlanSampler(some, 12, seed=0)} == {(5, 2)}
    with pytest.raises(UserError, match="shown: a clip has all of its views; leave it out"):
        plan.require_all_views("a clip has all of its views")
    Curriculum({"b": stages["b"]}).require_all_views("a clip has all of its views")


@pytest.mark.parametrize("shown", [0, 6])
def test_views_that_are_not_there_cannot_be_shown(shown):
    with pytest.raises(UserError, match=r"curriculum\.stages\.a\.shown: expected null or 1\.\.5, .*, got"):
        Curriculum({"a": {"views": 5, "shown": shown, "batch_size": 4, "epochs": 1}})


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ({"shown": 1.5}, r"curriculum\.stages\.a\.shown: .*valid integer.*, got 1\.5"),
        ({"views": "five"}, r"curriculum\.stages\.a\.views: .*valid integer.*, got 'five'"),
        ({"epoch": 1}, r"curriculum\.stages\.a\.epoch: Unexpected keyword argument, got 1"),
    ],
)
def test_values_of_another_kind_are_named(words, line):
    with pytest.raises(UserError, match=line):
        Curriculum({"a": {"views": 5, "batch_size": 4, "epochs": 1} | words})


@pytest.mark.parametrize(
    "words",
    [
        {"batch_scale": 0},
        {"batch_scale": -1},
        {"batch_scale": float("nan")},
        {"batch_scale": float("inf")},
        {"ramp_epochs": -3},
        {"ramp_epochs": float("inf")},
    ],
)
def test_impossible_factors_are_named(words):
    with pytest.raises(UserError, match=r"batch_scale must be > 0 and ramp_epochs >= 0"):
        Curriculum({"a": {"views": 5, "batch_size": 4, "epochs": 1}}, **words)


def test_impossible_plans_are_named():
    stage = {"views": 1, "batch_size": 8, "epochs": 0.5}
    with pytest.raises(UserError, match=r"0\.5 epochs in batches of 8, but the data set has only 15 samples"):
        Curriculum({"a": stage}).epochs(15)
    assert Curriculum({"a": stage}).total_steps(16) == 1
    with pytest.raises(UserError, match="at least one stage"):
        Curriculum({"a": None})
    with pytest.raises(UserError, match=r"curriculum\.stages\.a\.epochs: expected more than 0 .*, got 0"):
        Curriculum({"a": {**stage, "epochs": 0}})
    for epochs in (float("inf"), float("nan")):
        with pytest.raises(UserError, match=r"curriculum\.stages\.a\.epochs: expected .*less than infinity, got"):
            Curriculum({"a": {**stage, "epochs": epochs}})


EPOCH = Epoch(number=2, stage=1, views=3, batch_size=4, steps=5, first_step=7)


def test_batches_are_a_permutation_without_repetition():
    keys = list(PlanSampler(EPOCH, 20, seed=1))
    assert [(k.epoch, k.step, k.views, len(k.indices)) for k in keys] == [(2, step, 3, 4) for step in range(5)]
    order = [i for k in keys for i in k.indices]
    assert sorted(order) == list(range(20))
    assert order != list(range(20))
    others = [
        [i for k in PlanSampler(epoch, 20, seed) for i in k.indices]
        for epoch, seed in ((EPOCH, 2), (Epoch(3, 1, 3, 4, 5, 7), 1))
    ]
    assert order not in others


@pytest.mark.parametrize("start", [0, 3, 5])
def test_a_later_start_gives_exactly_the_tail(start):
    whole, tail = PlanSampler(EPOCH, 23, seed=1), PlanSampler(EPOCH, 23, seed=1, start=start)
    assert list(tail) == list(whole)[start:]
    assert len(tail) == 5


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_partition_each_batch(world):
    whole = list(PlanSampler(EPOCH, 20, seed=1))
    ranks = [list(PlanSampler(EPOCH, 20, seed=1, rank=rank, world=world)) for rank in range(world)]
    for step, key in enumerate(whole):
        assert sorted(i for rank in ranks for i in rank[step].indices) == sorted(key.indices)


@pytest.mark.parametrize("world", [1, 2, 3, 8])
def test_evaluation_covers_each_sample_once(world):
    samplers = [EvaluationSampler(range(7), 2, 3, rank, world) for rank in range(world)]
    keys = [key for sampler in samplers for key in sampler]
    assert sorted(i for key in keys for i in key.indices) == list(range(7))
    assert all(1 <= len(key.indices) <= 2 and key.views == 3 for key in keys)
    assert [len(sampler) for sampler in samplers] == [len(list(sampler)) for sampler in samplers]


def test_identities_of_no_sample_have_two_columns():
    assert identity_array([]).shape == (0, 2)
    np.testing.assert_array_equal(identity_array([(1, 5), (0, 6)]), [[1, 5], [0, 6]])
