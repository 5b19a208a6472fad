"""Figures of an evaluation: error against resolution, and what the network saw and said at each size."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no display is needed, and none is asked for

import matplotlib.pyplot as plt

TITLES = {"mpjpe": "MPJPE", "pa_mpjpe": "PA-MPJPE", "pve": "PVE"}


def error_curves(path: Path, tables: Mapping[str, Mapping[int, Mapping[str, float]]]) -> None:
    """One panel per metric, one line per method: millimetres against the size of the person crop, log scale.

    Args:
        path: PNG to write.
        tables: errors by method, size in pixels and metric.
    """
    everywhere = [row for rows in tables.values() for row in rows.values()]
    shown = {metric: title for metric, title in TITLES.items() if any(metric in row for row in everywhere)}
    figure, grid = plt.subplots(1, len(shown), figsize=(4.6 * len(shown), 3.8), constrained_layout=True, squeeze=False)
    for axis, (metric, title) in zip(grid[0], shown.items(), strict=True):
        for label, rows in tables.items():
            sizes = sorted(size for size in rows if metric in rows[size])
            style = {"linestyle": "--", "color": "0.55"} if label == "mean_pose" else {"marker": "o"}
            axis.plot(sizes, [rows[size][metric] for size in sizes], label=label, **style)
        ticks = sorted({size for rows in tables.values() for size in rows})
        axis.set_xscale("log", base=2)
        axis.set_xticks(ticks, [str(size) for size in ticks])
        axis.minorticks_off()
        axis.set_xlabel("person crop (pixels)")
        axis.set_ylabel("mm")
        axis.set_title(title)
        axis.set_ylim(0, 1.06 * max(row[metric] for row in everywhere if metric in row))
        axis.grid(alpha=0.3)
    grid[0, 0].legend(loc="lower left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
