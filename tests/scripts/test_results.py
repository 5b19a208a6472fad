"""The results of the project, from run folders made by hand."""

import json
import sys
from pathlib import Path

import pytest
from run_folders import config, errors, small_sweep, write_run

from scripts.results import main


def evaluation(folder: Path) -> Path:
    rivals = {"mean_pose": errors(300, 300), "hr_small": errors(90, 200)}
    return write_run(folder, config("rsc_small"), errors(100, 120), rivals)


def write(monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr(sys, "argv", ["results.py", *map(str, words)])
    main()


def test_figures_are_those_of_the_runs(tmp_path, monkeypatch):
    sweep, docs = small_sweep(tmp_path / "sweep"), tmp_path / "docs"
    words = ["sweep=ablation_components", "preset=smoke", "paths.output=/one/machine"]
    (sweep / "sweep.json").write_text(json.dumps({"words": words}))
    write(monkeypatch, sweep, "--evaluation", evaluation(tmp_path / "weights"), "--docs", docs)
    found = json.loads((docs / "results.json").read_text())
    assert found["pa_mpjpe"] == {
        "rsc_small": {"64": 50, "16": 60},
        "hr_baseline": {"64": 45, "16": 100},
        "mean_pose": {"64": 150, "16": 150},
    }
    full = found["ablation"]["mpjpe"]["rsc_full"]["64"]
    assert (full["mean"], full["count"]) == (111.0, 2)  # of 110 and 112
    assert full["half_width"] == pytest.approx(12.7062)  # t(0.975, 1 degree) times 1
    words = (docs / "results.md").read_text()
    assert "-m sweep=ablation_components preset=smoke" in words and "| rsc_full | 2 |" in words
    assert "/one/machine" not in words
    assert {path.name for path in (docs / "pictures").iterdir()} == {
        "results_weights.png",
        "results_ablation.png",
        "results_coefficients.png",
    }


def test_a_sweep_that_is_not_there_is_said(tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match="no such folder"):
        write(monkeypatch, tmp_path / "none", "--evaluation", evaluation(tmp_path / "weights"))


def test_new_weights_leave_the_ablation_as_it_stands(tmp_path, monkeypatch):
    sweep, docs = small_sweep(tmp_path / "sweep"), tmp_path / "docs"
    (sweep / "sweep.json").write_text(json.dumps({"words": ["sweep=ablation_components"]}))
    write(monkeypatch, sweep, "--evaluation", evaluation(tmp_path / "weights"), "--docs", docs)
    before = {name: (docs / name).read_text() for name in ("results.md", "results.json")}
    better = write_run(tmp_path / "better", config("rsc_small"), errors(80, 90), {"mean_pose": errors(300, 300)})
    write(monkeypatch, "--evaluation", better, "--docs", docs)
    after = {name: (docs / name).read_text() for name in before}
    (first, kept), (second, still) = (text["results.md"].split("\n## Ablation", 1) for text in (before, after))
    assert kept == still and "100.0" in first and "80.0" in second and "100.0" not in second
    found, was = json.loads(after["results.json"]), json.loads(before["results.json"])
    assert (found["ablation"], found["commands"]) == (was["ablation"], was["commands"])
    assert found["mpjpe"]["rsc_small"] == {"64": 80, "16": 90}
    write(monkeypatch, "--evaluation", better, "--docs", docs)
    assert (docs / "results.md").read_text() == after["results.md"]


def test_without_any_sweep_there_are_the_weights_alone(tmp_path, monkeypatch):
    write(monkeypatch, "--evaluation", evaluation(tmp_path / "weights"), "--docs", tmp_path / "docs")
    assert "Ablation" not in (tmp_path / "docs/results.md").read_text()
    assert json.loads((tmp_path / "docs/results.json").read_text())["ablation"] == {}
