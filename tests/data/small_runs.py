"""Training runs of the smoke preset in this process: 24 people, 16 steps in stages of 1, 3, 4 and 8."""

import os
import signal
from pathlib import Path

import pytest

from rscnet.callbacks.randomness import KeyedRandomness
from rscnet.run import main

PEOPLE = [
    # rendered in this process
    *(f"+data.{split}.workers=1" for split in ("train", "val", "test")),
]
SMALL = ["preset=smoke", "evaluation.panel_samples=1", *PEOPLE]


def run(output: Path, *words: str) -> Path:
    """Runs the command line and returns the one run folder under `output`."""
    main([*SMALL, f"paths.output={output}", *words])
    (folder,) = {path.parent for path in output.glob("*/*/*/seed*/config.yaml")}
    return folder


def at_step(patch: pytest.MonkeyPatch, step: int, action) -> None:
    """Calls `action` when training is about to take optimiser step `step`, counted from 0."""
    before = KeyedRandomness.on_train_batch_start

    def hook(self, trainer, *arguments):
        if trainer.global_step == step:
            action()
        before(self, trainer, *arguments)

    patch.setattr(KeyedRandomness, "on_train_batch_start", hook)


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


class PowerCut(Exception):
    """Ends a run without a word, as a machine that dies."""


def cut_power() -> None:
    raise PowerCut
