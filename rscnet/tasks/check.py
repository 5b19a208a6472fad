"""Validation of a whole experiment without training: files, sizes, schedule, batch arithmetic."""

from __future__ import annotations

import shutil
from pathlib import Path

from rich.table import Table

from rscnet.config.build import build
from rscnet.config.fingerprint import run_folder
from rscnet.config.schema import RunConfig
from rscnet.console import say
from rscnet.data.synthetic.people import SyntheticPeople
from rscnet.errors import UserError
from rscnet.losses.schedules import LinearRamp
from rscnet.resolution import ResolutionSet
from rscnet.tasks.common import build_data, set_up_process
from rscnet.trained import initialise

BYTES_PER_PICTURE = 45_000
"""Disk of one cached embedded person at 112 px; grows with the square of the size."""


def run(config: RunConfig) -> None:
    """Builds everything, loads the start weights, and prints what training would do.

    Raises:
        UserError: anything that would stop the run later.
    """
    set_up_process(config)
    plain = config.plain()
    resolution: ResolutionSet = build(plain["resolution"], "resolution")
    data = build_data(plain)
    data.require("train", "val", "test")
    module = build(plain["model"], "model")
    parameters = sum(p.numel() for p in module.network.parameters())
    say(f"experiment {config.name}, preset {config.preset}, run folder {run_folder(config)}")
    say(f"network {type(module.network).__name__}: {parameters / 1e6:.2f} M parameters, input {config.image_size} px")
    if config.init_from not in (None, "none"):
        say(initialise(module.network, str(config.init_from), plain["init_allow"]))
    say(f"resolutions {resolution.ranges}, evaluated at {resolution.eval_sizes}")
    length = len(data.train)
    ramp = LinearRamp(data.curriculum.ramp_length(length), plain["model"].get("ramp", "up"))
    shown = Table(title=f"{length} training samples, {data.curriculum.total_steps(length)} steps")
    for title in ("epoch", "stage", "views", "batch", "pictures per step", "steps", "ramp at its end"):
        shown.add_column(title, justify="right")
    for epoch in data.epochs:
        cells = (epoch.number, epoch.stage, epoch.views, epoch.batch_size, epoch.batch_size * epoch.views, epoch.steps)
        shown.add_row(*map(str, cells), f"{ramp(epoch.first_step + epoch.steps):.3f}")
    say(shown)
    if isinstance(data.train, SyntheticPeople):
        _check_disk(config, length)
    say("everything is in place")


def _check_disk(config: RunConfig, length: int) -> None:
    needed = length * BYTES_PER_PICTURE * (config.image_size / 112) ** 2
    folder = Path(config.paths.output).resolve()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"paths.output: {folder} has {free / 1e9:.1f} GB free, the cache may need {needed / 1e9:.1f} GB; "
            "lower data.train.length or set paths.cache"
        )
