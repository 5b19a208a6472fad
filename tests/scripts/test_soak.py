"""A real training process is killed twice and ends as the one that nobody killed; what differs is named."""

import json
import random
import shutil
from pathlib import Path

import pytest
import torch
from small_runs import SMALL, run

from rscnet.errors import UserError
from scripts.soak import Moment, clear, compare, differences, kill_again_and_again, last_step, moments, run_folder

WORDS = [
    "experiment=rsc_full", "trainer.log_every_n_steps=1", "callbacks.checkpoints.every_n_steps=2", "logger=csv",
    "evaluation.rivals.mean_pose=null", "evaluation.rivals.start=null", "evaluation.panel_samples=0",
]  # fmt: skip


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("soak") / "run"
    run(output, *WORDS)
    return output.rename(output.with_name("reference"))


def test_killed_twice_at_random_and_still_the_same(reference):
    output = reference.with_name("run")
    draw = random.Random()  # another moment in each test run
    planned = [
        Moment("checkpoint", draw.randrange(2, 7), draw.uniform(0, 0.05)),
        Moment("step", draw.randrange(8, 14), draw.uniform(0, 0.3)),
    ]
    words = [*SMALL, *WORDS, f"paths.output={output}"]
    done = list(kill_again_and_again(words, output, output.parent, [2, 0], planned, 16))
    assert [one.workers for one in done] == [2, 0], planned
    assert done[1].resumed_from in ("last.ckpt", "previous.ckpt") and 8 <= done[1].step < 16, (planned, done)
    folder = run(output, *WORDS)
    expected = run_folder(reference)
    assert expected is not None
    found = compare(folder, expected)
    assert {name for name, lines in found.items() if lines} == set(), (planned, found)
    assert {"last.ckpt: state_dict", "last.ckpt: optimizer_states", "metrics.jsonl", "csv/metrics.csv"} <= set(found)


def test_what_differs_is_named(reference):
    expected = run_folder(reference)
    assert expected is not None
    other = reference.with_name("other")
    shutil.copytree(expected, other)
    path = other / "checkpoints" / "last.ckpt"
    content = torch.load(path, weights_only=True)
    name = next(name for name, value in content["state_dict"].items() if value.is_floating_point())
    content["state_dict"][name].view(-1)[0] += 1e-3
    torch.save(content, path)
    rows = (other / "metrics.jsonl").read_text().splitlines(keepends=True)
    (other / "metrics.jsonl").write_text("".join([*rows, rows[-1]]))  # logged twice
    result = json.loads((other / "result.json").read_text())
    result["by_size"]["64"]["mpjpe"] += 1e-9
    (other / "result.json").write_text(json.dumps(result))
    found = {key: lines for key, lines in compare(other, expected).items() if lines}
    assert set(found) == {"last.ckpt: state_dict", "metrics.jsonl", "result.json"}
    assert found["last.ckpt: state_dict"] == [f"state_dict.{name}: tensors differ"]


def test_differences_of_plain_values():
    assert list(differences({"a": [1, float("nan")]}, {"a": [1, float("nan")]}, "x")) == []
    assert list(differences({"a": 1}, {"a": 1.0}, "x")) == ["x.a: 1 instead of 1.0"]
    assert list(differences({"a": 1}, {"b": 1}, "x")) != []
    assert list(differences(torch.tensor([0.0]), torch.tensor([-0.0]), "x")) == ["x: tensors differ"]


def test_moments_cover_the_run():
    planned = moments(20, 100, random.Random(0))
    assert planned[-1].kind == "end" and {"step", "checkpoint"} <= {moment.kind for moment in planned}
    assert [moment.step // 5 for moment in planned] == list(range(20))


def test_the_last_step_is_read_whatever_the_last_line_is(tmp_path):
    assert last_step(None) == last_step(tmp_path) == -1
    (tmp_path / "metrics.jsonl").write_text('{"step": 3}\n{"step": 4, "a"')
    assert last_step(tmp_path) == 3


def test_only_an_earlier_soak_is_removed(tmp_path):
    clear(tmp_path / "new")
    for name in ("run/a", "logs/reference.log", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "soak.json").touch()
    clear(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    (tmp_path / "run").mkdir()
    with pytest.raises(UserError, match=r"--output: .* is not empty and holds no earlier soak"):
        clear(tmp_path)
    assert (tmp_path / "run").exists()
