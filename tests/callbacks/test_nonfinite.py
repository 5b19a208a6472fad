"""A loss that is no number in a real run: what is kept of it, and what the run does then."""

import json
import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from small_runs import run

from rscnet.callbacks.nonfinite import NonFiniteGuard
from rscnet.callbacks.randomness import KeyedRandomness
from rscnet.errors import UserError

WORDS = [
    "experiment=rsc_full", "trainer.log_every_n_steps=1", "evaluation.rivals.start=null",
    "evaluation.rivals.mean_pose=null", "evaluation.panel_samples=0",
]  # fmt: skip
POISONED = 5


@pytest.fixture
def states(monkeypatch) -> dict[int, dict]:
    """Poisons the pictures of one step; what the module holds at the start of each step is kept."""
    kept: dict[int, dict] = {}
    before = KeyedRandomness.on_train_batch_start

    def hook(self, trainer, module, batch, index):
        kept[trainer.global_step] = {name: value.clone() for name, value in module.state_dict().items()}
        if trainer.global_step == POISONED:
            batch.views[0, 0, 0, 3, 3] = math.nan
        before(self, trainer, module, batch, index)

    monkeypatch.setattr(KeyedRandomness, "on_train_batch_start", hook)
    return kept


def test_a_run_stops_and_keeps_the_batch(states, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        run(tmp_path, *WORDS)
    assert caught.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    (path,) = tmp_path.rglob("nonfinite/*.pt")
    kept = torch.load(path, weights_only=True)
    identity = kept["batch"]["identity"]
    assert line.startswith(f"error: the loss is nan at step {POISONED} of epoch 2 (not finite: input views, train/")
    assert f"samples {identity[0, 0]}:{identity[0, 1]}, " in line and f"its batch is in {path}" in line
    assert "callbacks.nonfinite.action=skip" in line
    assert (kept["step"], kept["epoch"], path.name) == (POISONED, 2, "step0000005.pt")
    assert kept["batch"]["views"].isnan().sum() == 1 and "train/total" in kept["terms"]
    assert kept["batch"]["target.parameters.betas"].shape == (len(identity), 10)


def test_a_skipped_step_teaches_nothing_and_counts(states, tmp_path, capsys):
    folder = run(tmp_path, *WORDS, "callbacks.nonfinite.action=skip")
    assert f"skipped: the loss is nan at step {POISONED}" in capsys.readouterr().out
    before, after, later = (states[POISONED + i] for i in range(3))
    assert all(torch.equal(before[name], value) for name, value in after.items())
    assert any(name.endswith("running_mean") for name in after) and any("queue" in name for name in after)
    assert not all(torch.equal(after[name], value) for name, value in later.items())
    assert json.loads((folder / "result.json").read_text())["steps"] == 16


def test_skipping_without_end_is_no_training(states, tmp_path, capsys):
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr("rscnet.learning.rscnet.RSCNetModule.ramp_factor", lambda self: math.nan)
        run(tmp_path, *WORDS, "callbacks.nonfinite.action=skip", "callbacks.nonfinite.most=2")
    said = capsys.readouterr().err.rstrip()
    assert said.endswith("2 steps before it were skipped already (callbacks.nonfinite.most)")


def spoilt() -> torch.nn.Module:
    """A network whose loss was finite, and whose gradient is not."""
    network = torch.nn.Sequential(torch.nn.Linear(2, 2))
    network[0].bias.grad = torch.tensor([1.0, math.nan])
    network[0].weight.grad = torch.ones(2, 2)
    return network


@pytest.fixture
def state(tmp_path) -> Any:
    """A trainer at step 7."""
    return SimpleNamespace(
        callback_metrics={}, default_root_dir=tmp_path, world_size=1, global_step=7, current_epoch=0,
        precision_plugin=SimpleNamespace(),
    )  # fmt: skip


def test_a_gradient_that_is_no_number_stops_the_run(state, tmp_path):
    network = spoilt()
    with pytest.raises(UserError, match=r"^the norm of the gradient is nan \(0\.bias\) at step 7 of epoch 0; .*=skip"):
        NonFiniteGuard().on_before_optimizer_step(state, network, None)  # type: ignore[arg-type]
    kept = torch.load(tmp_path / "nonfinite" / "step0000007.pt", weights_only=True)
    assert kept["gradients"] == ["0.bias"]


def test_a_step_with_such_a_gradient_is_skipped_and_counted(state):
    guard = NonFiniteGuard("skip", most=1)
    network = spoilt()
    guard.on_before_optimizer_step(state, network, None)  # type: ignore[arg-type]
    assert all(parameter.grad is None for parameter in network.parameters()) and guard.in_a_row == 1
    with pytest.raises(UserError, match="1 steps before it were skipped already"):
        guard.on_before_optimizer_step(state, spoilt(), None)  # type: ignore[arg-type]


def test_settings_that_make_no_sense():
    for settings in ({"action": "pray"}, {"most": 0}):
        with pytest.raises(UserError, match=r"callbacks.nonfinite: expected action stop or skip"):
            NonFiniteGuard(**settings)
