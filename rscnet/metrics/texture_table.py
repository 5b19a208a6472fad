"""All figures of texture methods by size: UV error, and rendered people against photos in the same and another view."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rscnet.losses.texture import RenderedPeople, StructuralSimilarity
from rscnet.metrics.texture import uv_psnr
from rscnet.models.features import LPIPS, cosine_similarity
from rscnet.render.atlas import UVAtlas
from rscnet.structures import TextureBatch

TextureTable = dict[int, dict[str, float]]
Method = Callable[[TextureBatch], Float[Tensor, "sn 3 t t"]]


class TextureErrors:
    """Means over people, one row per size.

    `uv_visible`, `uv_hidden`, `uv_all`: PSNR in dB, where the true texture is known. `ssim`, and for each judge its
    similarity (`LPIPS`: its distance): of the picture that the network saw; with `_novel` of another picture.

    Args:
        atlas: of the body.
        judges: named feature networks and LPIPS.
        per_vertex: how textures are looked up, see `rscnet.render.texture.paint`.
    """

    def __init__(self, atlas: UVAtlas, judges: Mapping[str, nn.Module], per_vertex: bool = False) -> None:
        self.atlas, self.judges, self.per_vertex = atlas, judges, per_vertex
        self.similarity = StructuralSimilarity()

    @torch.no_grad()
    def __call__(self, method: Method, batches: Iterable[TextureBatch], sizes: Sequence[int]) -> TextureTable:
        """The table of one method; rows of the batches' inputs belong to `sizes`."""
        collected: dict[int, dict[str, list[Tensor]]] = {size: defaultdict(list) for size in sizes}
        for batch in batches:
            for size, maps in zip(sizes, method(batch).chunk(len(sizes)), strict=True):
                for name, values in self._figures(maps.float(), batch).items():
                    collected[size][name].append(values)
        return {
            size: {name: float(torch.cat(values).nanmean()) for name, values in row.items()}
            for size, row in collected.items()
        }

    def _figures(self, maps: Float[Tensor, "n 3 t t"], batch: TextureBatch) -> dict[str, Float[Tensor, "n"]]:
        count = len(maps)
        found: dict[str, Tensor] = {}
        if batch.texture is not None:
            errors = uv_psnr(self.atlas, maps, batch.texture, batch.surface.facing[:count])
            found |= {f"uv_{name}": values for name, values in errors.items()}
        people = RenderedPeople.of(maps, batch, self.atlas, self.per_vertex)
        shown = {"ssim": self.similarity.similarity(people)}
        shown |= {name: _judged(judge, people) for name, judge in self.judges.items()}
        for name, values in shown.items():
            found |= {name: values[:count], f"{name}_novel": values[count:]}
        return found


def _judged(judge: nn.Module, people: RenderedPeople) -> Float[Tensor, "m"]:
    if isinstance(judge, LPIPS):
        return judge(people.picture * people.mask[:, None], people.photo * people.mask[:, None])
    return cosine_similarity(judge(people.picture), judge(people.photo))
