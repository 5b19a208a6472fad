"""Ends trials of a search that do worse than most others did at the same step."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytorch_lightning as pl

from rscnet.callbacks.monitored import validation_names
from rscnet.console import say
from rscnet.errors import UserError


class MedianPruning(pl.Callback):
    """The median rule (Golovin et al., Vizier, KDD 2017), from the files of the runs beside this one.

    A run stops after a validation whose best value so far is worse than the median of what the others of its experiment
    had reached by that step. It is evaluated like any other, so the search learns what it was worth.

    Args:
        monitor: logged value, lower is better.
        minimum: other runs needed before any is stopped.
        pattern: the other runs' logs, relative to the folder of the experiment.

    Raises:
        UserError: after the first validation, if `monitor` is not logged.
    """

    def __init__(
        self, monitor: str = "val/pa_mpjpe", minimum: int = 5, pattern: str = "*/*/seed*/metrics.jsonl"
    ) -> None:
        self.monitor, self.minimum, self.pattern = monitor, minimum, pattern
        self.best = float("inf")

    def state_dict(self) -> dict[str, float]:
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        self.best = state_dict["best"]

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn != "fit":
            return
        value = trainer.callback_metrics.get(self.monitor)
        if value is None:
            raise UserError(
                f"callbacks.pruning.monitor: {self.monitor} is not logged; expected one of: {validation_names(trainer)}"
            )
        self.best = min(self.best, float(value))
        worse = self.is_worse(Path(trainer.default_root_dir), trainer.global_step)
        if trainer.world_size > 1:  # ranks may have read the files at different times
            worse = trainer.strategy.reduce_boolean_decision(worse, all=False)
        if worse:
            say(f"pruned at step {trainer.global_step}: {self.monitor} {self.best:.4g} is worse than the median")
            trainer.should_stop = True

    def is_worse(self, folder: Path, step: int) -> bool:
        """Whether most of the runs beside `folder` were better by this step."""
        logs = (path for path in folder.parents[2].glob(self.pattern) if path.parent != folder)
        others = [best for path in logs if (best := _best_until(path, self.monitor, step)) is not None]
        return len(others) >= self.minimum and self.best > statistics.median(others)


def _best_until(path: Path, monitor: str, step: int) -> float | None:
    """The least value that a run had logged by a step; None if it has not come that far."""
    values, reached = [], -1
    for line in path.read_text().splitlines():
        try:
            row = json.loads(line)
        except ValueError:  # being written
            continue
        reached = max(reached, row.get("step") or 0)
        if monitor in row and row["step"] <= step:
            values.append(row[monitor])
    return min(values) if values and reached >= step - 1 else None
