"""The results as files: `benchmarks.json`, `benchmarks.md` and the picture of the cost curves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

JSON, MARKDOWN, PICTURE = "benchmarks.json", "benchmarks.md", "pictures/cost_curves.png"
ROWS = (
    "contrastive", "train_step_fp32", "train_step_bf16", "body_and_losses", "data_loading", "evaluation", "prediction",
)  # fmt: skip
WHY = "why_missed.json"
"""Beside `bench`: for each row or figure that misses its target the reason, written by hand."""


def write(folder: Path, results: dict[str, Any]) -> None:
    """All files; `results` is what `benchmarks.json` holds."""
    folder.mkdir(parents=True, exist_ok=True)
    results["ratios"] = {name: results["rows"][name]["ratio"] for name in ROWS if name in results["rows"]}
    (folder / JSON).write_text(json.dumps(results, indent=1) + "\n")
    if "curves" in results:
        (folder / PICTURE).parent.mkdir(parents=True, exist_ok=True)
        picture(results["curves"]).savefig(folder / PICTURE, dpi=110)
    (folder / MARKDOWN).write_text(markdown(results))


def read(folder: Path) -> dict[str, Any]:
    """What an earlier run wrote, or nothing."""
    path = folder / JSON
    return json.loads(path.read_text()) if path.is_file() else {"rows": {}}


def markdown(results: dict[str, Any]) -> str:
    """The tables."""
    reasons = json.loads((Path(__file__).with_name(WHY)).read_text())
    machine, rows = results["machine"], results["rows"]
    quick = "**A quick run on tiny sizes: its figures mean nothing.**\n\n" if results["quick"] else ""
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items() if number)
    head = f"""# Benchmarks

{quick}Written by `make bench` (`scripts/benchmark.py`). Rivals are plain implementations of what the original does,
written from a description of it (`scripts/bench/rivals`, benchmark-only code); before anything is timed, both must give
the same numbers. Rival and ours take turns in one process, but for the
training step (see there); times are the best of their rounds, medians are in
`benchmarks.json`.

Machine: {machine["processor"]}, {machine["cores"]} cores, {machine["threads"]} threads, {machine["capability"]}
({"with" if machine["bf16_instructions"] else "without"} bf16 instructions); Python {machine["python"]}, {versions};
{machine["date"]}, load {machine["load_before"]:.2f} before the run.

