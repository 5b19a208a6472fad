"""A logger that repeats `metrics.jsonl` elsewhere, each row once, however often the run was interrupted."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities import rank_zero_only

from rscnet import records
from rscnet.render.pictures import Picture

STATES = "mirrors"
"""Folder beside `metrics.jsonl` that says how far each logger was told, and as which run."""


@runtime_checkable
class Media(Protocol):
    """What a logger may show beside numbers."""

    def log_picture(self, name: str, picture: Picture, step: int) -> None:
        """One picture."""

    def log_histogram(self, name: str, values: np.ndarray, step: int) -> None:
        """Distribution of values."""

    def log_table(self, name: str, columns: list[str], rows: list[list[Any]], step: int) -> None:
        """A table of texts and numbers."""

    def log_checkpoint(self, path: Path) -> None:
        """The best weights of the run."""

    def close(self, failed: bool) -> None:
        """The run is over."""


class Mirror(Logger):
    """Passes on to `logger` what the run logs.

    A resumed run repeats, bit for bit, the rows that came after its checkpoint, so rows are counted: those that an
    earlier process passed on are left out, and those that it did not (the logger was added later) are read from
    `metrics.jsonl`. How many were passed on is kept in `mirrors/<name>.json`.

    Args:
        logger: any of Lightning's.
        folder: of the run; its `metrics.jsonl` is rewound to the step that the run goes on from.
        name: the logger's name in the configuration.
    """

    def __init__(self, logger: Logger, folder: Path, name: str) -> None:
        super().__init__()
        self.logger, self._folder, self._name = logger, Path(folder), name
        self._state = self._folder / STATES / f"{name}.json"
        self._seen = self._reached = 0

    @property
    def name(self) -> str:
        return self._name

    @property
    def version(self) -> str | int | None:
        return self.logger.version

    @property
    def shows_pictures(self) -> bool:
        """Whether it can, and whether this step is new to it."""
        return isinstance(self.logger, Media) and self._seen >= self._reached

    @rank_zero_only
    def open(self, config: Mapping[str, Any]) -> None:
        """Logs the configuration and what the run logged before it came here."""
        if self._state.exists() and not isinstance(self.logger, CSVLogger):  # which begins its file anew
            self._reached = int(json.loads(self._state.read_text())["rows"])
        self.logger.log_hyperparams(dict(config))
        rows = self._folder / records.METRICS
        for line in rows.read_text().splitlines() if rows.exists() else ():
            row = json.loads(line)
            self.log_metrics({key: value for key, value in row.items() if key != "step"}, row["step"])

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """The configuration is logged by `open`."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """One row, unless an earlier process passed it on."""
        self._seen += 1
        if self._seen <= self._reached:
            return
        # numbers as `metrics.jsonl` has them: a logger that is told a row again later writes the very same
        self.logger.log_metrics({name: float(value) for name, value in metrics.items()}, step)
        self._reached = self._seen
        records.write_json(self._state, {"rows": self._reached})

    @rank_zero_only
    def log_picture(self, name: str, picture: Picture, step: int) -> None:
        """See `Media`; nothing where the logger shows no pictures."""
        if isinstance(self.logger, Media):
            self.logger.log_picture(name, picture, step)

    @rank_zero_only
    def log_histogram(self, name: str, values: np.ndarray, step: int) -> None:
        """See `Media`."""
        if isinstance(self.logger, Media):
            self.logger.log_histogram(name, values, step)

    @rank_zero_only
    def log_table(self, name: str, columns: list[str], rows: Sequence[Sequence[Any]], step: int) -> None:
        """See `Media`."""
        if isinstance(self.logger, Media):
            self.logger.log_table(name, columns, [list(row) for row in rows], step)

    @rank_zero_only
    def log_checkpoint(self, path: Path) -> None:
        """See `Media`."""
        if isinstance(self.logger, Media) and path.exists():
            self.logger.log_checkpoint(path)

    @rank_zero_only
    def save(self) -> None:
        self.logger.save()

    @rank_zero_only
    def close(self, failed: bool) -> None:
        """Writes what is not yet written; the logger is not used again."""
        self.logger.save()
        if isinstance(self.logger, Media):
            self.logger.close(failed)
