"""How methods were trained: curves, learned coefficients, cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from rscnet.errors import UserError
from rscnet.models.resnet import coefficients
from rscnet.report.document import Chart, Panel, Section, Series, Table
from rscnet.report.runs import Method
from rscnet.report.statistics import binned, estimate
from rscnet.trained import find, read

BINS = 60


def curve_section(methods: Sequence[Method]) -> Section:
    """What was logged over the steps of training: losses as they enter the total, and validation."""
    names = dict.fromkeys(name for method in methods for run in method.runs for row in run.rows for name in row)
    chosen = [name for name in names if name.startswith("val/") and not name.endswith("px")]
    chosen += [name for name in names if name == "train/total" or name.startswith("train/weighted/")]
    panels = []
    for name in chosen:
        lines = [line for colour, method in enumerate(methods) for line in _curves(method, name, colour)]
        if lines:
            panels.append(Panel(name, "step", "", lines))
    words = (
        "Mean over seeds; shaded: from the smallest to the largest. Unfinished and failed runs are dashed. Losses are "
        "those of the training batches, whose resolutions change from stage to stage."
    )
    return Section("Learning curves", words, [Chart("learning_curves", panels)] if panels else [])


def _curves(method: Method, name: str, colour: int) -> list[Series]:
    curves = {run.folder: [(row["step"], row[name]) for row in run.rows if name in row] for run in method.runs}
    last = max((step for curve in curves.values() for step, _ in curve), default=0)
    edges = [last * i / BINS for i in range(BINS)] + [last + 1]
    drawn = {
        folder: binned([step for step, _ in curve], [value for _, value in curve], edges)
        for folder, curve in curves.items()
        if curve
    }
    done = [drawn[run.folder] for run in method.complete if run.folder in drawn]
    lines = []
    if done:
        shared = sorted(set.intersection(*(set(curve) for curve in done)))
        x = [(edges[i] + edges[i + 1]) / 2 for i in shared]
        values = [[curve[i] for curve in done] for i in shared]
        band = ([*map(min, values)], [*map(max, values)]) if len(done) > 1 else (None, None)
        lines.append(Series(method.label, x, [sum(v) / len(v) for v in values], *band, colour))
    for run in method.runs:
        if run.status != "complete" and run.folder in drawn:
            curve = drawn[run.folder]
            x = [(edges[i] + edges[i + 1]) / 2 for i in curve]
            label = f"{method.label} (seed {run.seed}, {run.status})"
            lines.append(Series(label, x, list(curve.values()), colour=colour, dashed=True))
    return lines


def coefficient_section(methods: Sequence[Method]) -> Section:
    """Learned coefficients per block and scale, a panel per resolution-aware method."""
    panels = []
    for method in methods:
        tables = [table for run in method.complete if (table := _coefficients(run.folder))]
        if not tables:
            continue
        blocks = list(tables[0])
        ranges = method.config["resolution"]["ranges"]
        lines = [
            Series(
                f"{low} px" if low == high else f"{low}–{high} px",
                list(range(len(blocks))),
                [estimate([float(table[block][scale]) for table in tables]).mean for block in blocks],
                colour=scale,
            )
            for scale, (low, high) in enumerate(ranges)
        ]
        ticks = [(float(index), block) for index, block in enumerate(blocks)]
        panels.append(Panel(method.label, "residual block", "coefficient", lines, ticks, sequential=True, markers=True))
    words = (
        "What multiplies each residual branch at each range of resolutions, mean over seeds; all are 1 before training."
        if panels
        else "No run has resolution-aware coefficients."
    )
    return Section("Learned coefficients", words, [Chart("coefficients", panels)] if panels else [])


def _coefficients(folder: Path) -> dict[str, Tensor]:
    try:
        state, _ = read(find(str(folder)))
    except UserError:  # a report is made from what is there
        return {}
    return coefficients(state)


def cost_section(methods: Sequence[Method]) -> Section:
    """Time, memory and throughput, means over the runs of a method."""
    columns: dict[str, Callable[[dict[str, list[Any]]], str]] = {
        "training": lambda cost: _duration(_mean(cost, "training_seconds")),
        "images/s": lambda cost: f"{_mean(cost, 'images_per_second'):.0f}" if "images_per_second" in cost else "–",
        "peak memory": lambda cost: f"{_mean(cost, 'peak_memory_gb'):.2f} GB",
        "peak GPU memory": lambda cost: f"{gb:.2f} GB" if (gb := _mean(cost, "peak_gpu_memory_gb")) else "–",
        "parameters": lambda cost: f"{_mean(cost, 'parameters') / 1e6:.2f} M",
        "device": lambda cost: ", ".join(sorted(set(cost["device"]))),
        "processes": lambda cost: ", ".join(sorted({str(count) for count in cost["processes"]})),
    }
    rows = []
    for method in methods:
        known = [run.result["cost"] for run in method.complete if run.result and "cost" in run.result]
        steps = ", ".join(sorted({str(run.steps) for run in method.complete}))
        if known:
            joined = {key: [cost[key] for cost in known] for key in known[0]}
            rows.append([method.label, steps, *(tell(joined) for tell in columns.values())])
    words = "Training includes validation; images/s counts every view and leaves validation out."
    if not rows:
        return Section("Cost", "No run recorded its cost.")
    return Section("Cost", words, [Table(["method", "steps", *columns], rows)])


def _mean(cost: dict[str, list[Any]], key: str) -> float:
    return sum(cost[key]) / len(cost[key])


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
