"""Charts as PNG files, by matplotlib."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no display is needed, and none is asked for

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from rscnet.report.document import Chart, Panel
from rscnet.report.palette import colour_of, columns_of


def write_png(chart: Chart, path: Path) -> None:
    """One picture of all panels of a chart, with one legend below."""
    columns = columns_of(chart)
    rows = -(-len(chart.panels) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(4.8 * columns, 3.7 * rows), squeeze=False, layout="constrained")
    for axis, panel in zip(axes.flat, chart.panels, strict=False):
        _draw(axis, panel)
    for axis in list(axes.flat)[len(chart.panels) :]:
        axis.set_visible(False)
    handles = {}
    for axis in axes.flat:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=2 * columns, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw(axis: Axes, panel: Panel) -> None:
    for series in panel.series:
        colour = colour_of(panel, series)
        style, marker = "--" if series.dashed else "-", "o" if series.marked(panel) else None
        axis.plot(
            series.x, series.y, style, label=series.label, color=colour, marker=marker, markersize=4, linewidth=1.6
        )
        if series.low is not None and series.high is not None:
            axis.fill_between(series.x, series.low, series.high, color=colour, alpha=0.15, linewidth=0)
    if panel.log_x:
        axis.set_xscale("log", base=2)
    if panel.ticks:
        slanted = max(len(text) for _, text in panel.ticks) > 4
        axis.set_xticks(
            [x for x, _ in panel.ticks],
            [text for _, text in panel.ticks],
            rotation=45 if slanted else 0,
            ha="right" if slanted else "center",
        )
        axis.minorticks_off()
    axis.ticklabel_format(axis="y", useOffset=False)
    axis.set(title=panel.title, xlabel=panel.x_label, ylabel=panel.y_label)
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
