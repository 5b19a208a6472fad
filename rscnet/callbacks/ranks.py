"""What several processes of one training must have in common."""

from __future__ import annotations

import pytorch_lightning as pl
import torch.distributed as dist
from torch import nn

from rscnet.errors import UserError


class RankAgreement(pl.Callback):
    """Stops processes that do not run one configuration, and measures one network on all of them.

    Batch normalisation keeps running statistics per process unless they are synchronised; those of rank 0, which
    checkpoints hold, are given to all before anything is measured.

    Args:
        fingerprint: digest of this process's configuration.

    Raises:
        UserError: at the start, when the ranks' fingerprints differ.
    """

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = fingerprint

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if trainer.world_size == 1:
            return
        found: list[str | None] = [None] * trainer.world_size
        dist.all_gather_object(found, self.fingerprint)
        if len(set(found)) > 1:
            raise UserError(
                f"trainer: the {trainer.world_size} ranks run different configurations ({', '.join(map(str, found))}); "
                "start all of them with one command, and sweeps with `-m`, which isolates each job"
            )

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._share(trainer, pl_module)

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._share(trainer, pl_module)

    @staticmethod
    def _share(trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        network = getattr(pl_module, "network", None)
        if trainer.world_size > 1 and isinstance(network, nn.Module):
            for buffer in network.buffers():
                dist.broadcast(buffer, src=0)
