"""Writes docs/results.md and docs/results.json: the shipped weights by resolution, and the ablation of a sweep.

    python -m rscnet.run -m sweep=ablation_components preset=cpu64
    python scripts/results.py outputs/sweeps/ablation_components/<digest>

The evaluation of the weights is reused as long as its words and the weights are the same.
Without a sweep the ablation that stands in both files stays as it is, for new weights.
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
from rscnet.report.errors import MEAN, ablation_section, error_section, errors_of, ordered, rivals, sizes_of
from rscnet.report.markdown import write_markdown
from rscnet.report.runs import Method, find_runs, methods
from rscnet.report.training import coefficient_section, cost_section
from rscnet.trained import find

WEIGHTS, START = "rsc_small", "hr_small"
ABLATION = "Ablation: "  # what the headings of its sections begin with
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
class Ablation:
    """Sections of a sweep, or of an earlier page as they stand there; intervals for machines; and what made it."""

    sections: list[Section]
    standing: str
    figures: dict[str, Any]
    commands: list[str]
    commits: list[str]


def standing(docs: Path) -> Ablation:
    """The ablation of an earlier call; empty where there is none."""
    page, machine = docs / "results.md", docs / "results.json"
    if not page.exists() or not machine.exists():
        return Ablation([], "", {}, [], [])
    _, heading, text = page.read_text().partition(f"\n## {ABLATION}")
    figures = json.loads(machine.read_text())
    commits = figures.get("machine", {}).get("ablation_commits", [])
    return Ablation([], heading + text, figures.get("ablation", {}), figures.get("commands", [])[1:], commits)


def measured(sweeps: Sequence[Path]) -> Ablation:
    """The ablation of some sweeps."""
    found, baseline = ordered(methods(find_runs(sweeps)[0]), ["hr_only"])
    sections = [
        renamed(error_section(found), f"{ABLATION}error against resolution", "results_ablation"),
        renamed(ablation_section(found, baseline), f"{ABLATION}in figures", ""),
        renamed(coefficient_section(found), f"{ABLATION}learned coefficients", "results_coefficients"),
        renamed(cost_section(found), f"{ABLATION}cost", ""),
    ]
    commits = {str(run.provenance.get("commit")) for method in found for run in method.complete}
    return Ablation(sections, "", intervals(found), sweep_commands(sweeps), sorted(c[:7] for c in commits))


@guarded
def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweeps", nargs="*", type=Path, help="folders of sweeps, searched through")
    parser.add_argument("--evaluation", type=Path, default=Path("outputs/results"), help="of the weights")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="where results.md and results.json go")
    parser.add_argument("--words", nargs="*", default=[], help="for the evaluation, as people.test=100")
    arguments = parser.parse_args()
    weights = measured_weights(arguments.evaluation, arguments.words)
    ablation = measured(arguments.sweeps) if arguments.sweeps else standing(arguments.docs)
    commands = [f"python -m rscnet.run {' '.join([*EVALUATE, *arguments.words])}", *ablation.commands]
    parts = [
        renamed(error_section([weights]), "Shipped weights: error against resolution", "results_weights"),
        renamed(ablation_section([weights], weights), "Shipped weights: in figures", ""),
        *ablation.sections,
    ]
    shown = ", ".join(f"`{command}`" for command in commands)
    told = f"Written by `make results`; what the figures mean: [findings](findings.md). From: {shown}."
    if ablation.commits:
        told += f" Commit of the ablation, and of the weights that it starts from: {', '.join(ablation.commits)}."
    write_markdown(Document("Results", [told], parts), arguments.docs / "results.md", ablation.standing)
    machine = {key: weights.complete[0].provenance.get(key) for key in ("commit", "platform", "cpus", "packages")}
    machine["ablation_commits"] = ablation.commits
    figures = {**by_metric([weights]), "ablation": ablation.figures, "commands": commands, "machine": machine}
    records.write_json(arguments.docs / "results.json", figures)
    say(f"written: {arguments.docs}/results.md, results.json")


if __name__ == "__main__":
    main()
