"""Checkpoints of a run: written whole or not at all, the newest two and the best kept."""

from __future__ import annotations

import contextlib
import math
import os
import signal
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl

from rscnet import __version__
from rscnet.callbacks.monitored import validation_names
from rscnet.console import say
from rscnet.errors import UserError

LAST, PREVIOUS, BEST = "last.ckpt", "previous.ckpt", "best.ckpt"


class RunStopped(Exception):
    """The user asked a run to stop; its checkpoint is written and the same command goes on from it."""


class RunCheckpoints(pl.Callback):
    """Writes `last.ckpt` (and keeps the one before) and `best.ckpt`, with the configuration inside.

    SIGINT (Ctrl-C) and SIGTERM end training after the running step, with a checkpoint of exactly that step; after the
    last step of an epoch they wait for its validation.

    Args:
        folder: where the files go.
        record: the plain composed configuration, stored under "rscnet".
        every_n_steps: steps between two writings of `last.ckpt`.
        monitor: logged value whose smallest so far marks the best checkpoint.
    """

    def __init__(
        self, folder: Path, record: dict[str, Any], every_n_steps: int = 200, monitor: str = "val/pa_mpjpe"
    ) -> None:
        self.folder, self.record = Path(folder), record
        self.every_n_steps, self.monitor = every_n_steps, monitor
        self.best: float | None = None
        self._asked = self._due = self._told = False
        self._saved: int | None = None  # step of the last checkpoint that this process wrote
        self._handlers: dict[int, Any] = {}

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = state_dict["best"]

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint["rscnet"] = {"config": self.record, "version": __version__, "step": trainer.global_step}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for number in (signal.SIGINT, signal.SIGTERM):
            self._handlers[number] = signal.signal(number, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self._asked:  # a second Ctrl-C does not wait
            raise KeyboardInterrupt
        self._asked = True

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._stop_if_asked(trainer)  # not before: the metrics of a step are logged after its `on_train_batch_end`

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.world_size > 1:  # a signal may reach one rank only, or the ranks at different steps
            self._asked = trainer.strategy.reduce_boolean_decision(self._asked, all=False)
        self._due |= self._asked or trainer.global_step % self.every_n_steps == 0
        # after the last batch Lightning would resume inside the next epoch, whose length differs, without validation
        if self._due and batch_idx + 1 < trainer.num_training_batches:
            self.save_last(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._due:
            self.save_last(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn != "fit":
            return
        value = trainer.callback_metrics.get(self.monitor)
        if value is None and not self._told:
            self._told = True
            known = validation_names(trainer)
            say(f"note: callbacks.checkpoints.monitor: {self.monitor} is not among what is logged ({known}): no {BEST}")
        if value is None or not math.isfinite(value):
            return
        if self.best is not None and float(value) >= self.best:
            return
        self.best = float(value)
        _write(trainer, self.folder / BEST)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._saved != trainer.global_step:
            self.save_last(trainer)
        self._restore()
        self._stop_if_asked(trainer)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._restore()

    def _stop_if_asked(self, trainer: pl.Trainer) -> None:
        if self._asked and self._saved == trainer.global_step:
            raise RunStopped(f"stopped at step {trainer.global_step}")

    def _restore(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers.clear()

    def save_last(self, trainer: pl.Trainer) -> None:
        """Writes `last.ckpt`; what was there becomes `previous.ckpt`."""
        _write(trainer, self.folder / LAST, self.folder / PREVIOUS)
        self._saved, self._due = trainer.global_step, False


def _write(trainer: pl.Trainer, path: Path, before: Path | None = None) -> None:
    """Writes a checkpoint that is on the disk when it appears under its name; what had the name goes to `before`."""
    temporary = path.with_name(path.name + ".new")
    try:
        trainer.save_checkpoint(temporary)
        if not trainer.is_global_zero:
            return
        _sync(temporary)
        if before is not None and path.exists():
            os.replace(path, before)
        os.replace(temporary, path)
        _sync(path.parent)
    except (OSError, RuntimeError) as error:  # torch's writer tells of a full disk by a RuntimeError
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"{path}: the checkpoint cannot be written ({reason}); make room or mend the folder, and the same command "
            "goes on from the one before"
        ) from error


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
