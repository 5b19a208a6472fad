"""Errors as tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from rscnet.callbacks.errors import ErrorTable
from rscnet.render.figures import TITLES

ROWS = {
    **TITLES, "pck": "PCK % (higher is better)", "auc": "AUC % (higher is better)",
    "accel": "acceleration error, m/s²", "jitter": "jitter, 10 m/s³",
}  # fmt: skip
HIGHER_IS_BETTER = ("pck", "auc")


def error_table(tables: Mapping[str, ErrorTable], methods: str = "method") -> Table:
    """Rows are metrics and methods, columns sizes; the best figure of a column is bold.

    Args:
        tables: errors by method, size in pixels and metric.
        methods: heading of the methods' column.
    """
    sizes = list(next(iter(tables.values())))
    shown = _with_columns("errors in mm by size of the person crop (lower is better)", ("metric", methods), sizes)
    for metric, title in ROWS.items():
        measured = {label: rows for label, rows in tables.items() if all(metric in rows[size] for size in sizes)}
        if not measured:
            continue
        first = max if metric in HIGHER_IS_BETTER else min
        best = {size: first(rows[size][metric] for rows in measured.values()) for size in sizes}
        for label, rows in measured.items():
            values = [(rows[size][metric], best[size]) for size in sizes]
            cells = [f"[bold]{value:.1f}[/bold]" if value == least else f"{value:.1f}" for value, least in values]
            shown.add_row(title, label, *cells)
        shown.add_section()
    return shown


def sequence_table(sequences: Mapping[str, ErrorTable]) -> Table:
    """Rows are sequences, columns sizes; a sequence whose samples are all without labels has no figures."""
    sizes = list(next(iter(sequences.values())))
    shown = _with_columns("MPJPE / PA-MPJPE in mm by sequence", ("sequence", "samples"), sizes)
    for name, rows in sequences.items():
        cells = [
            f"{row['mpjpe']:.1f} / {row['pa_mpjpe']:.1f}" if "mpjpe" in row else "-"
            for row in (rows[size] for size in sizes)
        ]
        shown.add_row(name, f"{rows[sizes[0]]['samples']:.0f}", *cells)
    return shown


def _with_columns(title: str, first: tuple[str, ...], sizes: list[int]) -> Table:
    shown = Table(title=title)
    for name in first:
        shown.add_column(name)
    for size in sizes:
        shown.add_column(f"{size} px", justify="right")
    return shown
