"""Body errors by resolution, measured on whatever a module predicts in validation and test."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch

from rscnet.body.model import BodyModel
from rscnet.errors import UserError
from rscnet.joints import H36M_PELVIS, LSP_14_FROM_H36M_17
from rscnet.metrics.body import ErrorsBySize
from rscnet.structures import Batch, BodyParameters, Prediction

ErrorTable = dict[int, dict[str, float]]


class ResolutionErrors(pl.Callback):
    """MPJPE, PA-MPJPE and PVE in millimetres for each evaluation size (spec section 6).

    Both bodies are posed with the module's body model, joints are Human3.6M's regressed from the vertices, of which 14
    are compared. Logged as `val/mpjpe/32px`; the mean of PA-MPJPE over sizes is `val/pa_mpjpe`. The last table is
    `errors`.
    """

    def __init__(self) -> None:
        self.errors: ErrorTable = {}
        self._metrics: ErrorsBySize | None = None

    def _start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        sizes = trainer.datamodule.resolution.eval_sizes  # type: ignore[attr-defined]
        self._metrics = ErrorsBySize(sizes).to(pl_module.device)

    def _update(self, pl_module: pl.LightningModule, outputs: Any, batch: Batch) -> None:
        if not isinstance(outputs, Prediction):  # a module that predicts no bodies, such as dense pretraining
            return
        assert self._metrics is not None
        body: BodyModel = pl_module.body  # type: ignore[assignment]
        with torch.no_grad(), torch.autocast(pl_module.device.type, enabled=False):
            truth = _measured(body, batch.target.parameters)
            count = len(batch.identity)
            for view, size in enumerate(self._metrics.sizes):
                rows = slice(view * count, (view + 1) * count)
                predicted = _measured(body, outputs.parameters[rows])
                if not all(value.isfinite().all() for value in predicted):
                    raise UserError(
                        f"the network predicts numbers that are not finite at {size} px: its weights are spoilt, "
                        "train again with a lower optimizer.lr or trainer.gradient_clip_val=1"
                    )
                valid = batch.target.has_smpl
                joints, pelvis, vertices = predicted
                self._metrics.update(size, joints, truth[0], pelvis, truth[1], vertices, truth[2], valid)

    def _finish(self, pl_module: pl.LightningModule, prefix: str) -> None:
        assert self._metrics is not None
        table = self._metrics.compute()
        self.errors = {size: {k: float(v) for k, v in row.items()} for size, row in table.items() if row}
        for size, row in self.errors.items():
            for name, value in row.items():
                pl_module.log(f"{prefix}/{name}/{size}px", value, rank_zero_only=True)
        if self.errors:
            mean = sum(row["pa_mpjpe"] for row in self.errors.values()) / len(self.errors)
            pl_module.log(f"{prefix}/pa_mpjpe", mean, prog_bar=True, rank_zero_only=True)

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


def _measured(body: BodyModel, parameters: BodyParameters) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """14 joints, pelvis and vertices of a posed body."""
    vertices = body(parameters).vertices
    joints = body.h36m_joints(vertices)
    return joints[:, LSP_14_FROM_H36M_17], joints[:, H36M_PELVIS], vertices
