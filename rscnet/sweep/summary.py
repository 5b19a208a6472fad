"""What became of a sweep: `sweep.json` in its folder, a table on the screen, failures by name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from rscnet import records
from rscnet.console import say
from rscnet.errors import UserError
from rscnet.sweep.jobs import group_of

SUMMARY = "sweep.json"


def read_jobs(folder: Path) -> list[dict[str, Any]]:
    """The records of all jobs, in the order in which they were asked for."""
    found = [json.loads(path.read_text()) for path in (folder / "jobs").glob("*.json")]
    return sorted(found, key=lambda job: (job["number"], job["name"]))


def write_summary(folder: Path, words: Sequence[str]) -> None:
    """Writes `sweep.json` and shows it; a sweep without a job leaves nothing."""
    jobs = read_jobs(folder)
    if not jobs:
        return
    counts = {status: sum(job["status"] == status for job in jobs) for status in ("complete", "failed", "running")}
    records.write_json(
        folder / SUMMARY,
        {"name": folder.parent.name, "group": group_of(folder), "words": list(words)}
        | counts
        | {"provenance": records.provenance(), "jobs": jobs},
    )
    shown = Table(title=f"{folder.parent.name}: {counts['complete']} of {len(jobs)} jobs complete")
    shown.add_column("job", no_wrap=True)
    shown.add_column("status")
    textures = any((job["value"] or 0) < 0 for job in jobs)  # see `records.main_figure`
    for title in ("-PSNR or -SSIM" if textures else "PA-MPJPE", "seconds"):
        shown.add_column(title, justify="right")
    for job in jobs:
        value = "" if job["value"] is None else f"{job['value']:.1f}"
        seconds = "" if job["seconds"] is None else f"{job['seconds']:.0f}"
        shown.add_row(job["name"], job["status"], value, seconds)
    say(shown)


def report_failures(folder: Path) -> None:
    """Ends a sweep that is not complete.

    Raises:
        UserError: names the jobs that failed, and where they tell why.
    """
    bad = [job for job in read_jobs(folder) if job["status"] != "complete"]
    if bad:
        told = [
            f"{job['name']}: {job['message']}" + (f" (see {folder / job['log']})" if job["log"] else "") for job in bad
        ]
        told.append(f"sweep: {len(bad)} jobs failed; the same command runs only what is missing")
        raise UserError("\n".join(told))
