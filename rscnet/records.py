"""What a run leaves behind beside its weights: configuration, provenance, metrics and results, always written."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml
from pytorch_lightning.loggers.logger import Logger, rank_zero_experiment
from pytorch_lightning.utilities import rank_zero_only

from rscnet.files import write_atomically
from rscnet.ranks import is_rank_zero

CONFIG, PROVENANCE, METRICS, RESULT = "config.yaml", "provenance.json", "metrics.jsonl", "result.json"
MAIN_FIGURES = {"pa_mpjpe": 1, "uv_hidden": -1, "ssim_novel": -1}
PACKAGES = ("torch", "numpy", "pytorch-lightning", "torchmetrics", "hydra-core", "smplx", "albumentations", "rscnet")


def write_text(path: Path, text: str) -> None:
    """Writes a text file whole or not at all, on the first rank only."""
    if is_rank_zero():
        write_atomically(path, lambda file: file.write_bytes(text.encode()))


def write_json(path: Path, content: Any) -> None:
    """Writes JSON whole or not at all."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """The composed configuration, resolved."""
    write_text(folder / CONFIG, yaml.safe_dump(dict(config), sort_keys=False, width=120))


def keyed_by_text(rows: Mapping[int, dict[str, float]]) -> dict[str, dict[str, float]]:
    """A table by size as JSON has it."""
    return {str(size): row for size, row in rows.items()}


def mean_over_sizes(rows: Mapping[Any, Mapping[str, float]], name: str) -> float | None:
    """A figure's mean over the sizes that have it; None where none has."""
    values = [row[name] for row in rows.values() if name in row]
    return sum(values) / len(values) if values else None


def main_figure(folder: Path) -> float | None:
    """What a finished run is judged by, lower is better: the mean over the evaluation sizes of PA-MPJPE in millimetres,
    for textures of the negative PSNR of hidden texels, or where nobody knows the texture of the negative SSIM of other
    views; None for other networks."""
    by_size = json.loads((folder / RESULT).read_text()).get("by_size", {})
    for name, sign in MAIN_FIGURES.items():
        mean = mean_over_sizes(by_size, name)
        if mean is not None:
            return sign * mean
    return None


def provenance() -> dict[str, Any]:
    """Code, versions, command and machine of this process."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    return {
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "packages": versions,
    }


def _git(*words: str) -> str | None:
    try:
        folder = Path(__file__).resolve().parent
        done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


class JsonLinesLogger(Logger):
    """One JSON object per logging step in `metrics.jsonl`; a resumed run goes on without gap or repetition.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.path = Path(folder) / METRICS

    @property
    def name(self) -> str:
        return "jsonl"

    @property
    def version(self) -> str:
        return ""

    @property
    @rank_zero_experiment
    def experiment(self) -> Path:
        """The file."""
        return self.path

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """The configuration is a file of its own."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Appends one line."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        row = {"step": step, **{name: float(value) for name, value in metrics.items()}}
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    @rank_zero_only
    def rewind(self, step: int) -> None:
        """Drops what was logged at `step` or later, which the run is about to log again."""
        if not self.path.exists():
            return
        kept = [line for line in self.path.read_text().splitlines() if _step_of(line) < step]
        write_text(self.path, "".join(line + "\n" for line in kept))


def last_logged(folder: Path) -> dict[str, float]:
    """The last value of everything that a run has logged; empty without a log."""
    path = folder / METRICS
    last: dict[str, float] = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        if _step_of(line) < float("inf"):
            last |= json.loads(line)
    last.pop("step", None)
    return last


def logged(folder: Path, step: int) -> bool:
    """Whether a run has logged a row of a step."""
    path = folder / METRICS
    return path.exists() and any(_step_of(line) == step for line in path.read_text().splitlines())


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):  # a line that was cut off when the process was killed
        return float("inf")
