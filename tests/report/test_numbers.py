"""What a report computes, by hand: intervals, differences, labels, deltas, curves."""

import json
from pathlib import Path

import pytest
from run_folders import config, errors, small_sweep, write_run

from rscnet.errors import UserError
from rscnet.report.differences import differences
from rscnet.report.document import Cell, Chart, Document, Section, Table
from rscnet.report.overview import compile_report
from rscnet.report.runs import find_runs, methods
from rscnet.report.statistics import binned, estimate

BASELINES = ["hr_only", "hr_baseline"]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_sweep(tmp_path_factory.mktemp("sweep"))


@pytest.fixture(scope="module")
def document(sweep) -> Document:
    return compile_report([sweep], None, BASELINES)


def section(document: Document, title: str) -> Section:
    (found,) = [s for s in document.sections if s.title == title]
    return found


def chart(document: Document, title: str) -> Chart:
    (found,) = section(document, title).blocks
    assert isinstance(found, Chart)
    return found


def table(document: Document, title: str, caption: str = "") -> dict[str, dict[str, Cell | str]]:
    tables = [b for b in section(document, title).blocks if isinstance(b, Table) and b.caption == caption]
    return {str(row[0]): dict(zip(tables[0].columns, row, strict=True)) for row in tables[0].rows}


def test_the_interval_is_students():
    # sd 1, 1/sqrt(3), and t(0.975, 2 degrees) = 4.3027
    found = estimate([1.0, 2.0, 3.0])
    assert (found.mean, found.count) == (2.0, 3)
    assert found.half_width == pytest.approx(4.30265 / 3**0.5, rel=1e-5)
    assert str(found) == "2.0 ± 2.5"
    assert str(estimate([5.0])) == "5.0"
    with pytest.raises(ValueError, match="no values"):
        estimate([])


def test_a_curve_is_averaged_in_bins():
    assert binned([0, 1, 2, 5, 6], [1.0, 3.0, 5.0, 7.0, 9.0], [0, 2, 4, 6]) == {0: 2.0, 1: 5.0, 2: 8.0}


def test_only_differences_are_told_and_each_once():
    left = {"loss": {"a": {"_target_": "x.Loss", "t": 1}, "b": 2}, "optimizer": {"lr": 0.1}, "seed": 0, "name": "l"}
    right = {"loss": {"a": None, "b": 2}, "optimizer": {"lr": 0.2}, "seed": 1, "name": "r"}
    for tree in (left, right):
        tree["model"] = {"objective": tree["loss"], "optimizer": tree["optimizer"], "width": tree["optimizer"]["lr"]}
        tree["data"] = {"seed": tree["seed"], "train": {"cache_dir": tree["name"]}}
    assert differences([left, right]) == {
        "loss.a": ["Loss", "–"],
        "optimizer.lr": ["0.1", "0.2"],
        "model.width": ["0.1", "0.2"],
    }
    assert differences([left]) == {}


def test_runs_have_a_state_and_methods_their_seeds(sweep):
    runs, lost = find_runs([sweep])
    assert lost == ["job-b: optimizer.lr: must be > 0"]
    found = {method.label: [(run.seed, run.status) for run in method.runs] for method in methods(runs)}
    assert found == {
        "hr_baseline": [(0, "complete"), (1, "complete")],
        "rsc_full": [(0, "complete"), (1, "complete"), (2, "unfinished"), (3, "failed")],
    }


def test_labels_tell_methods_apart(tmp_path):
    for lr, seed in ((0.1, 0), (0.2, 0), (0.2, 1)):
        write_run(tmp_path, config("rsc_full", "r", seed, optimizer={"lr": lr}), errors(1, 1))
    runs, _ = find_runs([tmp_path])
    assert {m.label: len(m.runs) for m in methods(runs)} == {"r (optimizer.lr=0.1)": 1, "r (optimizer.lr=0.2)": 2}
    write_run(tmp_path, config("hr_baseline"), errors(1, 1))
    labels = {m.label for m in methods(find_runs([tmp_path])[0])}
    assert labels == {"rsc_full r (optimizer.lr=0.1)", "rsc_full r (optimizer.lr=0.2)", "hr_baseline"}


def test_the_ablation_table_has_deltas_to_the_baseline_and_the_best_bold(document):
    rows = table(document, "Errors by method and resolution", "MPJPE in mm")
    assert list(rows) == ["mean_pose", "hr_baseline", "rsc_full"]
    # 100 and 102: sd sqrt(2), error 1, t(0.975, 1 degree) = 12.7062
    assert rows["hr_baseline"]["64 px"] == Cell("101.0 ± 12.7", best=True)
    assert rows["hr_baseline"]["16 px"] == Cell("200.0 ± 0.0")
    assert rows["rsc_full"]["64 px"] == Cell("111.0 ± 12.7", note="+10.0", tone="bad")
    assert rows["rsc_full"]["16 px"] == Cell("121.0 ± 12.7", best=True, note="−79.0", tone="good")
    assert rows["rsc_full"]["mean"] == Cell("116.0 ± 12.7", best=True, note="−34.5", tone="good")
    assert rows["mean_pose"]["16 px"] == Cell("300.0", note="+100.0", tone="bad")
    assert (rows["rsc_full"]["seeds"], rows["mean_pose"]["seeds"]) == ("2", "–")
    assert table(document, "Errors by method and resolution", "PA-MPJPE in mm")["rsc_full"]["16 px"].note == "−39.5"  # type: ignore[union-attr]


