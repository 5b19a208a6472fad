"""The way of a user: pretrain, start from it, compare, evaluate, check."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from small_runs import SMALL, at_step, press_ctrl_c, run

from rscnet.callbacks.errors import ResolutionErrors
from rscnet.run import main

QUICK = ["evaluation.rivals.mean_pose=null", "evaluation.panel_samples=0"]
ONE_EPOCH = "curriculum.stages.stage0.epochs=1"


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("dense"), "experiment=dense_pretrain", ONE_EPOCH, *QUICK)


def test_pretraining_that_was_stopped_in_its_last_step_has_its_figures_too(dense, tmp_path):
    words = ["experiment=dense_pretrain", ONE_EPOCH, *QUICK]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
        at_step(patch, result(dense)["steps"] - 1, press_ctrl_c)
        run(tmp_path, *words)
    found, expected = (result(folder)["metrics"] for folder in (run(tmp_path, *words), dense))
    assert {name for name in expected if name.startswith("val/")}
    assert all(found[name] == value for name, value in expected.items() if not name.startswith("cost/"))


@pytest.fixture(scope="module")
def high(dense: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The full-resolution baseline, started from the pretrained encoder."""
    output = tmp_path_factory.mktemp("high")
    return run(output, "experiment=hr_baseline", f"init_from={dense}", ONE_EPOCH, *QUICK)


def result(folder: Path) -> dict:
    return json.loads((folder / "result.json").read_text())