| part | rival | ours | times faster | target | |
|---|---|---|---|---|---|
"""
    lines = [_row(rows[name]) for name in ROWS if name in rows]
    sections = [head + "\n".join(lines) + "\n", _agreement(rows)]
    missed = [f"- **{name}**: {reasons.get(name, 'no reason known yet')}" for name in missed_targets(results)]
    told = "Reasons as found on two cores of an AMD EPYC (`scripts/bench/why_missed.json`).\n\n"
    sections.append("## Missed targets\n\n" + (told + "\n".join(missed) if missed else "None.") + "\n")
    if "encoder" in results:
        sections.append(_encoder(results["encoder"]))
    if "rasteriser" in results:
        sections.append(_rasteriser(results["rasteriser"]))
    if "curves" in results:
        sections.append(_curves(results["curves"]))
    sections.append("## On a GPU\n\nNot measured: no GPU was at hand.\n")
    return "\n".join(sections)


def missed_targets(results: dict[str, Any]) -> list[str]:
    """Names of the rows and figures that stay below what was asked for."""
    rows = results["rows"]
    missed = [name for name in ROWS if name in rows and rows[name]["ratio"] < rows[name]["target"]]
    if "contrastive" in rows and not rows["contrastive"]["figures"]["memory_met"]:
        missed.append("contrastive_memory")
    met = results.get("encoder", {}).get("met", {})
    return missed + [f"encoder_{name}" for name, reached in met.items() if not reached]


def picture(curves: dict[str, Any]) -> Figure:
    """One panel for each curve, both axes logarithmic."""
    figure = Figure(figsize=(11, 3.0), layout="constrained")
    panels = figure.subplots(1, len(curves))
    for axes, curve in zip(panels, curves.values(), strict=True):
        costs = [1000 * cost for cost in curve["seconds"]]
        axes.loglog(curve["sizes"], costs, "o-", color="#2f5d8a")
        axes.set(xlabel=curve["title"], ylabel="milliseconds", title=f"exponent {curve['exponent']:.2f}")
        axes.set_xticks(curve["sizes"], [f"{size:g}" for size in curve["sizes"]], rotation=30)
        axes.set_yticks(
            [min(costs), max(costs)],
            [f"{cost:,.0f}" if cost >= 10 else f"{cost:.1f}" for cost in (min(costs), max(costs))],
        )
        axes.minorticks_off()
        axes.grid(True, color="#dddddd")
    return figure


def _row(row: dict[str, Any]) -> str:
    times = " | ".join(_time(row[side]["best"]) for side in ("rival", "ours"))
    mark = "met" if row["ratio"] >= row["target"] else "**missed**"
    return f"| {row['title']} | {times} | **{row['ratio']:.1f}** | {row['target']:g} | {mark} |"


def _agreement(rows: dict[str, Any]) -> str:
    lines = ["## What each row means", ""]
    for name in ROWS:
        if name not in rows:
            continue
        row = rows[name]
        lines.append(f"- **{name}**: largest difference {row['difference']:.1e} ({row['agreement']}).")
        lines += [f"  {note}" for note in row["notes"]]
        figures = "; ".join(f"{key.replace('_', ' ')} {_figure(value)}" for key, value in row["figures"].items())
        lines += [f"  Also: {figures}."] if figures else []
    return "\n".join(lines) + "\n"


def _encoder(found: dict[str, Any]) -> str:
    lines = [f"## Share of the machine's peak\n\n{found['title']}: {found['gflop']:.0f} GFLOP.\n"]
    lines += ["| | seconds | GFLOP/s | peak of a matrix product | share | target |", "|---|---|---|---|---|---|"]
    for name, share in found["share_of_peak"].items():
        peak = found["peak_gflops"][name.split("_")[-1]]
        target = f"{found['target']:.0%}" if name in found["met"] else "-"
        speed, taken = found["reached_gflops"][name], found["seconds"][name]
        lines.append(f"| {name.replace('_', ', ')} | {taken:.2f} | {speed:.0f} | {peak:.0f} | {share:.0%} | {target} |")
    return "\n".join(lines) + "\n"


def _rasteriser(found: dict[str, Any]) -> str:
    lines = [f"## Rasteriser\n\n{found['title']}.\n", "| renderer | time | pixels covered alike |", "|---|---|---|"]
    for name, taken in found["seconds"].items():
        alike = found["pixels_covered_alike"].get(name)
        lines.append(f"| {name} | {_time(taken)} | {'-' if alike is None else f'{alike:.2%}'} |")
    if found["fastest_other"]:
        fraction = found["speed_as_fraction_of_fastest"]
        lines.append(f"\nOurs runs at {fraction:.2f} times the speed of the fastest other, {found['fastest_other']}.")
    return "\n".join(lines + [f"\n{note}." for note in found["notes"]]) + "\n"


def _curves(curves: dict[str, Any]) -> str:
    lines = [f"## Cost curves\n\n![time of a step against its sizes]({PICTURE})\n"]
    lines += ["Training step in fp32 (batch 2 where the batch does not vary).\n", "| along | exponent |", "|---|---|"]
    lines += [f"| {curve['title']} | {curve['exponent']:.2f} |" for curve in curves.values()]
    return "\n".join(lines) + "\n"


def _time(taken: float) -> str:
    return f"{taken:.2f} s" if taken >= 1 else f"{1000 * taken:.3g} ms"


def _figure(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_figure(part)}" for key, part in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)
