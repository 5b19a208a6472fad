"""The curriculum seen from the network: what a new resolution has of its own starts from the one above it."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch

from rscnet.callbacks.averaging import MovingAverage
from rscnet.data.plan import Epoch


class CurriculumCallback(pl.Callback):
    """Copies coefficients when a stage brings a new scale index, once each, and logs the stage.

    At the first epoch of stage e the row of its lowest resolution is copied from the row above (spec section 2.3),
    unless the run began with weights that know this scale. Which rows were started and which were known is part of the
    checkpoint, so that neither a resumed run nor one with `init_from` overwrites what was learned.
    """

    def __init__(self) -> None:
        self.started = 1
        self.known: list[int] | None = None  # until training begins

    def state_dict(self) -> dict[str, Any]:
        return {"started": self.started, "known": self.known}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.started, self.known = int(state_dict["started"]), state_dict.get("known", [])

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # encoders that follow the network's are started with it
        averages = [callback for callback in trainer.callbacks if isinstance(callback, MovingAverage)]  # type: ignore[attr-defined]
        modules = [pl_module, *(module for average in averages for module in average.copies)]
        networks = [getattr(module, name, None) for module in modules for name in ("network", "teacher")]
        encoders = [encoder for network in networks if (encoder := getattr(network, "encoder", None)) is not None]
        known = self.known
        if known is None:
            known = self.known = getattr(encoders[0], "known_scales", list)() if encoders else []
        for row in range(self.started, self._epoch(trainer).views):
            for encoder in encoders if row not in known else ():
                encoder.warm_start(row - 1, row)
            self.started = row + 1

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        pl_module.log("train/stage", torch.tensor(float(self._epoch(trainer).stage)))

    @staticmethod
    def _epoch(trainer: pl.Trainer) -> Epoch:
        epochs = trainer.datamodule.epochs  # type: ignore[attr-defined]
        return epochs[min(trainer.current_epoch, len(epochs) - 1)]
