"""Body errors by resolution, measured on whatever a module predicts in validation and test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch

from rscnet.body.model import BodyModel
from rscnet.errors import UserError
from rscnet.joints import H36M_PELVIS
from rscnet.metrics.body import ErrorsBySize
from rscnet.metrics.truth import GroundTruth, Measured, measure_body
from rscnet.protocol import Protocol
from rscnet.records import mean_over_sizes
from rscnet.structures import Batch, Prediction

ErrorTable = dict[int, dict[str, float]]


class ResolutionErrors(pl.Callback):
    """Errors of bodies or joints for each evaluation size, as the data set's protocol measures them (spec section 6).

    Predicted bodies are posed with the module's body model. Logged as `val/mpjpe/32px`; the mean of PA-MPJPE over sizes
    is `val/pa_mpjpe`. The last table is `errors`, those of each sequence `by_sequence`.

    Args:
        bodies: of the ground truth, by gender; None is the module's own for all.
    """

    def __init__(self, bodies: Mapping[str, BodyModel] | None = None) -> None:
        self.errors: ErrorTable = {}
        self.by_sequence: dict[str, ErrorTable] = {}
        self._bodies = bodies
        self._metrics: ErrorsBySize | None = None
        self._truth: GroundTruth | None = None
        self._surface = True
        self._names: list[str] = []
        self._sequence: torch.Tensor | None = None

    def _start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        protocol: Protocol = getattr(data, "protocol", Protocol())
        body: BodyModel | None = getattr(pl_module, "body", None)  # dense pretraining poses none
        if body is not None:
            bodies = {"neutral": body} if self._bodies is None else self._bodies
            self._truth = GroundTruth(protocol, {name: body.to(pl_module.device) for name, body in bodies.items()})
            self._surface = self._truth.same_surface(body)
        names = getattr(data, "sequences", None)
        self._names, self._sequence = [], None
        if names is not None:
            self._names, number = np.unique(names, return_inverse=True)  # type: ignore[assignment]
            self._sequence = torch.from_numpy(number)
        metrics = ErrorsBySize(data.resolution.eval_sizes, max(1, len(self._names)), protocol.pck)
        self._metrics = metrics.to(pl_module.device)

    def _update(self, pl_module: pl.LightningModule, outputs: Any, batch: Batch) -> None:
        if not isinstance(outputs, Prediction | Measured):  # nothing to measure, such as dense pretraining
            return
        assert self._metrics is not None and self._truth is not None
        body: BodyModel = pl_module.body  # type: ignore[assignment]
        chosen = self._truth.protocol.chosen
        sequence = None if self._sequence is None else self._sequence[batch.identity[:, 1].cpu()].to(pl_module.device)
        with torch.no_grad(), torch.autocast(pl_module.device.type, enabled=False):
            truth, valid = self._truth(batch.target, self._surface)
            count = len(batch.identity)
            for view, size in enumerate(self._metrics.sizes):
                said = outputs[slice(view * count, (view + 1) * count)]
                found = measure_body(body, said.parameters, self._surface) if isinstance(said, Prediction) else said
                _refuse_spoilt(found, size)
                surfaces = (found.vertices, truth.vertices) if self._surface else (None, None)
                joints, pelvis = (found.joints, truth.joints), H36M_PELVIS
                self._metrics.update(
                    size, *(j[:, chosen] for j in joints), *(j[:, pelvis] for j in joints), *surfaces, valid, sequence
                )

    def _finish(self, pl_module: pl.LightningModule, prefix: str) -> None:
        assert self._metrics is not None
        table = self._metrics.compute()
        self.errors = {size: _numbers(row) for size, row in table.items() if row}
        self.by_sequence = {}
        if len(self._names) > 1:
            rows = {size: self._metrics[size].by_sequence() for size in self.errors}
            self.by_sequence = {
                str(name): {size: _numbers(of_size[i]) for size, of_size in rows.items()}
                for i, name in enumerate(self._names)
            }
        for size, row in self.errors.items():
            for name, value in row.items():
                pl_module.log(f"{prefix}/{name}/{size}px", value)
        mean = mean_over_sizes(self.errors, "pa_mpjpe")
        if mean is not None:
            pl_module.log(f"{prefix}/pa_mpjpe", mean, prog_bar=True)

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._start(trainer, pl_module)

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._update(pl_module, outputs, batch)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._finish(pl_module, "val")

    def on_test_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._start(trainer, pl_module)

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._update(pl_module, outputs, batch)

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._finish(pl_module, "test")


def _refuse_spoilt(found: Measured, size: int) -> None:
    if not found.joints.isfinite().all() or not (found.vertices is None or found.vertices.isfinite().all()):
        raise UserError(
            f"the network predicts numbers that are not finite at {size} px: its weights are spoilt, "
            "train again with a lower optimizer.lr or trainer.gradient_clip_val=1"
        )


def _numbers(row: Mapping[str, torch.Tensor]) -> dict[str, float]:
    return {name: float(value) for name, value in row.items()}
