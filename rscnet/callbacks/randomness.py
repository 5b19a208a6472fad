"""Randomness on the device, keyed like that of the data: a step draws the same numbers however it was reached."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch

from rscnet.data.keys import generator


class KeyedRandomness(pl.Callback):
    """Seeds torch before each training step from (seed, step, rank), so that dropout and sampled negatives are the same
    in a run that was interrupted as in one that was not.

    Args:
        seed: the run's seed.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        key = generator(self.seed, trainer.global_step, trainer.global_rank, "device")
        torch.manual_seed(int(key.integers(2**62)))
