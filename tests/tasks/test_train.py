"""Training through the entrypoint: what is written, and that a run which was stopped anywhere ends the same."""

import json
import shutil
import signal
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image
from small_runs import PowerCut, at_step, cut_power, press_ctrl_c, run

from rscnet.learning.evaluation import EvaluationModule
from rscnet.trained import load_trained

WORDS = [
    "experiment=rsc_full",
    "trainer.log_every_n_steps=1",
    "callbacks.checkpoints.every_n_steps=5",
    "evaluation.rivals.start=null",
    "encoder.own_norm=true",
    "encoder.own_rate=8",
]
AVERAGE = "averaging={_target_: rscnet.callbacks.averaging.MovingAverage, decay: 0.5, share: 0.25}"
QUICK = [*WORDS, "evaluation.rivals.mean_pose=null", "evaluation.panel_samples=0"]  # the same run, less to look at
STEPS = 16
STAGE_ENDS = (1, 4, 8, 16)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody disturbed."""
    return run(tmp_path_factory.mktemp("reference"), *WORDS)


def content(folder: Path, name: str = "last") -> dict:
    return torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)


def rows(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_a_run_leaves_everything_behind(reference):
    assert yaml.safe_load((reference / "config.yaml").read_text())["name"] == "rsc_full"
    assert json.loads((reference / "provenance.json").read_text())["packages"]["torch"]
    result = json.loads((reference / "result.json").read_text())
    assert list(result["by_size"]) == ["64", "32", "16"]
    for row in (*result["by_size"].values(), *result["rivals"]["mean_pose"].values()):
        assert set(row) == {"mpjpe", "pa_mpjpe", "pve"}
        assert all(10 < value < 2000 for value in row.values())
    assert (result["samples"], result["split"], result["steps"]) == (6, "test", STEPS)
    assert [epoch["step"] for epoch in rows(reference) if "val/pa_mpjpe" in epoch] == [end - 1 for end in STAGE_ENDS]
    assert [row["step"] for row in rows(reference) if "train/total" in row] == list(range(STEPS))
    for name, width in (("panel.png", 4 * 168), ("error_vs_resolution.png", 1000)):
        with Image.open(reference / name) as picture:
            assert picture.width >= width
            assert len(set(picture.convert("L").resize((32, 32)).tobytes())) > 10


def test_the_stages_bring_one_resolution_each(reference):
    train = [row for row in rows(reference) if "train/total" in row]
    assert [row["train/stage"] for row in train] == [0] + [1] * 3 + [2] * 4 + [3] * 8
    # 5 * floor(24 / 8) = 15 steps of ramp
    assert [row["train/ramp"] for row in train] == pytest.approx([step / 15 for step in range(15)] + [1.0])
    best = min(row["val/pa_mpjpe"] for row in rows(reference) if "val/pa_mpjpe" in row)
    state = content(reference)["callbacks"]
    (kept,) = [value["best"] for key, value in state.items() if key.startswith("RunCheckpoints")]
    assert kept == pytest.approx(best)


@pytest.mark.parametrize("name", ["last", "best"])
def test_checkpoints_are_plain_and_carry_their_configuration(reference, name):
    record = content(reference, name)["rscnet"]
    assert record["config"] == yaml.safe_load((reference / "config.yaml").read_text())
    trained = load_trained(str(reference / "checkpoints" / f"{name}.ckpt"))
    assert trained.config["name"] == "rsc_full"


def test_a_complete_run_is_not_run_again(reference, capsys):
    before = {path: path.stat().st_mtime_ns for path in reference.rglob("*")}
    assert run(reference.parents[3], *WORDS) == reference
    assert "already complete" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in reference.rglob("*")} == before


def test_a_complete_run_is_measured_again_on_other_people_and_sizes(reference, tmp_path, capsys):
    shutil.copytree(reference, tmp_path / reference.relative_to(reference.parents[3]))
    before = (tmp_path / reference.relative_to(reference.parents[3]) / "checkpoints" / "last.ckpt").read_bytes()
    folder = run(tmp_path, *WORDS, "evaluation.split=val", "resolution.eval=[64,24]")
    assert "already complete" not in capsys.readouterr().out
    result = json.loads((folder / "result.json").read_text())
    assert (result["split"], list(result["by_size"]), result["steps"]) == ("val", ["64", "24"], STEPS)
    assert (folder / "checkpoints" / "last.ckpt").read_bytes() == before
    trained = [[learned(row) for row in rows(f) if row["step"] < STEPS] for f in (folder, reference)]
    assert trained[0] == trained[1]


def learned(row: dict) -> dict:
    """A logged row without time and memory, which no two runs share."""
    return {name: value for name, value in row.items() if not name.startswith("cost/")}


def assert_same_run(folder: Path, reference: Path) -> None:
    """Equal to the bit: weights, queue, optimiser, and every logged value once."""
    found, expected = content(folder), content(reference)
    assert set(found["state_dict"]) == set(expected["state_dict"])
    for name, value in expected["state_dict"].items():
        assert torch.equal(found["state_dict"][name], value), name
    moments = [c["optimizer_states"][0]["state"] for c in (found, expected)]
    for key, state in moments[1].items():
        assert all(torch.equal(moments[0][key][name], value) for name, value in state.items())
    assert [learned(row) for row in rows(folder)] == [learned(row) for row in rows(reference)]
    results = [json.loads((f / "result.json").read_text()) for f in (folder, reference)]
    assert results[0]["by_size"] == results[1]["by_size"]


def test_two_runs_with_one_seed_are_the_same(reference, tmp_path):
    assert_same_run(run(tmp_path, *QUICK), reference)


@pytest.mark.parametrize("step", [7, 11], ids=["last of a stage", "inside the last stage"])
def test_ctrl_c_and_the_same_command_again(reference, tmp_path, capsys, step):
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as caught:
        at_step(patch, step, press_ctrl_c)
        run(tmp_path, *QUICK)
    assert caught.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"error: stopped at step {step + 1}; the checkpoint is written, the same command goes on from it"
    folder = run(tmp_path, *QUICK)
    assert "going on from" in capsys.readouterr().out
    assert_same_run(folder, reference)


def test_ctrl_c_in_the_evaluation_and_the_same_command_again(reference, tmp_path, capsys):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have what runs in the background ignore it
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as caught:
        patch.setattr(EvaluationModule, "test_step", lambda *arguments, **named: press_ctrl_c())
        run(tmp_path, *QUICK)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Lightning ignores it from then on
    assert caught.value.code == 130
    assert "interrupted: training is done, the same command goes on" in capsys.readouterr().err
    assert_same_run(run(tmp_path, *QUICK), reference)


def test_a_power_cut_costs_only_the_steps_since_the_checkpoint(reference, tmp_path, capsys):
    with pytest.MonkeyPatch.context() as patch, pytest.raises(PowerCut):
        at_step(patch, 13, cut_power)
        run(tmp_path, *QUICK)
    (folder,) = {path.parent for path in tmp_path.rglob("metrics.jsonl")}
    assert content(folder)["global_step"] == 10
    assert content(folder, "previous")["global_step"] == 5
    assert rows(folder)[-1]["step"] == 12
    # and the newest checkpoint was half written
    last = folder / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:5000])
    run(tmp_path, *QUICK)
    out = capsys.readouterr().out
    assert "damaged checkpoint passed over" in out
    assert "previous.ckpt" in out
    assert_same_run(folder, reference)


@pytest.mark.parametrize(("cut", "begin"), [(12, "previous.ckpt"), (7, None)], ids=["two checkpoints", "one"])
def test_killed_after_a_checkpoint_and_before_its_step_is_logged(reference, tmp_path, capsys, cut, begin):
    with pytest.MonkeyPatch.context() as patch, pytest.raises(PowerCut):
        at_step(patch, cut, cut_power)
        run(tmp_path, *QUICK)
    (folder,) = {path.parent for path in tmp_path.rglob("metrics.jsonl")}
    kept = [row for row in rows(folder) if row["step"] < content(folder)["global_step"] - 1]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept))
    run(tmp_path, *QUICK)
    out = capsys.readouterr().out
    assert begin in out if begin else "going on from" not in out
    assert_same_run(folder, reference)


def test_a_moving_average_is_what_is_measured_and_kept(reference, tmp_path):
    words = [*QUICK, AVERAGE, f"init_from={reference}"]
    whole = run(tmp_path / "whole", *words)
    kept = content(whole)["state_dict"]
    network = load_trained(str(whole)).network.state_dict()
    assert all(torch.equal(value, kept[f"network.{name}"]) for name, value in network.items())
    with pytest.MonkeyPatch.context() as patch, pytest.raises(PowerCut):
        at_step(patch, 12, cut_power)
        run(tmp_path / "cut", *words)
    before = content(next((tmp_path / "cut").glob("*/*/*/seed*")))
    assert any(
        not torch.equal(value, before["state_dict"][name]) for name, value in before["current_model_state"].items()
    )
    given = content(reference)["state_dict"]
    assert before["start_state"] and all(torch.equal(given[name], one) for name, one in before["start_state"].items())
    assert_same_run(run(tmp_path / "cut", *words), whole)


def test_an_average_is_measured_after_an_evaluation_that_was_cut_off(reference, tmp_path):
    words = [*QUICK, AVERAGE, "callbacks.checkpoints.every_n_steps=8"]  # the last checkpoint is of the last step
    whole = run(tmp_path / "whole", *words)
    assert whole.parent.name != reference.parent.name  # another run than the one without
    kept, plain = content(whole)["state_dict"], content(reference)["state_dict"]
    assert any(not torch.equal(value, plain[name]) for name, value in kept.items())
    with pytest.MonkeyPatch.context() as patch, pytest.raises(PowerCut):
        patch.setattr("rscnet.tasks.train.write_results", lambda *_: cut_power())
        run(tmp_path / "cut", *words)
    assert_same_run(run(tmp_path / "cut", *words), whole)


def test_fresh_starts_over(reference, tmp_path, capsys):
    copy = tmp_path / reference.relative_to(reference.parents[3])
    shutil.copytree(reference, copy)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(PowerCut):
        at_step(patch, 2, cut_power)
        run(tmp_path, *QUICK, "fresh=true")
    assert not (copy / "result.json").exists()
    assert not (copy / "checkpoints" / "last.ckpt").exists()
    assert [row["step"] for row in rows(copy) if "train/total" in row] == [0, 1]


def test_fresh_keeps_a_run_until_all_is_known_to_be_good(reference, tmp_path, capsys):
    copy = tmp_path / reference.relative_to(reference.parents[3])
    shutil.copytree(reference, copy)
    with pytest.raises(SystemExit):
        run(tmp_path, *QUICK, "fresh=true", "+evaluation.rivals.old=typo")
    assert capsys.readouterr().err.startswith("error: evaluation.rivals.old: 'typo' is no file")
    for name in ("result.json", "config.yaml", "checkpoints/last.ckpt"):
        assert (copy / name).read_bytes() == (reference / name).read_bytes()


def test_a_loss_that_is_no_number_ends_in_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        run(tmp_path, *QUICK, "optimizer.lr=1e30")
    assert caught.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(("error: the loss is ", "error: the network predicts numbers that are not finite"))
    assert "optimizer.lr" in line


def test_the_optimiser_s_own_refusal_is_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run(tmp_path, *QUICK, "optimizer.lr=-1")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: optimizer: Invalid learning rate: -1; given lr=-1, betas=")
    with pytest.raises(SystemExit):
        run(tmp_path, *QUICK, "optimizer.lr=fast")
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "error: optimizer.lr: expected float or Tensor, got 'fast'"


@pytest.mark.parametrize(
    ("word", "start"),
    [
        ("trainer.devices=some", "trainer: cannot be built: "),
        ("loss.contrastive.queue.size=-3", "loss.contrastive.queue.size: expected at least 1, got -3"),
        ("init_from=nothing", "init_from: 'nothing' is no file"),
    ],
)
def test_mistakes_are_told_before_data_are_made(tmp_path, capsys, word, start):
    with pytest.raises(SystemExit):
        run(tmp_path, *QUICK, f"paths.cache={tmp_path / 'cache'}", word)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: " + start)
    assert not (tmp_path / "cache").exists()
