"""How good UV maps are: PSNR where the truth is known, split into what the picture shows and what it hides."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rscnet.render.atlas import SEEN, UVAtlas


def uv_psnr(
    atlas: UVAtlas,
    maps: Float[Tensor, "n 3 t t"],
    truth: Float[Tensor, "n 3 t t"],
    facing: Float[Tensor, "n k"],
) -> dict[str, Float[Tensor, "n"]]:
    """Peak signal-to-noise ratio in dB of UV maps in [0, 1] over `visible`, `hidden` and `all` covered texels.

    A texel is visible where the body shows it to the camera at less than 78 degrees; what stands in front of the
    body is not known and counts as visible. nan where there is no such texel.
    """
    error = (atlas.read(maps) - atlas.read(truth)).square().mean(1)
    seen = facing > SEEN
    everything = torch.ones_like(seen)
    return {name: _psnr(error, chosen) for name, chosen in (("visible", seen), ("hidden", ~seen), ("all", everything))}


def _psnr(error: Float[Tensor, "n k"], chosen: Bool[Tensor, "n k"]) -> Float[Tensor, "n"]:
    mean = (error * chosen).sum(1) / chosen.sum(1)
    return -10 * torch.log10(mean.clamp(min=1e-10))
