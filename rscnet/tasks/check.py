"""Validation of a whole experiment without training: files, sizes, schedule, batch arithmetic."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.table import Table

from rscnet.config.build import build
from rscnet.config.fingerprint import run_folder
from rscnet.config.schema import RunConfig
from rscnet.console import say
from rscnet.data.catalog import SPIN_WEIGHTS, SPIN_WEIGHTS_URL
from rscnet.data.datamodule import PeopleDataModule
from rscnet.data.mixture import Mixture
from rscnet.data.spin import SpinAnnotations
from rscnet.data.synthetic.people import SyntheticPeople
from rscnet.errors import UserError
from rscnet.learning.texglo import TexGloModule
from rscnet.losses.schedules import LinearRamp
from rscnet.models.rscnet import RSCNet
from rscnet.resolution import ResolutionSet
from rscnet.structures import GENDERS
from rscnet.tasks.common import (
    build_data,
    require_optimizer,
    require_rivals,
    set_up_process,
    sources_of,
    tell_foreign_labels,
)
from rscnet.tasks.estimate import estimate
from rscnet.tasks.textures import require_judges
from rscnet.trained import find, initialise

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
    problems = list(dict.fromkeys(_missing(config)))
    if problems:
        raise UserError("\n".join(problems))
    require_optimizer(plain)
    data = build_data(plain)
    module = build(plain["model"], "model")
    parameters = sum(p.numel() for p in module.network.parameters())
    say(f"experiment {config.name}, preset {config.preset}, run folder {run_folder(config)}")
    say(f"network {type(module.network).__name__}: {parameters / 1e6:.2f} M parameters, input {config.image_size} px")
    if config.init_from not in (None, "none"):
        say(initialise(module.network, str(config.init_from), plain["init_allow"]))
    sets = _annotated_sets(data)
    if sets.row_count:
        say(sets)
        tell_foreign_labels(plain, data)
    say(f"resolutions {resolution.ranges}, evaluated at {resolution.eval_sizes}")
    say(_schedule(data, resolution, plain["model"].get("ramp", "up")))
    if isinstance(module.network, RSCNet):
        require_rivals(config)
        say(str(estimate(module.network, config.image_size, data.epochs)))
    elif isinstance(module, TexGloModule):
        require_judges(config)
    sets = [one for one in sources_of(data.train).values() if isinstance(one, SyntheticPeople)]
    _check_disk(config, sum(one.unrendered() for one in sets))
    _check_processes(plain["trainer"], data)
    say("everything is in place")


def _missing(config: RunConfig) -> Iterator[str]:
    """A line for each file that is not there: bodies, start, data."""
    plain = config.plain()
    bodies = [plain["body"]]
    if "gender" in plain["body"] and (plain["data"].get("protocol") or {}).get("gendered"):
        bodies += [{**plain["body"], "gender": gender} for gender in GENDERS[1:]]
    for node in bodies:
        yield from _lines(lambda node=node: build(node, "body"))
    if config.init_from not in (None, "none"):
        yield from _start_lines(str(config.init_from))
    yield from _lines(lambda: build_data(plain).require("train", "val", "test"))


def _lines(action: Callable[[], object]) -> list[str]:
    """What a user must mend before `action` works."""
    try:
        action()
    except UserError as error:
        return str(error).splitlines()
    return []


def _start_lines(name: str) -> list[str]:
    lines = _lines(lambda: find(name, key="init_from"))
    if lines and Path(name).name == SPIN_WEIGHTS:
        place = "put it into paths.data" if Path(name).parent == Path() else f"put it into {Path(name).parent}"
        return [f"init_from: {name}: missing; get SPIN's weights from {SPIN_WEIGHTS_URL} and {place}"]
    return lines


def _annotated_sets(data: PeopleDataModule) -> Table:
    """The sets that are read from annotation files, which are all read and opened for it, their first picture too."""
    shown = Table(title="data sets")
    for title in ("split", "set", "samples", "with SMPL", "with 3D joints", "share"):
        shown.add_column(title, justify="left" if title in ("split", "set") else "right")
    for split in ("train", "val", "test"):
        source = getattr(data, split)
        for key, one in sources_of(source).items():
            if not isinstance(one, SpinAnnotations):
                continue
            one[0]  # a picture that cannot be read is told now
            count, fields = len(one), {name: values[: len(one)] for name, values in one.fields.items()}
            located = (fields["S"][..., 3] > 0).any(1) if "S" in fields else np.zeros(count)
            share = f"{100 * source.shares[key]:.1f} %" if isinstance(source, Mixture) else ""
            shown.add_row(split, one.name, f"{count:,}", f"{one.labelled.sum():,}", f"{located.sum():.0f}", share)
    return shown


def _schedule(data: PeopleDataModule, resolution: ResolutionSet, ramp: Literal["up", "down", "none"]) -> Table:
    """Steps and pictures of each pass, and where the losses across resolutions stand at its end."""
    length = len(data.train)
    factor = LinearRamp(data.curriculum.ramp_length(length), ramp)
    shown = Table(title=f"{length:,} training samples, {data.curriculum.total_steps(length):,} steps")
    for title in ("stage", "sizes drawn", "batch", "pictures", "steps", "epochs", "ramp at its end"):
        shown.add_column(title, justify="right")
    drawn = [f"{low}..{high - 1}" if low < high else str(high) for low, high in resolution.ranges]
    before = 0
    for epoch in data.epochs:
        seen = data.ranges_seen(epoch)
        added, before = drawn[before:seen], seen
        some = f", {epoch.shown} of them" if epoch.shown else ""
        shown.add_row(
            str(epoch.stage),
            ("same" if not added else " + ".join(added if len(added) == seen else ["...", *added])) + some,
            str(epoch.batch_size),
            str(epoch.pictures),
            f"{epoch.steps:,}",
            f"{epoch.steps * epoch.batch_size / length:.3f}",
            f"{factor(epoch.first_step + epoch.steps):.3f}",
        )
    return shown


def _check_processes(trainer: dict[str, Any], data: PeopleDataModule) -> None:
    """Batches of a training on several devices, planned without them."""
    devices, nodes = trainer.get("devices", 1), trainer.get("num_nodes", 1)
    if not isinstance(devices, int) or devices * nodes < 2:
        return
    data.check_ranks(devices * nodes)
    batches = sorted({epoch.batch_size for epoch in data.epochs}, reverse=True)
    say(f"{devices * nodes} processes share batches of {batches} people")


def _check_disk(config: RunConfig, length: int) -> None:
    needed = length * BYTES_PER_PICTURE * (config.image_size / 112) ** 2
    folder = Path(config.paths.cache).resolve()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"paths.cache: {folder} has {free / 1e9:.1f} GB free, the cache may need {needed / 1e9:.1f} GB; "
            "lower people.train or set paths.cache to a larger disk"
        )
