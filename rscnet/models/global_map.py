"""Maps from every cell of the image to every cell of the UV square: the global module of TexGlo.

The published text says only that TexGlo is a convolutional network with a "global module" and skip connections between
layers of one resolution; form and position are not known. What stands here is our proposal (spec section 9.4).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import interpolate

Cells = tuple[int, int]


class GlobalMap(nn.Module):
    """A learned re-layout: each UV cell is a weighted sum over all image cells, with weights per group of channels.

    Image and UV grids are not aligned and convolutions are local, so a plain skip brings features to the wrong place;
    this one can bring each anywhere. At the start it is the plain skip.

    Args:
        channels: of the feature maps, unchanged.
        source: height and width of the image's map.
        target: height and width of the UV map.
        groups: groups of channels with weights of their own; fewer where they do not divide the channels.
        rank: the weights are the plain skip's plus a product of two matrices of this rank; None for full weights.
    """

    def __init__(self, channels: int, source: Cells, target: Cells, groups: int = 8, rank: int | None = None) -> None:
        super().__init__()
        self.target, self.groups = target, math.gcd(groups, channels)
        sources, targets = source[0] * source[1], target[0] * target[1]
        self.squash = self.read = None
        if rank is None or rank >= min(sources, targets):
            squash = interpolate(torch.eye(sources).view(sources, 1, *source), target, mode="area")
            self.write = nn.Parameter(squash.reshape(sources, targets).T.repeat(self.groups, 1, 1))
        else:
            self.squash = Squash(target)
            self.read = nn.Parameter(torch.randn(self.groups, rank, sources) / sources**0.5)
            self.write = nn.Parameter(torch.zeros(self.groups, targets, rank))

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h2 w2"]:
        cells = x.flatten(2).unflatten(1, (self.groups, -1))
        if self.read is not None:
            cells = torch.einsum("grs,ngcs->ngcr", self.read.to(x.dtype), cells)
        moved = torch.einsum("gts,ngcs->ngct", self.write.to(x.dtype), cells).flatten(1, 2).unflatten(2, self.target)
        return moved if self.squash is None else moved + self.squash(x)


class Squash(nn.Module):
    """The plain skip: the image's map resampled to the UV square, aligned or not."""

    def __init__(self, target: Cells) -> None:
        super().__init__()
        self.target = target

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h2 w2"]:
        return interpolate(x, self.target, mode="area")


class PooledCode(nn.Module):
    """Adds what the whole map holds on average, through two layers, to every cell."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        last = nn.Linear(channels, channels)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.code = nn.Sequential(nn.Linear(channels, channels), nn.ReLU(inplace=True), last)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        return x + self.code(x.mean((2, 3)))[:, :, None, None]


class ChannelMixer(nn.Module):
    """Two 1x1 convolutions around what they change."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(
            nn.Conv2d(channels, channels, 1), nn.ReLU(inplace=True), nn.Conv2d(channels, channels, 1)
        )

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        return x + self.mix(x)


class PerScale(nn.Module):
    """A gain and an offset per channel, by scale index; the identity at the start."""

    def __init__(self, channels: int, scales: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(scales, channels))
        self.offset = nn.Parameter(torch.zeros(scales, channels))

    def forward(self, x: Float[Tensor, "n c h w"], scale_index: Int[Tensor, "n"]) -> Float[Tensor, "n c h w"]:
        gain, offset = (rows[scale_index][:, :, None, None].to(x.dtype) for rows in (self.gain, self.offset))
        return x * gain + offset


class Modulated(nn.Module):
    """A squashed skip whose channels are scaled and shifted by a code of the whole image (FiLM)."""

    def __init__(self, channels: int, code: int, target: Cells) -> None:
        super().__init__()
        self.squash = Squash(target)
        self.affine = nn.Linear(code, 2 * channels)
        nn.init.zeros_(self.affine.weight)
        nn.init.zeros_(self.affine.bias)

    def forward(self, x: Float[Tensor, "n c h w"], code: Float[Tensor, "n d"]) -> Float[Tensor, "n c h2 w2"]:
        gain, offset = self.affine(code)[:, :, None, None].chunk(2, dim=1)
        return self.squash(x) * (1 + gain) + offset
