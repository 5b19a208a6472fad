"""The curriculum seen from the network: coefficients of a new resolution start from those of the one above it."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch

from rscnet.data.plan import Epoch


class CurriculumCallback(pl.Callback):
    """Copies coefficients when a stage brings a new scale index, once each, and logs the stage.

    At the first epoch of stage e the row of its lowest resolution is copied from the row above (spec section 2.3).
    Which rows were started is part of the checkpoint, so that a resumed run never overwrites what it has learned.
    """

    def __init__(self) -> None:
        self.started = 1

    def state_dict(self) -> dict[str, int]:
        return {"started": self.started}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.started = int(state_dict["started"])

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        epoch = self._epoch(trainer)
        encoder = getattr(getattr(pl_module, "network", None), "encoder", None)
        while self.started < epoch.views:
            if encoder is not None:
                encoder.warm_start(self.started - 1, self.started)
            self.started += 1

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        pl_module.log("train/stage", torch.tensor(float(self._epoch(trainer).stage)))

    @staticmethod
    def _epoch(trainer: pl.Trainer) -> Epoch:
        epochs = trainer.datamodule.epochs  # type: ignore[attr-defined]
        return epochs[min(trainer.current_epoch, len(epochs) - 1)]
