"""Progress of training and evaluation: a bar in a terminal, a line now and then in a log file."""

from __future__ import annotations

import time
from typing import Any

import pytorch_lightning as pl
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress


class Progress(pl.Callback):
    """Shows stage, step, losses and speed.

    Args:
        every_seconds: time between two lines where the output is no terminal.
    """

    def __init__(self, every_seconds: float = 30.0) -> None:
        self.every_seconds = every_seconds
        self.console = Console()
        self._bar: RichProgress | None = None
        self._task: Any = None
        self._printed = self._started = 0.0
        self._first_step = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._started = self._printed = time.monotonic()
        self._first_step = trainer.global_step
        self._open(trainer, "train", self._total(trainer))

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        shown = {k: v for k, v in trainer.progress_bar_metrics.items() if isinstance(v, int | float)}
        text = "  ".join(f"{name.split('/', 1)[-1]} {value:.4g}" for name, value in shown.items())
        self._show(trainer, f"epoch {trainer.current_epoch}  {text}", trainer.global_step, self._total(trainer))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._close()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._close()

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._started = self._printed = time.monotonic()
        self._first_step = 0
        self._open(trainer, "evaluate", sum(int(n) for n in trainer.num_test_batches))

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._show(trainer, "evaluate", batch_idx + 1, sum(int(n) for n in trainer.num_test_batches))

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._close()

    @staticmethod
    def _total(trainer: pl.Trainer) -> int:
        data = trainer.datamodule  # type: ignore[attr-defined]
        return data.curriculum.total_steps(len(data.train))

    def _open(self, trainer: pl.Trainer, title: str, total: int) -> None:
        if not (self.console.is_terminal and trainer.is_global_zero):
            return
        columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
        self._bar = RichProgress(*columns, console=self.console)
        self._task = self._bar.add_task(title, total=total)
        self._bar.start()

    def _show(self, trainer: pl.Trainer, text: str, done: int, total: int) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=done, description=text)
            return
        now = time.monotonic()
        if trainer.is_global_zero and (now - self._printed >= self.every_seconds or done == total):
            rate = (done - self._first_step) / max(now - self._started, 1e-9)
            left = (total - done) / max(rate, 1e-9)
            print(f"step {done}/{total}  {text}  {rate:.2f} steps/s  {left / 60:.1f} min left", flush=True)
            self._printed = now

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
