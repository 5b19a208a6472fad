"""Errors of methods: against resolution, and in a table with the distance to a baseline."""

from __future__ import annotations

from collections.abc import Sequence

from rscnet.errors import UserError
from rscnet.render.figures import TITLES
from rscnet.report.document import Block, Cell, Chart, Panel, Section, Series, Table
from rscnet.report.runs import Errors, Method
from rscnet.report.statistics import Estimate, estimate

MEAN = 0  # stands for the mean over sizes where a size is expected


def errors_of(method: Method) -> dict[tuple[str, int], Estimate]:
    """Estimates over seeds by metric and size; size 0 is the mean over sizes."""
    tables = [run.errors for run in method.complete if run.errors]
    found = {}
    for metric in TITLES if tables else ():
        sizes = [size for size in tables[0] if all(metric in table.get(size, {}) for table in tables)]
        for size in sizes:
            found[metric, size] = estimate([table[size][metric] for table in tables])
        if sizes:
            found[metric, MEAN] = estimate([sum(table[s][metric] for s in sizes) / len(sizes) for table in tables])
    return found


def rivals(methods: Sequence[Method]) -> dict[str, Errors]:
    """What runs were compared with, by name, as the first run that has it measured it; methods themselves excepted."""
    found: dict[str, Errors] = {}
    for method in methods:
        for run in method.complete:
            for name, rows in run.rivals.items():
                if name not in {other.label for other in methods}:
                    found.setdefault(name, rows)
    return found


def sizes_of(methods: Sequence[Method]) -> list[int]:
    """All evaluation sizes in pixels, from high to low."""
    return sorted({size for method in methods for run in method.complete for size in run.errors}, reverse=True)


def ordered(methods: Sequence[Method], baselines: Sequence[str]) -> tuple[list[Method], Method | None]:
    """The baseline first, then methods as their sweep lists them, or without one from the largest mean PA-MPJPE to
    the smallest, then those without errors.

    Args:
        methods: all.
        baselines: labels, the first that exists is the baseline; without any it is the method with the largest error.

    Raises:
        UserError: baselines that were asked for, none of which is there.
    """
    measured = {m.label: e["pa_mpjpe", MEAN].mean for m in methods if ("pa_mpjpe", MEAN) in (e := errors_of(m))}
    numbers = [method.runs[0].number for method in methods]
    if None in numbers or len(set(numbers)) < len(numbers):  # no sweep, or several
        ranked = sorted(methods, key=lambda method: -measured.get(method.label, float("-inf")))
    else:
        ranked = sorted(methods, key=lambda method: method.runs[0].number or 0)
    ranked = [m for m in ranked if m.label in measured] + [m for m in ranked if m.label not in measured]
    if not measured:
        return ranked, None
    for label in baselines:
        for method in ranked:
            if method.label == label and label in measured:
                return [method] + [other for other in ranked if other is not method], method
    return ranked, ranked[0]


def known_baseline(methods: Sequence[Method], label: str, asked: str = "report.baseline") -> None:
    """Refuses a baseline that is not there; `asked` is what the message begins with.

    Raises:
        UserError: with the labels that are.
    """
    labels = [method.label for method in methods if ("pa_mpjpe", MEAN) in errors_of(method)]
    if label not in labels:
        raise UserError(f"{asked}: no method '{label}' with results; there are: {', '.join(labels) or 'none'}")


def error_section(methods: Sequence[Method]) -> Section:
    """Error against resolution, one panel per metric."""
    sizes = sizes_of(methods)
    others = rivals(methods)
    panels = []
    for metric, title in TITLES.items():
        lines = []
        for number, (name, rows) in enumerate(others.items()):
            shown = [size for size in sizes if metric in rows.get(size, {})]
            lines.append(Series(name, shown, [rows[size][metric] for size in shown], colour=-1 - number, dashed=True))
        for colour, method in enumerate(methods):
            found = errors_of(method)
            shown = [size for size in sizes if (metric, size) in found]
            if shown:
                lines.append(_line(method.label, shown, [found[metric, size] for size in shown], colour))
        ticks = [(float(size), str(size)) for size in sorted(sizes)]
        if any(line.x for line in lines):
            panels.append(Panel(title, "person crop (pixels)", "mm", lines, ticks, log_x=True, markers=True))
    counts = sorted({len(method.complete) for method in methods if method.complete})
    words = "Lower is better. Shaded: 95 % confidence interval over seeds (Student's t)."
    if counts == [1]:
        words = "Lower is better. One seed each, so there are no confidence intervals."
    return Section("Error against resolution", words, [Chart("error_vs_resolution", panels)] if panels else [])


def _line(label: str, x: Sequence[float], values: Sequence[Estimate], colour: int) -> Series:
    means = [value.mean for value in values]
    if any(value.half_width is None for value in values):
        return Series(label, x, means, colour=colour)
    low = [value.mean - (value.half_width or 0) for value in values]
    high = [value.mean + (value.half_width or 0) for value in values]
    return Series(label, x, means, low, high, colour)


def ablation_section(methods: Sequence[Method], baseline: Method | None) -> Section:
    """Method against resolution, one table per metric; the best of a column bold, deltas to the baseline."""
    sizes, others = sizes_of(methods), rivals(methods)
    if baseline is None:
        return Section("Errors by method and resolution", "No run has errors of bodies.")
    reference = errors_of(baseline)
    tables: list[Block] = []
    for metric, title in TITLES.items():
        columns = [*sizes, MEAN]
        values: dict[str, dict[int, Estimate]] = {}
        for name, rows in others.items():
            known = {size: Estimate(rows[size][metric], None, 1) for size in sizes if metric in rows.get(size, {})}
            if known:
                mean = sum(value.mean for value in known.values()) / len(known)
                values[name] = known | {MEAN: Estimate(mean, None, 1)}
        for method in methods:
            found = errors_of(method)
            values[method.label] = {size: found[metric, size] for size in columns if (metric, size) in found}
        best = {c: min((row[c].mean for row in values.values() if c in row), default=0) for c in columns}
        rows = []
        for name, row in values.items():
            if not row:
                continue
            base = (
                {} if name == baseline.label else {c: reference[metric, c] for c in columns if (metric, c) in reference}
            )
            count = max(value.count for value in row.values())
            seeds = "–" if name in others else str(count)
            rows.append([name, seeds, *(_cell(row.get(c), base.get(c), best[c]) for c in columns)])
        if not rows:
            continue
        heads = ["method", "seeds", *(f"{size} px" for size in sizes), "mean"]
        tables.append(Table(heads, rows, f"{title} in mm"))
    words = f"Mean over seeds ± 95 % confidence; small: difference to **{baseline.label}**; bold: best of the column."
    return Section("Errors by method and resolution", words, tables)


def _cell(value: Estimate | None, base: Estimate | None, best: float) -> Cell:
    if value is None:
        return Cell("–")
    if base is None:
        return Cell(str(value), best=value.mean == best)
    delta = value.mean - base.mean
    tone = "good" if delta < -0.05 else "bad" if delta > 0.05 else ""
    return Cell(str(value), value.mean == best, f"{delta:+.1f}".replace("-", "−"), tone)
