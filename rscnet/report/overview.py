"""The whole report: what was found, its sections in order, and the lines that stand above them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rscnet.report.differences import differences
from rscnet.report.document import Cell, Document, Picture, Section, Table
from rscnet.report.errors import MEAN, ablation_section, error_section, errors_of, known_baseline, ordered
from rscnet.report.runs import Method, Run, find_runs, methods
from rscnet.report.training import coefficient_section, cost_section, curve_section


def compile_report(folders: Sequence[Path], baseline: str | None, baselines: Sequence[str]) -> Document:
    """The report of all runs under some folders.

    Args:
        folders: searched through.
        baseline: label of the method that others are compared with; None takes the first of `baselines` that is there.
        baselines: see `rscnet.report.errors.ordered`.

    Raises:
        UserError: no runs, or a baseline that is none of them.
    """
    runs, lost = find_runs(folders)
    found = methods(runs)
    if baseline is not None:
        known_baseline(found, baseline)
    found, reference = ordered(found, baselines if baseline is None else [baseline])
    return Document(
        f"rscnet report: {' and '.join(_title(folder) for folder in folders)}",
        _summary(found, reference, runs, lost),
        [
            error_section(found),
            ablation_section(found, reference),
            curve_section(found),
            coefficient_section(found),
            picture_section(found),
            cost_section(found),
            difference_section(found),
            run_section(found, lost),
        ],
    )


def _title(folder: Path) -> str:
    parts = folder.resolve().parts
    return "/".join(parts[-2:])


def _summary(found: Sequence[Method], baseline: Method | None, runs: Sequence[Run], lost: Sequence[str]) -> list[str]:
    """Counts, the best method, and what a reader must know before comparing."""
    counts = {state: [run for run in runs if run.status == state] for state in ("complete", "unfinished", "failed")}
    lines = [f"{len(counts['complete'])} of {len(runs) + len(lost)} runs of {len(found)} methods are complete."]
    for state in ("failed", "unfinished"):
        if named := [f"{m.label} seed {run.seed}" for m in found for run in m.runs if run in counts[state]]:
            lines.append(f"**{state.capitalize()}**: {', '.join(named)}.")
    if lost:
        lines.append(f"**Failed before they began**: {'; '.join(lost)}.")
    measured = [(errors_of(method), method.label) for method in found]
    ranked = sorted(
        (errors["pa_mpjpe", MEAN].mean, label) for errors, label in measured if ("pa_mpjpe", MEAN) in errors
    )
    if ranked and baseline is not None:
        value, label = ranked[0]
        delta = value - errors_of(baseline)["pa_mpjpe", MEAN].mean
        change = f"{delta:+.1f} mm".replace("-", "−")
        versus = "" if label == baseline.label else f", {change} to {baseline.label}"
        lines.append(f"Lowest PA-MPJPE, mean over sizes: **{label}**, {value:.1f} mm{versus}.")
    results = [run.result for run in counts["complete"] if run.result and "split" in run.result]
    protocols = {(result["split"], result["samples"]) for result in results}
    if len(protocols) > 1:
        told = ", ".join(f"{samples} samples of {split}" for split, samples in sorted(protocols))
        lines.append(f"**Not comparable**: runs were measured on different people ({told}).")
    return lines


def picture_section(methods: Sequence[Method]) -> Section:
    """The panel of each run: what the network saw and said at each size."""
    shown = [
        Picture(run.folder / "panel.png", f"{method.label}, seed {run.seed}", folded=index > 0)
        for method in methods
        for index, run in enumerate(method.complete)
        if (run.folder / "panel.png").exists()
    ]
    words = (
        "Test people at each resolution, the predicted body over each, the true body and the prediction from the side."
    )
    return Section("Pictures", words if shown else "No run has a panel.", shown)


def difference_section(methods: Sequence[Method]) -> Section:
    """The keys in which the configurations of methods differ."""
    found = differences([method.config for method in methods])
    rows = [[path, *values] for path, values in found.items()]
    if not rows:
        return Section(
            "Configurations", "All methods ran with one configuration." if len(methods) > 1 else "One method."
        )
    words = "Only what differs; – where a configuration has no such node."
    return Section("Configurations", words, [Table(["key", *(method.label for method in methods)], rows)])


def run_section(methods: Sequence[Method], lost: Sequence[str]) -> Section:
    """Every run with its state; what failed says why."""
    rows = []
    for method in methods:
        for run in method.runs:
            commit = str(run.provenance.get("commit") or "")[:10]
            dirty = " + changes" if run.provenance.get("uncommitted_changes") else ""
            tone = {"complete": "good", "failed": "bad"}.get(run.status, "")
            state = Cell(run.status, note=run.failure, tone=tone)  # type: ignore[arg-type]
            started = str(run.provenance.get("started", ""))
            rows.append([method.label, str(run.seed), state, str(run.steps), commit + dirty, started, str(run.folder)])
    rows += [
        [*line.split(": ", 1)[:1], "", Cell("failed", note=line.split(": ", 1)[-1], tone="bad"), "0", "", "", ""]
        for line in lost
    ]
    return Section("Runs", "", [Table(["method", "seed", "state", "steps", "code", "started", "folder"], rows)])
