"""A network under evaluation: no losses, no optimiser."""

import pytorch_lightning as pl
import torch
from torch import nn

from rscnet.body.model import BodyModel
from rscnet.structures import Batch, Prediction


class EvaluationModule(pl.LightningModule):
    """Predicts all views of a batch; `ResolutionErrors` measures them.

    Args:
        network: `(views, scale_index) -> Prediction`.
        body: poses predictions and ground truth.
    """

    def __init__(self, network: nn.Module, body: BodyModel) -> None:
        super().__init__()
        self.network = network
        self.body = body

    def test_step(self, batch: Batch, batch_index: int) -> Prediction:
        """Predictions of all views, view-major rows."""
        views = batch.views.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        return self.network(views, batch.scale_index.flatten())
