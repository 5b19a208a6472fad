"""Run folders found, read, and put together by method."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml

from rscnet import records
from rscnet.config.fingerprint import digest, science_of
from rscnet.errors import UserError
from rscnet.report.differences import differences

Errors = Mapping[int, Mapping[str, float]]
LONGEST_LABEL = 60


@dataclass
class Run:
    """One run folder."""

    folder: Path
    config: Mapping[str, Any]
    result: Mapping[str, Any] | None
    failure: str = ""
    number: int | None = None  # of the job in its sweep

    @property
    def status(self) -> Literal["complete", "unfinished", "failed"]:
        """Failed where a sweep says so, unfinished where there is no result and nobody said why."""
        return "complete" if self.result is not None else "failed" if self.failure else "unfinished"

    @property
    def seed(self) -> int:
        """Of the run."""
        return int(self.config["seed"])

    @property
    def method(self) -> tuple[str, str, str]:
        """What runs that differ only in their seed share: experiment, ablation, digest of the science."""
        if str(self.config["task"]["_target_"]).endswith("evaluate.run"):
            named = self.folder if self.config["output"] else self.folder.parent  # without output= a digest comes last
            return "evaluate", named.name, str(self.config["checkpoint"])
        return self.config["name"], self.config["ablation"], digest(science_of(self.config))

    @property
    def errors(self) -> Errors:
        """In mm by size in pixels and metric; empty without result or bodies."""
        return _by_size((self.result or {}).get("by_size", {}))

    @property
    def rivals(self) -> dict[str, Errors]:
        """Errors of what the run was compared with."""
        return {name: _by_size(rows) for name, rows in (self.result or {}).get("rivals", {}).items()}

    @cached_property
    def provenance(self) -> Mapping[str, Any]:
        """What `provenance.json` says, or nothing."""
        return _json(self.folder / records.PROVENANCE) or {}

    @cached_property
    def rows(self) -> list[dict[str, float]]:
        """The logged rows; a line that was cut off or is no row is passed over."""
        path = self.folder / records.METRICS
        found = []
        for line in path.read_text().splitlines() if path.exists() else ():
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict) and isinstance(row.get("step"), int):
                found.append(row)
        return found

    @property
    def steps(self) -> int:
        """Steps that were logged."""
        return int((self.result or {}).get("steps", max((row["step"] + 1 for row in self.rows), default=0)))


@dataclass
class Method:
    """Runs that differ only in their seed, by seed."""

    label: str
    runs: list[Run] = field(default_factory=list)

    @property
    def complete(self) -> list[Run]:
        """Those with a result."""
        return [run for run in self.runs if run.status == "complete"]

    @property
    def config(self) -> Mapping[str, Any]:
        """Of the first run."""
        return self.runs[0].config


def _by_size(rows: Mapping[str, Mapping[str, float]]) -> dict[int, Mapping[str, float]]:
    return {int(size): row for size, row in rows.items()}


def _json(path: Path) -> dict[str, Any] | None:
    """What a file says; None where it is not there, cut off or says something else."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def find_runs(folders: Iterable[Path]) -> tuple[list[Run], list[str]]:
    """All run folders below the given ones, and jobs of sweeps that failed before they had one.

    Raises:
        UserError: a folder that does not exist, or no run in any.
    """
    found: dict[Path, Run] = {}
    lost: list[str] = []
    folders = list(folders)
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"input: no such folder: {folder}")
        for path in sorted(folder.rglob(records.CONFIG)):
            if (path.parent / records.PROVENANCE).exists():
                run = _read(path)
                if run is not None:
                    found[run.folder.resolve()] = run
        for path in sorted(folder.rglob("jobs/*.json")):
            lost += _tell_job(path, found)
    if not found:
        raise UserError(f"input: no run folder (config.yaml, provenance.json) in {', '.join(map(str, folders))}")
    return list(found.values()), lost


def _read(path: Path) -> Run | None:
    try:
        config = yaml.safe_load(path.read_text())
        task = str(config["task"]["_target_"])
    except (yaml.YAMLError, TypeError, KeyError):
        raise UserError(f"{path}: is no configuration of a run; remove the folder or repair the file") from None
    if not task.startswith(("rscnet.tasks.train", "rscnet.tasks.evaluate")):
        return None
    return Run(path.parent, config, _json(path.parent / records.RESULT))


def _tell_job(path: Path, found: Mapping[Path, Run]) -> list[str]:
    """Notes in its run the number of a sweep's job and why it failed; tells that where there is no run folder."""
    job = _json(path)
    if job is None:
        return []
    run = found.get((path.parents[1] / job["folder"]).resolve()) if job.get("folder") else None
    if run is not None and isinstance(job.get("number"), int):
        run.number = job["number"]
    if job.get("status") != "failed":
        return []
    message = str(job.get("message") or "failed")
    if run is None:
        return [f"{job.get('name', path.stem)}: {message}"]
    run.failure = message
    return []


def methods(runs: Sequence[Run]) -> list[Method]:
    """Runs by method, in order of appearance; each label tells its method from the others.

    A label is the ablation where all runs are of one experiment, else experiment and ablation; configurations that
    share it also show in what they differ.
    """
    groups: dict[tuple[str, str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault(run.method, []).append(run)
    one_experiment = len({key[0] for key in groups}) == 1
    labels = {key: _label(key, one_experiment) for key in groups}
    for label in set(labels.values()):
        same = [key for key in groups if labels[key] == label]
        if len(same) > 1:
            told = differences([groups[key][0].config for key in same])
            for index, key in enumerate(same):
                words = ", ".join(f"{path}={values[index]}" for path, values in told.items())
                labels[key] = f"{label} ({words if 0 < len(words) <= LONGEST_LABEL else key[2]})"
    return [Method(labels[key], sorted(found, key=lambda run: run.seed)) for key, found in groups.items()]


def _label(key: tuple[str, str, str], one_experiment: bool) -> str:
    experiment, ablation, _ = key
    if experiment == "evaluate" or (one_experiment and ablation != "base"):
        return ablation
    return experiment if ablation == "base" else f"{experiment} {ablation}"
