"""Training and evaluation on two processes (gloo), through the entrypoint."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from small_runs import PEOPLE

from rscnet.run import main

ROOT = Path(__file__).parents[2]
DRIVER = ROOT / "tests" / "data" / "ddp_driver.py"
# 5 test people in batches of 2: ranks hold 3 and 2 of them, in 2 batches and in 1
TESTED = ["people.test=5", "data.eval_batch_size=2", "evaluation.panel_samples=0"]
RANKS = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
TWO_RANKS = ["preset=smoke", "encoder.own_norm=true", "encoder.own_rate=8", *PEOPLE, *RANKS, *TESTED]
BATCHES = [8] + [4] * 3 + [3] * 8  # those of 3 samples do not split evenly
SHORT = ["curriculum.stages.stage3=null"]


def start(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, timeout=280)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict]]:
    """The run folder, and what each rank saw."""
    output = tmp_path_factory.mktemp("ddp")
    words = ["experiment=rsc_full", *SHORT, f"paths.output={output}", *TWO_RANKS]
    done = start(str(DRIVER), str(output), *words)
    assert done.returncode == 0, done.stderr
    (folder,) = {path.parent for path in output.rglob("result.json")}
    return folder, [torch.load(output / f"rank{rank}.pt", weights_only=True) for rank in range(2)]


def test_the_queue_and_the_weights_are_the_same_on_all_ranks(trained):
    folder, (first, second) = trained
    for name, weight in first["weights"].items():
        assert torch.equal(weight, second["weights"][name]), name
    assert int(first["queue"]["filled"]) == 8 * 2 + 4 * 3 * 3 + 3 * 4 * 4
    for name, buffer in first["queue"].items():
        assert torch.equal(buffer, second["queue"][name]), name
    saved = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert torch.equal(saved["objective.contrastive.queue.features"], first["queue"]["features"])


def test_ranks_share_each_batch_without_overlap_and_draw_for_themselves(trained):
    _, (first, second) = trained
    assert [len(a) + len(b) for a, b in zip(first["identities"], second["identities"], strict=True)] == BATCHES[:8]
    for mine, other in zip(first["identities"], second["identities"], strict=True):
        assert not set(map(tuple, mine.tolist())) & set(map(tuple, other.tolist()))
    assert not set(first["seeds"]) & set(second["seeds"])
    # the queue holds what both ranks saw, view by view, rank by rank
    last = torch.cat([first["identities"][0].repeat(2, 1), second["identities"][0].repeat(2, 1)])
    assert torch.equal(first["queue"]["identity"][:16], last)


def test_two_processes_measure_what_one_measures(trained, tmp_path):
    folder, _ = trained
    result = json.loads((folder / "result.json").read_text())
    assert (result["samples"], result["steps"]) == (5, 8)
    main(["preset=smoke", *PEOPLE, "task=evaluate", f"checkpoint={folder}", f"output={tmp_path}", *TESTED])
    alone = json.loads((tmp_path / "result.json").read_text())
    assert alone["samples"] == 5
    for size, row in result["by_size"].items():
        assert alone["by_size"][size] == pytest.approx(row, rel=1e-6)
        assert alone["rivals"]["mean_pose"][size] == pytest.approx(result["rivals"]["mean_pose"][size], rel=1e-6)


def test_all_ranks_skip_a_step_that_one_of_them_cannot_take(tmp_path):
    words = ["experiment=rsc_full", *SHORT, "curriculum.stages.stage2=null", "callbacks.nonfinite.action=skip"]
    words += ["evaluation.rivals={}", f"paths.output={tmp_path}", *TWO_RANKS]
    done = start(str(DRIVER), str(tmp_path), *words, POISON="1:2")
    assert done.returncode == 0, done.stderr
    (kept,) = tmp_path.rglob("nonfinite/*-rank1.pt")
    assert torch.load(kept, weights_only=True)["step"] == 2
    first, second = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in range(2))
    for name, weight in first["weights"].items():
        assert torch.equal(weight, second["weights"][name]) and weight.isfinite().all(), name
    assert int(first["queue"]["filled"]) == int(second["queue"]["filled"]) == 8 * 2 + 4 * 2 * 3  # of three steps two


def test_ranks_with_different_configurations_are_stopped(tmp_path):
    done = start(
        "-m",
        "rscnet.run",
        "experiment=rsc_full",
        f"paths.output={tmp_path}",
        "seed='${oc.decode:${oc.env:LOCAL_RANK,0}}'",
        *TWO_RANKS,
    )
    assert done.returncode == 1
    assert "the 2 ranks run different configurations" in done.stderr
    assert not list(tmp_path.rglob("*.ckpt"))
