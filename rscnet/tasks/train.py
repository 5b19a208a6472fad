"""Training: from wherever the run folder stands to the end of the curriculum, then evaluation."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from rscnet import records
from rscnet.callbacks.checkpoints import BEST, LAST, PREVIOUS, RunStopped
from rscnet.config.build import build
from rscnet.config.compose import experiments
from rscnet.config.fingerprint import measurement, run_folder
from rscnet.config.schema import RunConfig
from rscnet.console import say
from rscnet.errors import UserError
from rscnet.learning.texglo import TexGloModule
from rscnet.loggers.mirror import Mirror
from rscnet.loggers.mirrors import mirrors
from rscnet.memory import keep_freed_memory
from rscnet.models.checkpoint import Allowed, load_weights
from rscnet.models.rscnet import RSCNet
from rscnet.ranks import is_rank_zero, wait_for_all
from rscnet.tasks.common import (
    agreement,
    build_data,
    require_optimizer,
    require_rivals,
    set_up_process,
    tell_foreign_labels,
)
from rscnet.tasks.results import write_results
from rscnet.tasks.textures import require_judges
from rscnet.trained import configuration, initialise


def run(config: RunConfig) -> float | None:
    """Trains (or goes on training) the configured experiment and evaluates it.

    Returns:
        Mean PA-MPJPE in millimetres over the evaluation sizes, or what `records.main_figure` says of
        other modules.
    """
    if config.name == "none":
        raise UserError(f"experiment: task=train needs one of {', '.join(experiments())}")
    folder = run_folder(config)
    if not config.fresh and _measured_as_asked(config, folder):
        say(f"already complete: {folder} (fresh=true starts over)")
        return records.main_figure(folder)
    set_up_process(config)
    keep_freed_memory()
    plain = config.plain()
    say(f"run folder: {folder}")
    require_optimizer(plain)
    data = build_data(plain)
    data.require("train", "val")
    tell_foreign_labels(plain, data)
    module: pl.LightningModule = build(plain["model"], "model")
    logged_every = plain["trainer"]["log_every_n_steps"]
    if isinstance(getattr(module, "network", None), RSCNet):
        require_rivals(config)
    elif isinstance(module, TexGloModule):
        require_judges(config)
    resume, step = (None, 0) if config.fresh else _newest_checkpoint(folder, logged_every)
    if resume is None and config.init_from not in (None, "none"):
        module.given = _given(module, str(config.init_from), plain["init_allow"])  # type: ignore[assignment]
    if config.fresh and folder.exists() and is_rank_zero():
        shutil.rmtree(folder)  # not before all is known to be good that the new run needs
    records.write_config(folder, plain)
    records.write_json(folder / records.PROVENANCE, records.provenance())
    records.JsonLinesLogger(folder).rewind(step)
    with mirrors(plain, folder) as opened:
        trainer = _trainer(plain, folder, len(data.epochs), opened)
        if is_rank_zero():  # the others find everything in place when they meet it in the trainer
            data.prepare("train", "val")  # last, for it may take long: all mistakes above are told before
        _fit(trainer, module, data, resume)
        try:
            write_results(config, folder, module, data)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("training is done, the same command goes on with the evaluation") from None
        wait_for_all()
    return records.main_figure(folder)


def _given(module: pl.LightningModule, name: str, allow: Allowed) -> frozenset[str]:
    """Gives a module its start, says so, and names the parameters that it gave."""
    before = {key: parameter.detach().clone() for key, parameter in module.named_parameters()}
    say(initialise(module.network, name, allow))  # type: ignore[arg-type]
    return frozenset(key for key, parameter in module.named_parameters() if not torch.equal(parameter, before[key]))


def _measured_as_asked(config: RunConfig, folder: Path) -> bool:
    """Whether a run has its result, on the people, at the sizes and beside the rivals that are asked for now, which are
    no part of a run's identity, so that its training need not be repeated for others."""
    path = folder / records.RESULT
    if not path.exists():
        return False
    result = json.loads(path.read_text())
    return not result["by_size"] or result.get("measurement") == measurement(config)


def _fit(trainer: pl.Trainer, module: pl.LightningModule, data: pl.LightningDataModule, resume: Path | None) -> None:
    if resume is not None:
        say(f"going on from {resume}")
    try:
        trainer.fit(module, datamodule=data, ckpt_path=None if resume is None else str(resume), weights_only=True)
    except RuntimeError as error:
        if resume is not None and "state_dict" in str(error):
            what = "is a checkpoint of another model; take it away, or fresh=true starts over"
            raise UserError(f"{resume}: {what}") from None
        raise
    except RunStopped as stop:
        raise UserError(f"{stop}; the checkpoint is written, the same command goes on from it") from None


def _trainer(plain: dict[str, Any], folder: Path, epochs: int, opened: Sequence[Mirror]) -> pl.Trainer:
    callbacks: list[pl.Callback] = [agreement(plain)]
    for name, node in plain["callbacks"].items():
        if node is None:
            continue
        extra: dict[str, Any] = {}
        if node["_target_"].endswith("RunCheckpoints"):
            extra = {"folder": folder / "checkpoints", "record": plain}
        callbacks.append(build(node, f"callbacks.{name}", **extra))
    return build(
        plain["trainer"],
        "trainer",
        default_root_dir=str(folder),
        callbacks=callbacks,
        logger=[records.JsonLinesLogger(folder), *opened],
        max_epochs=epochs,
        reload_dataloaders_every_n_epochs=1,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def _newest_checkpoint(folder: Path, every: int) -> tuple[Path | None, int]:
    """The checkpoint to go on from and its step: the newest that is whole and whose steps are all logged.

    A step is logged after its checkpoint is written; where the process was killed in between, the run goes on from the
    one before, and from nothing where there is none.

    Args:
        folder: of the run.
        every: steps from one logged row to the next.

    Raises:
        UserError: there are some, but none is whole, or one of them is not ours or of a later rscnet.
    """
    whole: list[tuple[Path, int]] = []
    paths = [path for name in (LAST, PREVIOUS) if (path := folder / "checkpoints" / name).exists()]
    for path in paths:
        try:
            _, content = load_weights(path)
        except UserError as error:
            say(f"damaged checkpoint passed over: {error}")
            continue
        if configuration(content, path) is None:
            raise UserError(f"{path}: is no checkpoint of a run of ours; take it away, or fresh=true starts over")
        whole.append((path, int(content["global_step"])))
        if whole[-1][1] % every or records.logged(folder, whole[-1][1] - 1):
            return whole[-1]
    if paths and not whole:
        raise UserError(
            f"{folder / 'checkpoints'}: no checkpoint is whole; expected one to go on from; fresh=true starts over, "
            f"init_from={folder / 'checkpoints' / BEST} from the best weights"
        )
    # two that nothing was logged of: the log was taken away, not cut off
    if len(whole) > 1 or (whole and not (folder / records.METRICS).exists()):
        return whole[0]
    return None, 0
