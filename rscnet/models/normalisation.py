"""Batch normalisation that each resolution has to itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

BY_SCALE = ("running_mean", "running_var", "weight", "bias")


@dataclass(frozen=True)
class Rows:
    """Which rows of a batch are of which scale index.

    Attributes:
        scale_index: of each row.
        groups: (scale index, number of rows) of neighbouring rows of one scale; training alone asks for them.
    """

    scale_index: Int[Tensor, "n"]
    groups: tuple[tuple[int, int], ...] = ()

    @classmethod
    def grouped(cls, scale_index: Int[Tensor, "n"]) -> Rows:
        """Rows of which those of one scale lie together wherever `scale_index` has them together."""
        scales, counts = scale_index.unique_consecutive(return_counts=True)
        return cls(scale_index, tuple(zip(scales.tolist(), counts.tolist(), strict=True)))


class ScaleNorm(nn.BatchNorm2d):
    """Batch normalisation with statistics, weights and biases of each scale index (Wang et al., Resolution Switchable
    Networks, ECCV 2020).

    A small picture lacks fine detail, and with it much of the variance of features: the statistics of large pictures do
    not fit it. In training the rows of one scale are normalised by their own batch statistics.

    Args:
        channels: of the feature map.
        scales: number of resolution ranges.
    """

    def __init__(self, channels: int, scales: int) -> None:
        super().__init__(channels)
        for name in BY_SCALE:
            value = getattr(self, name).detach().repeat(scales, 1)
            setattr(self, name, nn.Parameter(value) if name in ("weight", "bias") else value)

    def forward(self, x: Float[Tensor, "n c h w"], rows: Rows) -> Float[Tensor, "n c h w"]:  # type: ignore[override]
        if self.training:
            return self._learned(x, rows)
        assert self.running_var is not None and self.running_mean is not None
        factor = self.weight * (self.running_var + self.eps).rsqrt()
        offset = self.bias - self.running_mean * factor
        offset, factor = (part[rows.scale_index, :, None, None].to(x.dtype) for part in (offset, factor))
        return torch.addcmul(offset, x, factor)

    def _learned(self, x: Tensor, rows: Rows) -> Tensor:
        parts = x.split([count for _, count in rows.groups])
        found = [self._counted(part, scale) for (scale, _), part in zip(rows.groups, parts, strict=True)]
        return torch.cat(found)

    def _counted(self, x: Tensor, scale: int) -> Tensor:
        assert self.momentum is not None
        own = {name: getattr(self, name)[scale] for name in BY_SCALE}
        return F.batch_norm(x, **own, training=True, momentum=self.momentum, eps=self.eps)

    @torch.no_grad()
    def of_scale(self, scale: int) -> nn.BatchNorm2d:
        """The plain normalisation of one scale, as evaluation mode has it."""
        found = nn.BatchNorm2d(self.num_features, self.eps).to(self.weight)
        found.load_state_dict({name: getattr(self, name)[scale] for name in BY_SCALE}, strict=False)
        return found.eval()

    @torch.no_grad()
    def copy_scale(self, source: int, target: int) -> None:
        """Give scale `target` what scale `source` has, in place, and those below too: statistics that nothing was
        counted for fit no picture."""
        for name in BY_SCALE:
            values = getattr(self, name)
            values[target:] = values[source].clone()


def normalised(norm: nn.Module, x: Float[Tensor, "n c h w"], rows: Rows | None) -> Float[Tensor, "n c h w"]:
    """A feature map through a normalisation of either kind; the shared one asks for no rows."""
    return norm(x, rows) if isinstance(norm, ScaleNorm) else norm(x)


def for_all_scales(network: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict in which every scale of `network` begins with the normalisation that all share in `state`."""
    found = dict(state)
    for place, module in network.named_modules():
        for name in BY_SCALE if isinstance(module, ScaleNorm) else ():
            value = found.get(key := f"{place}.{name}")
            if value is not None and value.ndim == 1:
                found[key] = value.expand_as(getattr(module, name))
    return found
