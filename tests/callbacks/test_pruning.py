"""The median rule on files of other runs."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from rscnet.callbacks.pruning import MedianPruning
from rscnet.errors import UserError


@pytest.fixture
def folder(tmp_path):
    """Five finished runs beside the folder of this one: at step 10 they had reached 10, 20, 30, 40, 50."""
    for i in range(1, 6):
        run = tmp_path / "base" / f"fingerprint{i}" / "seed0"
        run.mkdir(parents=True)
        rows = [
            {"step": 9, "val/pa_mpjpe": 10.0 * i},
            {"step": 19, "val/pa_mpjpe": 1.0 * i},
            {"step": 19, "train/x": 0},
        ]
        (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 2')
    own = tmp_path / "base" / "own" / "seed0"
    own.mkdir(parents=True)
    return own


def trainer(folder, step: int, value: float, kind: str = "fit") -> Any:
    return SimpleNamespace(
        callback_metrics={"val/pa_mpjpe": torch.tensor(value)},
        state=SimpleNamespace(fn=kind),
        default_root_dir=str(folder),
        global_step=step,
        world_size=1,
        should_stop=False,
    )


@pytest.mark.parametrize(("step", "value", "stops"), [(10, 29.0, False), (10, 31.0, True), (20, 4.0, True)])
def test_a_run_that_is_worse_than_the_median_at_its_step_stops(folder, step, value, stops):
    state = trainer(folder, step, value)
    MedianPruning().on_validation_end(state, None)  # type: ignore[arg-type]
    assert state.should_stop == stops


def test_the_best_value_counts_and_few_runs_decide_nothing(folder):
    callback = MedianPruning()
    callback.load_state_dict({"best": 5.0})
    state = trainer(folder, 10, 100.0)
    callback.on_validation_end(state, None)  # type: ignore[arg-type]
    assert not state.should_stop
    state = trainer(folder, 10, 100.0)
    MedianPruning(minimum=6).on_validation_end(state, None)  # type: ignore[arg-type]
    assert not state.should_stop
    state = trainer(folder, 100, 100.0)  # no other run has come that far
    MedianPruning().on_validation_end(state, None)  # type: ignore[arg-type]
    assert not state.should_stop


def test_a_monitor_that_is_not_logged_is_told(folder):
    with pytest.raises(UserError, match="val/pa_mpje is not logged; expected one of: val/pa_mpjpe"):
        MedianPruning("val/pa_mpje").on_validation_end(trainer(folder, 10, 1.0), None)  # type: ignore[arg-type]
