"""Training of the small feature network: two pictures of one person are closer than those of two."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy, max_pool2d
from torch.optim import Optimizer

from rscnet.learning.base import TrainingModule
from rscnet.models.features import ReIDNet
from rscnet.structures import TextureBatch


class ReIDModule(TrainingModule):
    """Identities by contrast: each person of a batch is to be found among all by another picture.

    Args:
        network: pictures to descriptors.
        temperature: of the similarities.
        optimizer, schedule: see `TrainingModule`.
    """

    def __init__(
        self,
        network: ReIDNet,
        optimizer: Callable[[Iterable[Any]], Optimizer],
        schedule: Mapping[str, Any],
        temperature: float = 0.1,
    ) -> None:
        super().__init__(optimizer, schedule)
        self.network = network
        self.temperature = temperature

    def training_step(self, batch: TextureBatch, batch_index: int) -> Tensor:
        # the degraded first picture: blurred and sharp pictures of a person are to look alike
        first, second = batch.surface.face.unflatten(0, (2, -1))
        total, found = self._match(varied((batch.inputs[0] + 1) / 2, first), varied(batch.pictures[1], second))
        self.log_terms("train", {"total": total, "rank1": found}, bar=("total", "rank1"))
        return total * self.rank_share(len(batch.identity))

    def validation_step(self, batch: TextureBatch, batch_index: int) -> None:
        total, found = self._match(batch.pictures[0], batch.pictures[1])
        for name, value in (("total", total), ("rank1", found)):
            self.log(f"val/{name}", value, batch_size=len(batch.identity), sync_dist=True)

    def _match(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Loss, and the share of people who are found first."""
        described = [self.network.describe(pictures).float() for pictures in (first, second)]
        with torch.autocast(self.device.type, enabled=False):  # half precision makes ties
            similarity = described[0] @ described[1].T / self.temperature
        own = torch.arange(len(similarity), device=similarity.device)
        loss = (cross_entropy(similarity, own) + cross_entropy(similarity.T, own)) / 2
        return loss, (similarity.argmax(1) == own).float().mean()


def varied(pictures: Float[Tensor, "n 3 h w"], face: Int[Tensor, "n h w"]) -> Float[Tensor, "n 3 h w"]:
    """Half of the pictures mirrored, half on the background of another, so that only the person tells who it is.

    Args:
        pictures: of n people.
        face: visible face of the body, -1 off it; clothes reach a few pixels beyond.
    """
    person = max_pool2d((face >= 0).float()[:, None], 7, stride=1, padding=3) > 0
    swapped = torch.where(person, pictures, pictures.roll(1, dims=0))
    swap, mirror = torch.rand(2, len(pictures), 1, 1, 1, device=pictures.device) < 0.5
    pictures = torch.where(swap, swapped, pictures)
    return torch.where(mirror, pictures.flip(3), pictures)
