"""How good features are across resolutions, without labels: retrieval, alignment, uniformity."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

ROWS = 256
"""Queries compared with the whole gallery at once, which bounds the memory."""


def retrieval(queries: Float[Tensor, "n d"], gallery: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    """Share of queries whose most similar (cosine) gallery entry is the one of the same row; ties count as missed."""
    queries, gallery = F.normalize(queries.float(), dim=-1), F.normalize(gallery.float(), dim=-1)
    hits = []
    for start in range(0, len(queries), ROWS):
        similarity = queries[start : start + ROWS] @ gallery.T
        own = torch.arange(start, start + len(similarity), device=queries.device)
        mine = similarity.gather(1, own[:, None])
        others = similarity.scatter(1, own[:, None], -torch.inf)
        hits.append(mine[:, 0] > others.amax(1))
    return torch.cat(hits).float().mean()


def alignment(x: Float[Tensor, "n d"], y: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    """Mean squared distance of corresponding unit features; 0 is best (Wang & Isola, ICML 2020)."""
    return (F.normalize(x.float(), dim=-1) - F.normalize(y.float(), dim=-1)).square().sum(-1).mean()


def uniformity(x: Float[Tensor, "n d"], t: float = 2.0) -> Float[Tensor, ""]:
    """Log of the mean of exp(-t * squared distance) over pairs of unit features; 0 where all are one, -4 at best for
    t = 2 (Wang & Isola, ICML 2020)."""
    unit = F.normalize(x.float(), dim=-1)
    total = unit.new_zeros((), dtype=torch.double)
    for start in range(0, len(unit), ROWS):
        some = unit[start : start + ROWS]
        near = torch.exp(t * (2 * some @ unit.T - 2)).double()  # the squared distance is two less twice the cosine
        total += near.triu(start + 1).sum()
    return torch.log(total / (len(unit) * (len(unit) - 1) / 2)).float()


class FeatureMetrics(Metric):
    """Retrieval of full-resolution pictures by their smaller views, alignment with them, and uniformity, by size.

    All features are kept, gathered over ranks, and compared at the end: a picture is sought among all others.

    Args:
        sizes: sides of the person crop in pixels, the first is full resolution.
    """

    full_state_update = False

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self.sizes = [int(size) for size in sizes]
        self.add_state("features", [], dist_reduce_fx="cat")

    def update(self, features: Float[Tensor, "k n d"]) -> None:  # type: ignore[override]
        """Add features of n pictures at all k sizes."""
        self.features.append(features.detach().float().transpose(0, 1))  # type: ignore[union-attr, operator]

    def compute(self) -> dict[int, dict[str, Tensor]]:
        """`uniformity` of each size, `retrieval` and `alignment` of all but full resolution; nothing of one picture."""
        by_size = dim_zero_cat(self.features).transpose(0, 1)  # type: ignore[arg-type]
        if by_size.shape[1] < 2:
            return {}
        full = by_size[0]
        table = {size: {"uniformity": uniformity(rows)} for size, rows in zip(self.sizes, by_size, strict=True)}
        for size, rows in list(zip(self.sizes, by_size, strict=True))[1:]:
            table[size] |= {"retrieval": retrieval(rows, full), "alignment": alignment(rows, full)}
        return table
