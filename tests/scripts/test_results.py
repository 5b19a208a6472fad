"""The results of the project, from run folders made by hand."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from run_folders import config, errors, small_sweep, write_run

from scripts import results
from scripts.results import main


def paper_sweep(folder: Path) -> Path:
    """`small_sweep` with the full-resolution method that the paper's parts are compared with, as an ablation."""
    sweep = small_sweep(folder)
    shutil.rmtree(sweep / "hr_baseline")
    write_run(sweep, config("rsc_full", "hr_only"), errors(90, 250), {"mean_pose": errors(300, 300)})
    return sweep


def evaluation(folder: Path) -> Path:
    rivals = {"mean_pose": errors(300, 300), "hr_small": errors(90, 200)}
    return recorded(write_run(folder, config("rsc_small"), errors(100, 120), rivals))


def recorded(folder: Path) -> Path:
    """An evaluation of the shipped weights with the record that an earlier call left beside it."""
    (folder / results.ASKED).write_text(json.dumps(results.asked([])))
    return folder


def write(monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr(sys, "argv", ["results.py", *map(str, words)])
    main()


def test_figures_are_those_of_the_runs(tmp_path, monkeypatch):
    sweep, docs = paper_sweep(tmp_path / "sweep"), tmp_path / "docs"
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
    commits = found["machine"]["ablation_commits"]
    assert commits and f"Commit of _Ablation_, and of the weights that it starts from: {commits[0]}." in words
    assert {path.name for path in (docs / "pictures").iterdir()} == {
        "results_weights.png",
        "results_ablation.png",
        "results_coefficients.png",
    }


def test_a_sweep_that_is_not_there_is_said(tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match="no such folder"):
        write(monkeypatch, tmp_path / "none", "--evaluation", evaluation(tmp_path / "weights"), "--docs", tmp_path)


def test_new_weights_leave_the_ablation_as_it_stands(tmp_path, monkeypatch):
    sweep, docs = paper_sweep(tmp_path / "sweep"), tmp_path / "docs"
    (sweep / "sweep.json").write_text(json.dumps({"words": ["sweep=ablation_components"]}))
    write(monkeypatch, sweep, "--evaluation", evaluation(tmp_path / "weights"), "--docs", docs)
    before = {name: (docs / name).read_text() for name in ("results.md", "results.json")}
    rivals = {"mean_pose": errors(300, 300)}
    better = recorded(write_run(tmp_path / "better", config("rsc_small"), errors(80, 90), rivals))
    write(monkeypatch, "--evaluation", better, "--docs", docs)
    after = {name: (docs / name).read_text() for name in before}
    (first, kept), (second, still) = (text["results.md"].split("\n## Ablation", 1) for text in (before, after))
    assert kept == still and "100.0" in first and "80.0" in second and "100.0" not in second
    found, was = json.loads(after["results.json"]), json.loads(before["results.json"])
    assert (found["ablation"], found["commands"]) == (was["ablation"], was["commands"])
    assert found["machine"]["ablation_commits"] == was["machine"]["ablation_commits"] != []
    assert found["mpjpe"]["rsc_small"] == {"64": 80, "16": 90}
    write(monkeypatch, "--evaluation", better, "--docs", docs)
    assert (docs / "results.md").read_text() == after["results.md"]


def test_each_part_is_replaced_by_its_own_sweeps_alone(tmp_path, monkeypatch):
    docs, given = tmp_path / "docs", ["--evaluation", evaluation(tmp_path / "weights"), "--docs", tmp_path / "docs"]
    (beyond := small_sweep(tmp_path / "beyond")).joinpath("sweep.json").write_text(
        '{"words": ["sweep=ablation_beyond"]}'
    )
    sweep = paper_sweep(tmp_path / "sweep")
    sweep.joinpath("sweep.json").write_text('{"words": ["sweep=ablation_components"]}')
    write(monkeypatch, *given, "--beyond", beyond)
    alone = json.loads((docs / "results.json").read_text())
    assert "## Ablation" not in (docs / "results.md").read_text() and alone["ablation"] == {} != alone["beyond"]
    assert "difference to **rsc_full**" in (docs / "results.md").read_text().partition("## Beyond the paper")[2]
    write(monkeypatch, sweep, *given)
    page, both = (docs / "results.md").read_text(), json.loads((docs / "results.json").read_text())
    assert both["beyond"] == alone["beyond"] and both["ablation"] != {}
    assert both["commands"]["ablation"] == ["python -m rscnet.run -m sweep=ablation_components"]
    assert both["commands"]["beyond"] == ["python -m rscnet.run -m sweep=ablation_beyond"]
    headings = [line.removeprefix("## ").partition(":")[0] for line in page.splitlines() if line.startswith("## ")]
    assert headings == ["Shipped weights"] * 2 + ["Ablation"] * 4 + ["Beyond the paper"] * 2
    write(monkeypatch, sweep, *given, "--beyond", beyond)
    assert (docs / "results.md").read_text() == page
    assert (docs / "pictures/results_beyond.png").exists()


def test_without_any_sweep_there_are_the_weights_alone(tmp_path, monkeypatch):
    write(monkeypatch, "--evaluation", evaluation(tmp_path / "weights"), "--docs", tmp_path / "docs")
    assert "Ablation" not in (tmp_path / "docs/results.md").read_text()
    found = json.loads((tmp_path / "docs/results.json").read_text())
    assert found["ablation"] == found["beyond"] == {}


def test_sweeps_without_what_others_are_compared_with_are_refused(tmp_path, monkeypatch):
    given = ["--evaluation", evaluation(tmp_path / "weights"), "--docs", tmp_path / "docs"]
    with pytest.raises(SystemExit, match="sweep: no method 'hr_only' with results; there are: hr_baseline, rsc_full"):
        write(monkeypatch, small_sweep(tmp_path / "sweep"), *given)
    assert not (tmp_path / "docs").exists()


def test_runs_without_a_result_are_said(tmp_path, monkeypatch, capsys):
    sweep = paper_sweep(tmp_path / "sweep")
    write(monkeypatch, sweep, "--evaluation", evaluation(tmp_path / "weights"), "--docs", tmp_path / "docs")
    said = capsys.readouterr().out.replace("\n", " ")
    assert (
        "seed2: unfinished" in said
        and "seed3: failed, error: the loss is nan" in said
        and "optimizer.lr: must be > 0" in said
    )


@pytest.mark.parametrize("content", [None, '{"commands": ["of an earlier version"], "machine": {}}', "{"])
def test_a_page_whose_figures_are_not_by_this_script_is_left_alone(content, tmp_path, monkeypatch):
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "results.md").write_text("# Results\n\n## Ablation: in figures\n\nhours of work\n")
    if content is not None:
        (docs / "results.json").write_text(content)
    with pytest.raises(SystemExit, match="restore both, or remove both and give all sweeps"):
        write(monkeypatch, "--evaluation", evaluation(tmp_path / "weights"), "--docs", docs)
    assert "hours of work" in (docs / "results.md").read_text()


