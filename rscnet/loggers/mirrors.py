"""The mirrors of a run: opened before training, told the results, closed whatever happens."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers.logger import Logger

from rscnet.config.build import build
from rscnet.loggers.mirror import STATES, Mirror
from rscnet.ranks import is_rank_zero
from rscnet.records import mean_over_sizes

Tables = Mapping[str, Mapping[int, Mapping[str, float]]]


@contextmanager
def mirrors(plain: Mapping[str, Any], folder: Path) -> Iterator[list[Mirror]]:
    """The loggers of the configuration, each told what the run logged before; closed at the end, failed or not.

    Only the first process has any.

    Args:
        plain: the composed configuration; nodes of `logger` are partial and take `save_dir`.
        folder: of the run; its `metrics.jsonl` ends where the run goes on.
    """
    found: list[Mirror] = []
    failed = True
    try:
        for name, node in plain["logger"].items():
            if node is not None and is_rank_zero():
                found.append(Mirror(build(node, f"logger.{name}")(save_dir=str(folder)), folder, name))
                found[-1].open(plain)
        yield found
        failed = False
    finally:
        for mirror in found:
            mirror.close(failed)


@contextmanager
def evaluation_mirrors(plain: Mapping[str, Any], folder: Path) -> Iterator[list[Mirror]]:
    """As `mirrors`, of an evaluation: each is told anew, not as the one before in the same folder gone on with."""
    if is_rank_zero():
        shutil.rmtree(folder / STATES, ignore_errors=True)
    with mirrors(plain, folder) as opened:
        yield opened


def log_results(loggers: Sequence[Logger], tables: Tables, name: str, step: int = 0, best: Path | None = None) -> None:
    """Tells results: `eval/<metric>/<size>px` (errors of bodies in mm) and the mean `eval/pa_mpjpe` where there is one;
    mirrors also get the table of all methods, `results`, and of a training the best checkpoint.

    Args:
        loggers: of the trainer.
        tables: errors by method, size in pixels and metric.
        name: the method of this run.
        step: of training.
        best: checkpoint, None for an evaluation.
    """
    own = tables[name]
    row = {f"eval/{metric}/{size}px": value for size, errors in own.items() for metric, value in errors.items()}
    mean = mean_over_sizes(own, "pa_mpjpe")
    if mean is not None:
        row["eval/pa_mpjpe"] = mean
    columns, rows = results_table(tables)
    for logger in loggers:
        logger.log_metrics(row, step)
        if isinstance(logger, Mirror):
            logger.log_table("results", columns, rows, step)
            if best is not None:
                logger.log_checkpoint(best)


def results_table(tables: Tables) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows of errors in mm: one row per metric and method, one column per size."""
    first = next(iter(tables.values()))
    metrics = list(next(iter(first.values())))
    rows = [
        [metric, method, *(by_size.get(size, {}).get(metric) for size in first)]
        for metric in metrics
        for method, by_size in tables.items()
    ]
    return ["metric", "method", *(f"{size}px" for size in first)], rows
