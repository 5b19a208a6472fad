"""One job of a sweep: a single run in a fresh process, with a record of how it ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rscnet import records
from rscnet.config.compose import compose
from rscnet.config.fingerprint import run_folder
from rscnet.config.schema import RunConfig
from rscnet.console import say
from rscnet.errors import UserError
from rscnet.ranks import is_rank_zero
from rscnet.sweep.stopping import stop_asked, wait_for

TRAIN = "rscnet.tasks.train.run"
# what a training sets for its own processes; a job that inherited it would take itself for one of them
OF_ANOTHER_RUN = (
    "RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT",
    "PL_GLOBAL_SEED",
)  # fmt: skip
GROUP = "RSCNET_SWEEP"
"""Variable that tells a job the sweep it belongs to; loggers group its runs by it."""


@dataclass
class Job:
    """What is known of a job; kept as `jobs/<name>.json` of the sweep's folder."""

    name: str
    number: int
    overrides: list[str]
    status: Literal["running", "complete", "failed"] = "running"
    folder: str | None = None
    value: float | None = None
    seconds: float | None = None
    exit_code: int | None = None
    pid: int | None = None
    message: str = ""
    log: str = ""

    def write(self, sweep: Path) -> None:
        """Writes the record whole or not at all, on the first rank only."""
        records.write_json(sweep / "jobs" / f"{self.name}.json", asdict(self))


def run_job(words: Sequence[str], sweep: Path, number: int) -> float | None:
    """Runs one job of a sweep unless it is complete already; never raises for a job that fails.

    The run folder lies in the sweep's folder. A training that is complete is not started again; one that was stopped
    goes on. Nothing starts any more once the sweep is asked to stop.

    Returns:
        The figure that the run is judged by (mean PA-MPJPE in millimetres), None where there is none or it failed.
    """
    if stop_asked(sweep):
        return None
    own = [word for word in words if not word.startswith(("sweep=", "hydra"))]
    own.append(f"paths.output='{sweep}'")
    job = Job(f"job{number}", number, own)
    try:
        config = compose(own)
    except UserError as error:
        job.status, job.message = "failed", str(error).splitlines()[0]
        return _ended(job, sweep)
    if config.task.target == TRAIN:
        _identify(job, config, sweep)
        if job.folder and not config.fresh and (sweep / job.folder / records.RESULT).exists():
            earlier = sweep / "jobs" / f"{job.name}.json"
            job.seconds = json.loads(earlier.read_text())["seconds"] if earlier.exists() else None
            job.status, job.exit_code, job.message = "complete", 0, "was complete"
            return _ended(job, sweep)
    started = time.monotonic()
    job.exit_code = _run(job, sweep)
    job.seconds, job.pid = round(time.monotonic() - started, 1), None
    job.status = "complete" if job.exit_code == 0 else "failed"
    if job.exit_code != 0:
        job.message = "interrupted" if stop_asked(sweep) else _last_words(sweep / job.log, job.exit_code)
    return _ended(job, sweep)


def _identify(job: Job, config: RunConfig, sweep: Path) -> None:
    folder = run_folder(config).relative_to(sweep)
    (sweep / "jobs" / f"{job.name}.json").unlink(missing_ok=True)  # of an earlier try that did not even compose
    job.folder, job.name = str(folder), "-".join(folder.parts)


def _run(job: Job, sweep: Path) -> int:
    """The exit code of a fresh process."""
    job.log = f"jobs/{job.name}.log"
    path = sweep / job.log
    path.parent.mkdir(parents=True, exist_ok=True)
    say(f"job {job.number}: {job.name} starts")
    with path.open("w" if is_rank_zero() else "a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "rscnet.run", *job.overrides],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=clean_environment(os.environ) | {GROUP: group_of(sweep)},
            start_new_session=True,  # Ctrl-C is for the sweep, which tells its jobs
        )
        job.pid = process.pid
        job.write(sweep)
        return wait_for(process, sweep)


def group_of(sweep: Path) -> str:
    """What dashboards call a sweep: its name and the digest of its folder."""
    return f"{sweep.parent.name}-{sweep.name}"


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Environment of a job: nothing that says that it belongs to another training."""
    return {name: value for name, value in environment.items() if name not in OF_ANOTHER_RUN}


def _ended(job: Job, sweep: Path) -> float | None:
    if job.status == "complete" and job.folder:
        job.value = records.main_figure(sweep / job.folder)
    job.write(sweep)
    took = "" if job.seconds is None else f" after {job.seconds:.0f} s"
    say(f"job {job.number}: {job.name} {job.message if job.message == 'was complete' else job.status + took}")
    return job.value


def _last_words(log: Path, exit_code: int) -> str:
    """The error line of a log, else its last line."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error")]
    if exit_code < 0:
        return f"killed by {signal.Signals(-exit_code).name}"
    return (errors or lines or [f"exit code {exit_code}"])[-1].removeprefix("error: ")