def test_methods_of_a_sweep_stand_in_its_order(tmp_path):
    (tmp_path / "jobs").mkdir()
    for number, (ablation, error) in enumerate([("r", 2), ("hr_only", 9), ("r_s", 5), ("r_c", 3)]):
        folder = write_run(tmp_path, config("rsc_full", ablation), errors(error, error))
        job = {"folder": str(folder.relative_to(tmp_path)), "number": 10 - number, "status": "complete"}
        (tmp_path / "jobs" / f"{ablation}.json").write_text(json.dumps(job))

    def order() -> list[str]:
        found = table(compile_report([tmp_path], None, BASELINES), "Errors by method and resolution", "MPJPE in mm")
        return [label for label in found if label != "mean_pose"]

    assert order() == ["hr_only", "r_c", "r_s", "r"]  # the baseline first
    (tmp_path / "jobs" / "r.json").unlink()
    assert order() == ["hr_only", "r_s", "r_c", "r"]  # by error where one of them is of no sweep


def test_another_baseline_can_be_asked_for(sweep):
    rows = table(compile_report([sweep], "rsc_full", BASELINES), "Errors by method and resolution", "MPJPE in mm")
    assert rows["hr_baseline"]["16 px"].note == "+79.0"  # type: ignore[union-attr]
    with pytest.raises(UserError, match="no method 'x' with results; there are: hr_baseline, rsc_full"):
        compile_report([sweep], "x", BASELINES)


def test_curves_carry_their_intervals(document):
    drawn = {series.label: series for series in chart(document, "Error against resolution").panels[0].series}
    ours = drawn["rsc_full"]
    assert (ours.x, ours.y) == ([64, 16], [111.0, 121.0])
    assert ours.low == pytest.approx([111 - 12.7062, 121 - 12.7062], abs=1e-3)
    assert ours.high == pytest.approx([111 + 12.7062, 121 + 12.7062], abs=1e-3)
    assert drawn["mean_pose"].dashed
    assert drawn["mean_pose"].low is None


def test_learning_curves_show_means_and_what_was_not_finished(document):
    (panel,) = chart(document, "Learning curves").panels
    drawn = {series.label: series for series in panel.series}
    assert list(drawn) == ["hr_baseline", "rsc_full", "rsc_full (seed 2, unfinished)", "rsc_full (seed 3, failed)"]
    assert (drawn["rsc_full"].y, drawn["rsc_full"].low, drawn["rsc_full"].high) == ([8, 7], [8, 6], [8, 8])
    assert drawn["rsc_full (seed 3, failed)"].dashed


def test_coefficients_are_read_from_the_checkpoints(document):
    (panel,) = chart(document, "Learned coefficients").panels
    assert panel.title == "rsc_full"
    assert [text for _, text in panel.ticks] == ["layer1.0", "layer1.1"]
    assert {series.label: list(series.y) for series in panel.series} == {
        "64 px": [2.0, 0.5],
        "16–32 px": pytest.approx([0.9, 1.5]),
    }


def test_cost_and_configurations_and_runs(document):
    cost = table(document, "Cost")["rsc_full"]
    assert (cost["training"], cost["images/s"], cost["parameters"]) == ("1 h 01 min", "50", "2.00 M")
    assert cost["peak GPU memory"] == "–"
    assert table(document, "Configurations") == {
        "loss.contrastive": {"key": "loss.contrastive", "hr_baseline": "–", "rsc_full": "Loss"}
    }
    shown = next(block for block in section(document, "Runs").blocks if isinstance(block, Table))
    states = [row[2] for row in shown.rows]
    assert states.count(Cell("complete", tone="good")) == 4
    assert states[-3:] == [
        Cell("unfinished"),
        Cell("failed", note="error: the loss is nan", tone="bad"),
        Cell("failed", note="optimizer.lr: must be > 0", tone="bad"),
    ]


def test_the_summary_names_what_is_missing(document):
    text = "\n".join(document.summary)
    assert "4 of 7 runs of 2 methods are complete." in text
    assert "**Failed**: rsc_full seed 3." in text
    assert "**Unfinished**: rsc_full seed 2." in text
    assert "job-b: optimizer.lr: must be > 0" in text
    assert "**rsc_full**, 58.0 mm, −17.2 mm to hr_baseline" in text
    assert "Not comparable" not in text


def test_runs_measured_on_other_people_are_not_compared_in_silence(tmp_path):
    write_run(tmp_path, config("a"), errors(1, 1))
    other = write_run(tmp_path, config("b"), errors(1, 1)) / "result.json"
    other.write_text(json.dumps({**json.loads(other.read_text()), "samples": 9}))
    assert "**Not comparable**" in compile_report([tmp_path], None, []).summary[-1]


def test_files_that_were_cut_off_are_a_run_that_is_not_finished(tmp_path):
    folder = write_run(tmp_path, config("a"), errors(1, 1))
    (folder / "metrics.jsonl").write_text('{"step": 0, "train/total": 1.0}\n[1]\n"x"\n{"step": 1, "train/t')
    for content in ('{"by_size": {"64"', "[]"):
        (folder / "result.json").write_text(content)
        (run,), _ = find_runs([tmp_path])
        assert (run.status, run.steps) == ("unfinished", 1)
        assert "0 of 1 runs" in compile_report([tmp_path], None, []).summary[0]


def test_mistakes_are_told(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        find_runs([tmp_path / "nowhere"])
    with pytest.raises(UserError, match="no run folder"):
        find_runs([tmp_path])
    folder = write_run(tmp_path, config("a"), None)
    (folder / "config.yaml").write_text("- a list")
    with pytest.raises(UserError, match="is no configuration of a run"):
        find_runs([tmp_path])
