"""`python -m rscnet.run -m ...`: Hydra's multirun decides which jobs run and where, each is a fresh single run."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rscnet.config.compose import CONFIG_DIR, compose_tree, explain
from rscnet.console import say
from rscnet.errors import UserError
from rscnet.ranks import is_rank_zero
from rscnet.sweep.jobs import run_job
from rscnet.sweep.search import continue_study
from rscnet.sweep.stopping import leave_ctrl_c_to_the_starter, stop_asked, stopping_by_signals
from rscnet.sweep.summary import report_failures, write_summary

MULTIRUN = ("-m", "--multirun")
# where and how jobs run is no part of what a sweep is: the same sweep goes on in the same folder
WITHOUT_EFFECT = ("hydra", "paths.", "fresh=", "threads=", "logger")
LAUNCHER = "hydra/launcher="


def is_sweep(words: Sequence[str]) -> bool:
    """Whether a command line asks for several runs."""
    chosen = [word.split("=", 1)[1] for word in words if word.startswith("sweep=")]
    return bool(set(MULTIRUN) & set(words)) or bool(chosen and chosen[-1] not in ("none", "null"))


def sweep_folder(words: Sequence[str]) -> Path:
    """`<output>/sweeps/<name>/<digest>`: the same command finds the same folder again."""
    name = next((word.split("=", 1)[1] for word in words if word.startswith("sweep=")), "multirun")
    output = compose_tree([word for word in words if word.startswith("paths.output=")])["paths"]["output"]
    described = "\n".join(sorted(word for word in words if not word.startswith(WITHOUT_EFFECT)))
    return Path(output) / "sweeps" / name / hashlib.blake2b(described.encode(), digest_size=5).hexdigest()


def with_our_settings(word: str) -> str:
    """A launcher's plugin by its name, with our settings of it, whose file Hydra wants to have another name."""
    ours = f"rscnet_{word.removeprefix(LAUNCHER)}"
    known = word.startswith(LAUNCHER) and (CONFIG_DIR / LAUNCHER.removesuffix("=") / f"{ours}.yaml").exists()
    return LAUNCHER + ours if known else word


def start(words: Sequence[str]) -> None:
    """Runs all jobs of a sweep that are not complete yet, and writes its summary.

    Raises:
        UserError: words that do not compose, or jobs that failed; the others have run nevertheless.
        KeyboardInterrupt: the sweep was stopped; its jobs have ended.
    """
    chosen = [word for word in words if word not in MULTIRUN]
    folder = sweep_folder(chosen).resolve()
    folder.mkdir(parents=True, exist_ok=True)  # a study is opened in it before there is a job
    say(f"sweep folder: {folder}")
    extra = [f"hydra.sweep.dir='{folder}'", *continue_study(folder, chosen)]
    arguments, sys.argv = sys.argv, [sys.argv[0], "--multirun", *map(with_our_settings, chosen), *extra]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come here instead of ending the process
    try:
        with stopping_by_signals(folder):
            _jobs()
    except (HydraException, OmegaConfBaseException) as error:
        if "hydra_plugins" in str(error) or "hydra/sweeper" in str(error):
            raise UserError("sweep: a launcher or sweeper is missing; run pip install 'rscnet[sweeps]'") from None
        raise UserError(explain(error)) from None
    finally:
        sys.argv = arguments
        if is_rank_zero():
            write_summary(folder, chosen)
            with contextlib.suppress(OSError):
                folder.rmdir()  # empty where the words did not compose: then there is no such sweep
                folder.parent.rmdir()
    if stop_asked(folder):
        say("sweep stopped; the same command goes on with it")
        raise KeyboardInterrupt
    report_failures(folder)


@hydra.main(version_base="1.3", config_path=str(CONFIG_DIR), config_name="config")
def _jobs(composed: DictConfig) -> Any:
    """One job, called by Hydra's launcher wherever that runs it."""
    settings = HydraConfig.get()
    sweep, alone = Path(settings.sweep.dir), settings.launcher._target_.endswith("BasicLauncher")
    if not alone:
        leave_ctrl_c_to_the_starter()
    value = run_job(list(OmegaConf.to_container(settings.overrides.task)), sweep, settings.job.num)  # type: ignore[arg-type]
    if alone and stop_asked(sweep):  # this is the starter itself; a search would take None for a failed trial
        raise KeyboardInterrupt
    return value
