"""Results of a network: the table, the curve, the panel and `result.json`."""

from __future__ import annotations

import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from PIL import Image
from torch import nn

from rscnet import records
from rscnet.body.model import BodyModel
from rscnet.callbacks.checkpoints import BEST
from rscnet.callbacks.cost import Cost
from rscnet.callbacks.errors import ErrorTable
from rscnet.callbacks.panel import draw_panel
from rscnet.config.fingerprint import measurement
from rscnet.config.schema import Evaluation, RunConfig
from rscnet.console import say
from rscnet.data.datamodule import PeopleDataModule
from rscnet.data.plan import BatchKey
from rscnet.data.skipping import tell_skipped
from rscnet.errors import UserError
from rscnet.learning.external import ExternalModule
from rscnet.learning.texglo import TexGloModule
from rscnet.loggers.mirrors import log_results
from rscnet.models.rscnet import RSCNet
from rscnet.models.temporal import TemporalRefiner
from rscnet.ranks import is_rank_zero
from rscnet.render.figures import error_curves
from rscnet.structures import Batch
from rscnet.tasks.common import data_for, looking, measure, rival, truth_bodies
from rscnet.tasks.motion_results import backends, write_motion_results
from rscnet.tasks.tables import error_table, sequence_table
from rscnet.tasks.textures import write_textures
from rscnet.temporal.learned import refine_one
from rscnet.trained import Trained, find

CURVE, PANEL = "error_vs_resolution.png", "panel.png"


def write_results(config: RunConfig, folder: Path, module: pl.LightningModule, data: PeopleDataModule) -> None:
    """Evaluates the end of a training run and its rivals, and writes everything into the run folder.

    The last weights are measured: choosing the best on few validation people would flatter the result.
    """
    trainer = module.trainer
    extra: dict[str, Any] = {"steps": module.global_step, "measurement": measurement(config)}
    if not isinstance(module.network, RSCNet):
        extra["skipped"] = tell_skipped(folder)
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, Cost):
            extra["cost"] = callback.summary(trainer, module)
    if isinstance(module, TexGloModule):
        tables = write_textures(config, folder, module.network, module.body.cpu(), data, extra)  # type: ignore[arg-type]
        log_results(trainer.loggers, tables, config.name, module.global_step, folder / "checkpoints" / BEST)
        return
    if isinstance(module.network, TemporalRefiner):
        module.eval()
        found = backends(config, partial(refine_one, module.network))
        tables = write_motion_results(config, folder, "learned", found, module.body, data, extra)  # type: ignore[arg-type]
        log_results(trainer.loggers, tables, "learned", module.global_step, folder / "checkpoints" / BEST)
        return
    if not isinstance(module.network, RSCNet):
        # from the log, for a run that was stopped after its last step has nothing else
        metrics = records.last_logged(folder)
        records.write_json(folder / records.RESULT, {"by_size": {}, "metrics": metrics, **extra})
        say(f"done: {folder}")
        return
    module.eval()
    step = module.global_step
    tables = write_tables(config, folder, config.name, module.network, module.body, data, extra)  # type: ignore[arg-type]
    log_results(trainer.loggers, tables, config.name, step, folder / "checkpoints" / BEST)


def write_tables(
    config: RunConfig,
    folder: Path,
    name: str,
    network: nn.Module,
    body: BodyModel,
    data: PeopleDataModule,
    extra: dict[str, Any],
) -> dict[str, ErrorTable]:
    """Measures a network and its rivals by size and writes `result.json`, the curve and the panel."""
    plain = config.plain()
    started = time.monotonic()
    bodies = truth_bodies(plain, data.protocol, body)
    network = looking(network, body, plain)
    measured = measure(network, body, data, plain, folder, bodies)
    samples, split = len(data.readable(getattr(data, config.evaluation.split))), config.evaluation.split
    if not measured.errors:
        raise UserError(
            f"data.{split}: none of its {samples} samples has the labels that are measured with "
            f"(data.protocol.truth={data.protocol.truth}); take a set that has them"
        )
    tables: dict[str, ErrorTable] = {name: measured.errors}
    _measure_rivals(tables, config, folder, body, data, bodies)
    if not is_rank_zero():  # all ranks measure, the first one writes
        return tables
    say(error_table(tables))
    if measured.by_sequence:
        say(sequence_table(measured.by_sequence))
    error_curves(folder / CURVE, tables)
    written = [records.RESULT, CURVE]
    if config.evaluation.panel_samples and not isinstance(network, ExternalModule):  # whose bodies have no camera
        written.append(PANEL)
        _write_panel(folder / PANEL, network, body, _panel_batch(data, config.evaluation))
    result = {
        "by_size": records.keyed_by_text(tables[name]),
        "by_sequence": {sequence: records.keyed_by_text(rows) for sequence, rows in measured.by_sequence.items()},
        "protocol": asdict(data.protocol),
        "rivals": {label: records.keyed_by_text(rows) for label, rows in tables.items() if label != name},
        "samples": samples,
        "skipped": tell_skipped(folder),
        "split": split,
        "looks": config.evaluation.looks,
        "evaluation_seconds": round(time.monotonic() - started, 1),
        **extra,
    }
    records.write_json(folder / records.RESULT, result)
    say(f"written to {folder}: {', '.join(written)}")
    return tables


def _measure_rivals(
    tables: dict[str, ErrorTable], config: RunConfig, folder: Path, body: BodyModel, data: PeopleDataModule,
    bodies: dict[str, BodyModel],
) -> None:  # fmt: skip
    """Adds the rivals of `evaluation.rivals` to `tables`, each on its own body and at its own input size."""
    plain = config.plain()
    for label, reference in config.evaluation.rivals.items():
        found = None if reference is None else rival(reference, label, config, body)
        if found is None:
            continue
        network, trained = found
        if trained is None:  # the mean body, which looks at nothing
            tables[label] = measure(network, body, data, plain, folder, bodies).errors
            continue
        if config.checkpoint and trained.path == find(config.checkpoint):
            continue  # these very weights
        if reference == "init_from" and checkpoint_name(trained) not in tables:
            label = checkpoint_name(trained)
        network = looking(network, trained.body, plain)
        tables[label] = measure(network, trained.body, data_for(trained, plain), plain, folder, bodies).errors


@torch.no_grad()
def _write_panel(path: Path, network: nn.Module, body: BodyModel, batch: Batch) -> None:
    prediction = network(batch.views.flatten(0, 1), batch.scale_index.flatten())
    Image.fromarray(draw_panel(prediction, body, batch)).save(path)


def _panel_batch(data: PeopleDataModule, evaluation: Evaluation) -> Batch:
    dataset = data.evaluation_views(evaluation.split)
    count = min(evaluation.panel_samples, len(dataset))
    # spread over the data set: neighbours may show one person
    indices = tuple(i * len(dataset) // count for i in range(count))
    return dataset[BatchKey(0, 0, indices, len(data.resolution.eval_sizes))]


def checkpoint_name(trained: Trained) -> str:
    """What tables call a checkpoint: the name of shipped weights, else the experiment that trained it."""
    return trained.path.stem if trained.path.suffix == ".safetensors" else str(trained.config["name"])
