"""A run's identity sees what decides its result, and nothing else."""

import copy
from pathlib import Path

import pytest

from rscnet.config import fingerprint
from rscnet.config.compose import compose
from rscnet.config.fingerprint import digest, measurement, run_folder, science, science_of

RSC = ["experiment=rsc_full", "preset=smoke"]


@pytest.fixture(scope="module")
def usual() -> str:
    return digest(science(compose(RSC)))


@pytest.mark.parametrize(
    "words",
    [
        ["paths.output=elsewhere", "paths.cache=there"],
        ["data.workers=3", "+data.train.workers=2", "data.eval_batch_size=1"],
        ["resolution.eval=[48]", "data.val.length=2", "data.test.length=3"],
        ["seed=7"],
        ["trainer.gradient_clip_val=null", "trainer.sync_batchnorm=false"],
        ["threads=2", "evaluation.panel_samples=0", "trainer.log_every_n_steps=3"],
    ],
)
def test_it_ignores_where_and_how(usual, words):
    assert digest(science(compose([*RSC, *words]))) == usual


@pytest.mark.parametrize(
    "word",
    [
        "optimizer.lr=1e-4",
        "loss.supervised.weights.pose=2",
        "loss.consistency=null",
        "resolution.ranges=[[64,64],[48,64],[32,48],[24,32],[20,24]]",
        "data.train.length=25",
        "data.train.clutter=0.5",
        "data.train.pose_noise=1.4",
        "data.train.limb_mixing=0.8",
        "data.train.everyday=0.3",
        "data.train.gaze=0.3",
        "data.train.free_limbs=0.3",
        "curriculum.batch_scale=1",
        "trainer.precision=bf16-mixed",
        "trainer.gradient_clip_val=1",
        "curriculum.stages.stage3.shown=2",
        "init_from=somewhere",
        "model.sequential=true",
        "model.ramp=none",
        "encoder.own_norm=true",
        "encoder.own_rate=2",
        "averaging={_target_: rscnet.callbacks.averaging.MovingAverage, decay: 0.5}",
    ],
)
def test_it_sees_what_is_learned(usual, word):
    assert digest(science(compose([*RSC, word]))) != usual


def test_no_share_of_the_start_is_a_share_of_zero():
    average = "averaging={{_target_: rscnet.callbacks.averaging.MovingAverage, decay: 0.5{}}}"
    words = (average.format(share) for share in ("", ", share: 0", ", share: 0.1"))
    plain, none, some = (science(compose([*RSC, word])) for word in words)
    assert plain == none != some


def test_a_plain_network_has_nothing_of_a_scale():
    plain = ["experiment=hr_baseline", "preset=smoke"]
    assert science(compose([*plain, "encoder.own_norm=true", "encoder.own_rate=2"])) == science(compose(plain))


def test_runs_from_before_a_switch_are_found_while_it_is_off():
    off = ("everyday=0", "gaze=0", "free_limbs=0", "pose_noise=1", "limb_mixing=0.5")
    now = compose([*RSC, *(f"data.train.{word}" for word in off)]).plain()
    before = copy.deepcopy(now)
    for key in ("ramp", "sequential", "own_rate"):
        del before["model"][key]
    for key in ("recut", "focus"):
        del before["augmentation"][key]
    for stage in before["curriculum"]["stages"].values():
        del stage["shown"]
    for key in ("clutter", "company", "pose_noise", "limb_mixing", "everyday", "gaze", "free_limbs"):
        del before["data"]["train"][key]
    assert science_of(before) == science_of(now)
    before["augmentation"]["clutter"] = None  # as a commit in between had it
    assert science_of(before) == science_of(now)


def test_another_folder_of_pictures_is_other_data_and_moved_annotations_are_not():
    def found(*words: str) -> str:
        return digest(science(compose(["preset=smoke", *words])))

    pictures = ["experiment=contrastive_pretrain", "data=images"]
    assert found(*pictures, "paths.data=/a") != found(*pictures, "paths.data=/b")
    licensed = [*RSC, "body=smpl"]
    assert found(*licensed, "paths.smpl=/a") == found(*licensed, "paths.smpl=/b")
    named = [*RSC, "data=spin", "data.train.name=coco", "data.val.name=coco", "data.test.name=coco"]
    assert found(*named, "paths.data=/a") == found(*named, "paths.data=/b")


def test_the_folder_names_experiment_ablation_digest_and_seed(usual):
    folder = run_folder(compose([*RSC, "seed=4", "paths.output=/x"]))
    assert folder == Path("/x/rsc_full/base") / usual / "seed4"


@pytest.mark.parametrize(
    ("word", "same"),
    [
        ("data.test.length=3", False),
        ("data.protocol.surface=false", False),
        ("+evaluation.rivals.old=hr_small", False),
        ("resolution.eval=[48]", False),
        ("evaluation.looks=predict", False),
        ("checkpoint=rsc_small", False),
        ("trainer.precision=bf16-mixed", False),
        ("data.val.length=3", True),
        ("prediction.mirror=false", True),  # of no effect on a single look
        ("paths.cache=elsewhere", True),
        ("data.workers=3", True),
    ],
)
def test_a_measurement_is_another_one_where_its_figures_may_be_others(word, same):
    assert (measurement(compose([*RSC, word])) == measurement(compose(RSC))) is same
    looks = [*RSC, "evaluation.looks=predict"]
    assert measurement(compose([*looks, "prediction.mirror=false"])) != measurement(compose(looks))


def test_shipped_weights_count_by_what_they_hold(monkeypatch, tmp_path):
    def found() -> tuple[str, str, str]:
        started, rival = compose([*RSC, "init_from=hr"]), compose([*RSC, "+evaluation.rivals.old=hr"])
        return digest(science(started)), measurement(compose([*RSC, "checkpoint=hr"])), measurement(rival)

    monkeypatch.setattr(fingerprint, "SHIPPED", tmp_path)
    named = found()
    (tmp_path / "hr.safetensors").write_bytes(b"1")
    first = found()
    (tmp_path / "hr.safetensors").write_bytes(b"2")
    second = found()
    (tmp_path / "other.safetensors").write_bytes(b"3")
    assert found() == second
    for figures in zip(named, first, second, strict=True):
        assert len(set(figures)) == 3
