"""Errors as tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from rscnet.callbacks.errors import ErrorTable

LOWER_IS_BETTER = {"mpjpe": True, "pa_mpjpe": True, "pve": True, "pck": False, "auc": False}


def table(tables: Mapping[str, ErrorTable]) -> Table:
    """Rows are methods and metrics, columns sizes; the best figure of a column is bold."""
    sizes = list(next(iter(tables.values())))
    shown = _with_columns("errors in mm by size of the person crop (lower is better)", ("metric", "method"), sizes)
    for metric, lower in LOWER_IS_BETTER.items():
        measured = {label: rows for label, rows in tables.items() if all(metric in rows[size] for size in sizes)}
        if not measured:
            continue
        best = {size: (min if lower else max)(rows[size][metric] for rows in measured.values()) for size in sizes}
        name = metric.upper().replace("_", "-") + ("" if lower else " % (higher is better)")
        for label, rows in measured.items():
            row = [(rows[size][metric], best[size]) for size in sizes]
            cells = [f"[bold]{value:.1f}[/bold]" if value == first else f"{value:.1f}" for value, first in row]
            shown.add_row(name, label, *cells)
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
