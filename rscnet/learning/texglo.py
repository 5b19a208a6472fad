"""Training of the texture network: its UV maps are rendered on known bodies and compared with photos."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import Optimizer

from rscnet.body.model import BodyModel
from rscnet.learning.base import TrainingModule
from rscnet.losses.texture import RenderedPeople, UVMaps
from rscnet.losses.texture_objective import TextureObjective
from rscnet.metrics.texture import uv_psnr
from rscnet.models.texglo import TexGlo, predict_maps
from rscnet.render.atlas import UVAtlas
from rscnet.structures import TextureBatch


class TexGloModule(TrainingModule):
    """TexGlo with its objective.

    Args:
        network: pictures to UV maps.
        body: whose surface the maps lie on.
        objective: all losses with their weights.
        optimizer, schedule: see `TrainingModule`.
        per_vertex: look textures up at the UV vertices only, as the original's renderer does.
    """

    def __init__(
        self,
        network: TexGlo,
        body: BodyModel,
        objective: TextureObjective,
        optimizer: Callable[[Iterable[Any]], Optimizer],
        schedule: Mapping[str, Any],
        per_vertex: bool = False,
    ) -> None:
        super().__init__(optimizer, schedule)
        self.network = network
        self.body = body
        self.atlas = UVAtlas(body, network.uv_size)
        self.objective = objective
        self.per_vertex = per_vertex

    def forward(self, batch: TextureBatch) -> Float[Tensor, "sn 3 t t"]:
        """UV maps in [0, 1] of all inputs, size-major rows."""
        return predict_maps(self.network, self.atlas, batch)

    def training_step(self, batch: TextureBatch, batch_index: int) -> Tensor:
        total, terms = self._losses(self(batch), batch)
        self.log_terms("train", terms, bar=("total",))
        return total * self.rank_share(len(batch.identity))

    def validation_step(self, batch: TextureBatch, batch_index: int) -> None:
        """Logs the losses at the first size, and the UV error where the texture is known."""
        count = len(batch.identity)
        maps = self(batch)[:count]
        total, _ = self._losses(maps, batch)
        self.log("val/total", total, batch_size=count, sync_dist=True)
        if batch.texture is not None:
            errors = uv_psnr(self.atlas, maps.float(), batch.texture, batch.surface.facing[:count])
            for name, value in errors.items():
                self.log(f"val/{name}", value.nanmean(), batch_size=count, sync_dist=True)

    def _losses(self, maps: Tensor, batch: TextureBatch) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.autocast(maps.device.type, enabled=False):  # variances of small windows need full precision
            maps = maps.float()
            rendered = len(self.objective.pictures) > 0
            how = (self.per_vertex, self.objective.light)
            people = RenderedPeople.of(maps, batch, self.atlas, *how) if rendered else None
            return self.objective(people, UVMaps(self.atlas, maps, batch.texture, batch.prior))
