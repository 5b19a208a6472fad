"""Writes docs/results.md and docs/results.json: the shipped weights by resolution, and what sweeps measured.

    python -m rscnet.run -m sweep=ablation_components preset=cpu64 paths.output=outputs/ablation
    python -m rscnet.run -m sweep=ablation_beyond preset=cpu64 paths.output=outputs/beyond
    python scripts/results.py outputs/ablation --beyond outputs/beyond

The evaluation of the weights is reused as long as its words and the weights are the same.
A part for which no sweep is given stays as it stands in both files, for new weights.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rscnet import records
from rscnet.config.fingerprint import portable_words
from rscnet.console import say
from rscnet.errors import UserError
from rscnet.failures import guarded
from rscnet.render.figures import TITLES
from rscnet.report.document import Chart, Document, Section
from rscnet.report.errors import (
    MEAN,
    ablation_section,
    error_section,
    errors_of,
    known_baseline,
    ordered,
    rivals,
    sizes_of,
)
from rscnet.report.markdown import write_markdown
from rscnet.report.runs import Method, find_runs, methods
from rscnet.report.training import coefficient_section, cost_section
from rscnet.trained import find

WEIGHTS, START = "rsc_small", "hr_small"
BASELINES = {"ablation": "hr_only", "beyond": "rsc_full"}
HEADINGS = {"ablation": "Ablation", "beyond": "Beyond the paper"}  # what headings of a part's sections begin with
ASKED = "asked.json"  # beside an evaluation: what it was made of
EVALUATE = ["task=evaluate", f"checkpoint={WEIGHTS}", f"+evaluation.rivals.{START}={START}"]


def asked(words: Sequence[str]) -> dict[str, Any]:
    """What the figures depend on: the words of the evaluation, and digests of the weights that it measures.

    Raises:
        UserError: weights that do not ship.
    """
    files = {name: find(name).read_bytes() for name in (WEIGHTS, START)}
    digests = {name: hashlib.blake2b(content, digest_size=8).hexdigest() for name, content in files.items()}
    return {"words": [*EVALUATE, *words], "weights": digests}


def measured_weights(folder: Path, words: Sequence[str]) -> Method:
    """The shipped weights on the embedded test people, beside full resolution only and the mean pose.

    Raises:
        UserError: the evaluation failed.
    """
    wanted, record = asked(words), folder / ASKED
    known = record.exists() and (folder / records.RESULT).exists()
    if not known or json.loads(record.read_text()) != wanted:
        record.unlink(missing_ok=True)  # it must not vouch for what an interrupted evaluation leaves
        command = [sys.executable, "-m", "rscnet.run", *EVALUATE, f"output={folder}", *words]
        if subprocess.run(command).returncode:
            raise UserError(f"{' '.join(command[1:])}: failed; its message stands above")
        records.write_json(record, wanted)
    runs, _ = find_runs([folder])
    return Method(WEIGHTS, runs)


def renamed(section: Section, title: str, name: str) -> Section:
    """A section under another heading, its chart in a picture of its own."""
    blocks = [dataclasses.replace(b, name=f"pictures/{name}") if isinstance(b, Chart) else b for b in section.blocks]
    return Section(title, section.words, blocks)


def by_metric(found: Sequence[Method]) -> dict[str, dict[str, dict[str, float]]]:
    """Means over seeds in mm by metric, method and size in pixels."""
    tables: dict[str, dict[str, dict[str, float]]] = {metric: {} for metric in TITLES}
    for label, rows in rivals(found).items():
        name = "hr_baseline" if label == START else label  # by the experiment that made it
        for metric in TITLES:
            tables[metric][name] = {str(size): rows[size][metric] for size in sizes_of(found)}
    for method in found:
        for (metric, size), value in errors_of(method).items():
            if size != MEAN:
                tables[metric].setdefault(method.label, {})[str(size)] = value.mean
    return tables


def intervals(found: Sequence[Method]) -> dict[str, dict[str, dict[str, Mapping[str, Any]]]]:
    """Mean, half width of the 95 % interval and number of seeds, by metric, method and size; "mean" is over sizes."""
    tables: dict[str, dict[str, dict[str, Mapping[str, Any]]]] = {metric: {} for metric in TITLES}
    for method in found:
        for (metric, size), value in errors_of(method).items():
            row = tables[metric].setdefault(method.label, {})
            row["mean" if size == MEAN else str(size)] = dataclasses.asdict(value)
    return tables


def sweep_commands(folders: Sequence[Path]) -> list[str]:
    """The commands of all sweeps below some folders, as their records have them."""
    paths = [path for folder in folders for path in sorted(folder.rglob("sweep.json"))]
    return [f"python -m rscnet.run -m {portable_words(json.loads(path.read_text())['words'])}" for path in paths]


@dataclasses.dataclass(frozen=True)
class Part:
    """Sections of sweeps, or of an earlier page as they stand there; intervals for machines; and what made them."""

    sections: list[Section]
    figures: dict[str, Any]
    commands: list[str]
    commits: list[str]


def standing(name: str, docs: Path) -> Part:
    """The part of an earlier call; empty where there is none.

    Raises:
        UserError: one of the two files without the other, or a file that this script did not write.
    """
    page, machine = docs / "results.md", docs / "results.json"
    if not page.exists() and not machine.exists():
        return Part([], {}, [], [])
    try:
        figures = json.loads(machine.read_text())
        commands, commits = figures["commands"][name], figures["machine"][f"{name}_commits"]
        text = page.read_text()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{docs}: results.md and results.json do not belong together or are not by this script "
            f"({type(error).__name__}: {error}); restore both, or remove both and give all sweeps"
        ) from None
    written = (section.partition("\n") for section in text.split("\n## ")[1:])
    sections = [Section(t, text.strip(), []) for t, _, text in written if t.startswith(f"{HEADINGS[name]}: ")]
    return Part(sections, figures[name], commands, commits)


def measured(name: str, sweeps: Sequence[Path]) -> Part:
    """The part that some sweeps make; the paper's with learned coefficients and cost. What has no result is said.

    Raises:
        UserError: no method of the baseline's name, as in a folder where sweeps of several settings lie.
    """
    runs, lost = find_runs(sweeps)
    stopped = (run for run in runs if run.status != "complete")
    for line in [*lost, *(f"{run.folder}: {run.status}{run.failure and f', {run.failure}'}" for run in stopped)]:
        say(f"left out: {line}")
    found = methods(runs)
    known_baseline(found, BASELINES[name], ", ".join(map(str, sweeps)))
    found, baseline = ordered(found, [BASELINES[name]])
    heading = HEADINGS[name]
    sections = [
        renamed(error_section(found), f"{heading}: error against resolution", f"results_{name}"),
        renamed(ablation_section(found, baseline), f"{heading}: in figures", ""),
    ]
    if name == "ablation":
        title = f"{heading}: learned coefficients"
        sections.append(renamed(coefficient_section(found), title, "results_coefficients"))
        sections.append(renamed(cost_section(found), f"{heading}: cost", ""))
    commits = {str(run.provenance.get("commit")) for method in found for run in method.complete}
    return Part(sections, intervals(found), sweep_commands(sweeps), sorted(c[:7] for c in commits))


def write_page(weights: Method, parts: Mapping[str, Part], commands: Sequence[str], path: Path) -> None:
    """Weights, then the parts."""
    shown = ", ".join(f"`{command}`" for command in commands)
    told = f"Written by `make results`; what the figures mean: [findings](findings.md). From: {shown}."
    for name, part in parts.items():
        if part.commits:
            told += f" Commit of _{HEADINGS[name]}_, and of the weights that it starts from: {', '.join(part.commits)}."
    first = [
        renamed(error_section([weights]), "Shipped weights: error against resolution", "results_weights"),
        renamed(ablation_section([weights], weights), "Shipped weights: in figures", ""),
    ]
    sections = [*first, *(section for part in parts.values() for section in part.sections)]
    write_markdown(Document("Results", [told], sections), path)


@guarded
def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ablation", nargs="*", type=Path, help="folders of sweeps of the paper's parts")
    parser.add_argument("--beyond", action="append", default=[], type=Path, help="a folder of sweeps beyond the paper")
    parser.add_argument("--evaluation", type=Path, default=Path("outputs/results"), help="of the weights")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="where results.md and results.json go")
    parser.add_argument("--words", nargs="*", default=[], help="for the evaluation, as people.test=100")
    arguments = parser.parse_args()
    weights = measured_weights(arguments.evaluation, arguments.words)
    given = {"ablation": arguments.ablation, "beyond": arguments.beyond}
    parts = {
        name: measured(name, sweeps) if sweeps else standing(name, arguments.docs) for name, sweeps in given.items()
    }
    commands = {"weights": [f"python -m rscnet.run {' '.join([*EVALUATE, *arguments.words])}"]}
    commands |= {name: part.commands for name, part in parts.items()}
    machine = {key: weights.complete[0].provenance.get(key) for key in ("commit", "platform", "cpus", "packages")}
    machine |= {f"{name}_commits": part.commits for name, part in parts.items()}
    figures = by_metric([weights]) | {name: part.figures for name, part in parts.items()}
    write_page(weights, parts, [c for part in commands.values() for c in part], arguments.docs / "results.md")
    records.write_json(arguments.docs / "results.json", figures | {"commands": commands, "machine": machine})
    say(f"written: {arguments.docs}/results.md, results.json")


if __name__ == "__main__":
    main()