@pytest.fixture
def evaluations(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands of the evaluations that are asked for; the n-th measures n mm at 64 px."""
    made: list[list[str]] = []

    def run(command: list[str]) -> subprocess.CompletedProcess:
        made.append(command)
        folder = Path(next(word for word in command if word.startswith("output=")).removeprefix("output="))
        result = json.loads((folder / "result.json").read_text())
        (folder / "result.json").write_text(json.dumps(result | {"by_size": errors(len(made), 50)}))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    return made


def shown(docs: Path) -> float:
    """MPJPE of the weights at 64 px."""
    return json.loads((docs / "results.json").read_text())["mpjpe"]["rsc_small"]["64"]


def test_other_words_are_evaluated_anew(tmp_path, monkeypatch, evaluations):
    given = ["--evaluation", evaluation(tmp_path / "weights"), "--docs", tmp_path / "docs"]
    write(monkeypatch, *given)
    assert shown(tmp_path / "docs") == 100 and not evaluations
    for _ in range(2):
        write(monkeypatch, *given, "--words", "people.test=100")
        assert shown(tmp_path / "docs") == 1 and len(evaluations) == 1
    assert evaluations[0][-1] == "people.test=100"
    assert "people.test=100" in (tmp_path / "docs/results.md").read_text()
    write(monkeypatch, *given)
    assert shown(tmp_path / "docs") == 2


@pytest.mark.parametrize("name", ["rsc_small", "hr_small"])
def test_new_weights_are_evaluated_anew(name, tmp_path, monkeypatch, evaluations):
    given = ["--evaluation", evaluation(tmp_path / "weights"), "--docs", tmp_path / "docs"]
    new = tmp_path / "new.safetensors"
    new.write_bytes(b"new weights")
    original = results.find
    monkeypatch.setattr(results, "find", lambda asked: new if asked == name else original(asked))
    write(monkeypatch, *given)
    assert shown(tmp_path / "docs") == len(evaluations) == 1


def test_an_evaluation_that_nothing_is_known_of_or_that_stopped_is_made_anew(tmp_path, monkeypatch, evaluations):
    folder = evaluation(tmp_path / "weights")
    (folder / results.ASKED).unlink()
    given = ["--evaluation", folder, "--docs", tmp_path / "docs"]
    write(monkeypatch, *given)
    assert shown(tmp_path / "docs") == 1
    with monkeypatch.context() as failing:
        failing.setattr(subprocess, "run", lambda command: subprocess.CompletedProcess(command, 1))
        with pytest.raises(SystemExit, match="failed; its message stands above"):
            write(failing, *given, "--words", "people.test=100")
    write(monkeypatch, *given)
    assert shown(tmp_path / "docs") == 2
