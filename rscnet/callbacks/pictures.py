"""Pictures and histograms for the loggers that can show them."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch

from rscnet.callbacks.panel import draw_panel
from rscnet.loggers.mirror import Mirror
from rscnet.models.resnet import coefficients
from rscnet.structures import Batch, Prediction


class PicturePanels(pl.Callback):
    """After a validation of training, a panel of its first people (`pictures/val`: the input at each resolution, the
    predicted bodies over it, the side view) and a histogram of the coefficients of each scale
    (`coefficients/scale<i>`), sent to loggers that show such things; without one nothing is drawn.

    Args:
        people: how many are drawn.
        every: validations from one panel to the next.
    """

    def __init__(self, people: int = 2, every: int = 1) -> None:
        self.people, self.every = people, every
        self._validations = 0
        self._shown: tuple[Batch, Prediction] | None = None

    def state_dict(self) -> dict[str, int]:
        return {"validations": self._validations}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        self._validations = state_dict["validations"]

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        wanted = trainer.state.fn == "fit" and trainer.is_global_zero and batch_idx == 0
        if wanted and isinstance(outputs, Prediction) and self._media(trainer):
            # half precision is for the network, not for skinning
            self._shown = batch, outputs.detach().map(torch.Tensor.float)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        media, self._validations = self._media(trainer), self._validations + 1
        if trainer.state.fn != "fit" or not media or (self._validations - 1) % self.every:
            return
        step = max(trainer.global_step - 1, 0)  # that of the row of this validation
        if self._shown is not None:
            batch, prediction = self._shown
            panel = draw_panel(prediction, pl_module.body, batch, self.people)  # type: ignore[arg-type]
            for logger in media:
                logger.log_picture("pictures/val", panel, step)
        found = coefficients(dict(pl_module.network.named_parameters()))  # type: ignore[operator]
        for scale, row in enumerate(torch.stack(list(found.values()), dim=1)) if found else ():
            for logger in media:
                logger.log_histogram(f"coefficients/scale{scale}", row.float().cpu().numpy(), step)
        self._shown = None

    @staticmethod
    def _media(trainer: pl.Trainer) -> list[Mirror]:
        """Loggers that show pictures and have not been told of this step by an earlier process."""
        return [logger for logger in trainer.loggers if isinstance(logger, Mirror) and logger.shows_pictures]