def failure(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line that a command fails with."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        main([*SMALL, *words])
    assert caught.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_pretraining_has_losses_instead_of_body_errors(dense):
    assert result(dense)["by_size"] == {}
    assert result(dense)["metrics"]["val/total"] > 0
    assert (dense / "checkpoints" / "best.ckpt").exists()


def test_a_pretrained_encoder_is_a_start_and_no_rival(high):
    assert set(result(high)["by_size"]) == {"64", "32", "16"}
    assert result(high)["rivals"] == {}


def test_a_network_of_full_resolution_is_chosen_by_full_resolution(high):
    rows = [json.loads(line) for line in (high / "metrics.jsonl").read_text().splitlines()]
    lowest = min(row["val/pa_mpjpe/64px"] for row in rows if "val/pa_mpjpe/64px" in row)
    states = torch.load(high / "checkpoints" / "best.ckpt", weights_only=True)["callbacks"]
    (best,) = [state["best"] for state in states.values() if "best" in state]
    assert best == pytest.approx(lowest)


def test_the_baseline_of_all_resolutions_is_compared_with_its_start(high, tmp_path, capsys):
    only_last = [f"curriculum.stages.stage{i}=null" for i in range(3)]
    folder = run(tmp_path, "experiment=multires_baseline", f"init_from={high}", *only_last, *QUICK)
    assert "start: last.ckpt" in capsys.readouterr().out
    assert result(folder)["steps"] == 8
    assert list(result(folder)["rivals"]) == ["hr_baseline"]
    for size, row in result(folder)["rivals"]["hr_baseline"].items():
        assert row == pytest.approx(result(high)["by_size"][size], rel=1e-4)


def test_evaluation_at_other_sizes_gives_the_same_figures(high, tmp_path):
    words = ["task=evaluate", f"checkpoint={high}", "resolution.eval=[64,32]", f"output={tmp_path}", *SMALL]
    main(words)
    assert list(result(tmp_path)["by_size"]) == ["64", "32"]
    assert set(result(tmp_path)["rivals"]) == {"mean_pose"}
    for size, row in result(tmp_path)["by_size"].items():
        assert row == pytest.approx(result(high)["by_size"][size], rel=1e-4)
    assert {path.name for path in tmp_path.iterdir()} == {
        "config.yaml", "provenance.json", "result.json", "error_vs_resolution.png", "panel.png"
    }  # fmt: skip


def test_evaluations_do_not_replace_each_other_or_a_training(high, tmp_path, capsys):
    words = ["task=evaluate", f"checkpoint={high}", f"paths.output={tmp_path}", *QUICK, *SMALL]
    best = f"+evaluation.rivals.mine={high / 'checkpoints' / 'best.ckpt'}"
    for more in (["resolution.eval=[64]"], ["resolution.eval=[32]"], ["resolution.eval=[32]", best]):
        main([*words, *more])
    folders = sorted((tmp_path / "evaluate" / "hr_baseline").iterdir())
    found = {(*result(folder)["by_size"], *result(folder)["rivals"]) for folder in folders}
    assert found == {("64",), ("32",), ("32", "mine")}
    before = (high / "result.json").read_bytes()
    line = failure(capsys, "task=evaluate", f"checkpoint={high}", f"output={high}")
    assert line.startswith(f"error: output: {high} is the folder of a training")
    assert (high / "result.json").read_bytes() == before


def test_what_cannot_be_measured_is_told_before_the_measurement(high, tmp_path, capsys, monkeypatch):
    words = ["task=evaluate", f"checkpoint={high}", f"output={tmp_path}"]
    monkeypatch.setattr("rscnet.tasks.results.measure", lambda *arguments: ResolutionErrors())
    assert "data.test: none of its 6 samples has the labels" in failure(capsys, *words)
    line = failure(capsys, *words, "+evaluation.rivals.old=typo")
    assert line.startswith("error: evaluation.rivals.old: 'typo' is no file")


def test_evaluation_looks_as_prediction_does(high, tmp_path, capsys):
    words = ["task=evaluate", f"checkpoint={high}", "resolution.eval=[64]", "evaluation.looks=predict"]
    looks = [f"prediction.{name}=false" for name in ("mirror", "focus", "reframe")]
    once, mirrored = tmp_path / "once", tmp_path / "mirrored"
    main([*SMALL, *words, *looks, f"output={once}"])
    main([*SMALL, *words, *looks[1:], f"output={mirrored}"])
    assert result(once)["by_size"]["64"] == pytest.approx(result(high)["by_size"]["64"], rel=1e-4)
    assert result(mirrored)["by_size"]["64"]["mpjpe"] != pytest.approx(result(once)["by_size"]["64"]["mpjpe"], rel=1e-3)
    assert result(mirrored)["looks"] == "predict"
    assert result(mirrored)["rivals"] == result(once)["rivals"]  # the mean body
    line = failure(capsys, "experiment=temporal", "task=check", "evaluation.looks=predict")
    assert line == "error: evaluation.looks: predict is for body networks, with TemporalModule use once"


def test_check_shows_the_schedule_and_writes_nothing(high, tmp_path, capsys):
    words = ["task=check", "experiment=rsc_full", f"init_from={high}", f"paths.output={tmp_path}"]
    main([*SMALL, *words])
    out = capsys.readouterr().out
    assert "24 training samples, 16 steps" in out
    assert "everything is in place" in out
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_evaluated_is_one_line(dense, high, tmp_path, capsys):
    words = ["task=evaluate", f"output={tmp_path / 'out'}"]
    line = failure(capsys, *words, f"checkpoint={dense}")
    assert "(experiment=dense_pretrain), which predicts no bodies" in line
    cut = tmp_path / "cut.ckpt"
    cut.write_bytes((high / "checkpoints" / "last.ckpt").read_bytes()[:-2000])
    line = failure(capsys, *words, f"checkpoint={cut}")
    assert line.startswith(f"error: {cut}: ")
    assert "damaged" in line
    line = failure(capsys, *words, f"checkpoint={tmp_path}")
    assert line.startswith(f"error: checkpoint: the folder {tmp_path} holds no ")


def test_a_start_that_does_not_fit_is_one_line(dense, tmp_path, capsys):
    words = ["experiment=rsc_full", f"init_from={dense}", f"paths.output={tmp_path}"]
    line = failure(capsys, *words)
    assert "weights do not fit" in line


def test_check_asks_for_room_for_people_of_all_sets_who_are_not_rendered_yet(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=4e9))
    mixed = ["experiment=hr_baseline", "preset=smoke", "task=check", "data=synthetic_mix", f"paths.cache={tmp_path}"]
    with pytest.raises(SystemExit):
        main(mixed)
    assert f"paths.cache: {tmp_path} has 4.0 GB free, the cache may need 5.9 GB" in capsys.readouterr().err
    main([*mixed, "data.train.sources.wide=null", "data.train.sources.crowded.a=null"])
    assert "everything is in place" in capsys.readouterr().out
