"""TexGlo: from a small picture of a person to the person's UV map.

The paper's: a convolutional network of RGB pictures and RGB UV maps with a global module and skip connections. Ours
(spec section 9.4, `docs/texture.md`): what the global module is and where, the variants, the scale index as
condition, texture flow, and the visible texture as a second input.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import grid_sample, interpolate

from rscnet.errors import UserError
from rscnet.models.global_map import ChannelMixer, GlobalMap, Modulated, PerScale, PooledCode, Squash
from rscnet.render.atlas import UVAtlas, unproject, visible_texture
from rscnet.render.light import FittedLight
from rscnet.structures import SurfaceView, TextureBatch

CHANNELS = (64, 128, 256, 512, 512)
STAGES = len(CHANNELS) - 1
VISIBLE = 5  # channels of the second input: colour, how well the texel is seen, and how well its mirror image
FIRST_TRUST = 2.0  # logit of the share that the second input's colours have in fused ones before training
MAPPED_SKIPS = (2, 3)  # levels at 1/4 and 1/8 of the picture, whose skips are global in the full module
GlobalModule = Literal["none", "pool", "bottleneck", "full"]
Output = Literal["rgb", "flow", "fused"]


class TexGlo(nn.Module):
    """U-Net encoder of the picture and decoder of the UV map, joined by the global module.

    Args:
        height, width: of the picture in pixels, multiples of 16.
        uv_size: side of the UV map in texels, a multiple of 16.
        scales: number of resolution ranges that condition the network.
        channels: factor on all channel counts (64 to 512).
        global_module: `full`: bottleneck and the skips at 1/8 and 1/4 map every image cell to every UV cell, the
            outer skips are modulated by a code of the image; `bottleneck`: only there; `pool`: squashed maps with the
            mean feature added at the bottleneck; `none`: squashed maps, as RSTG's U-Net.
        output: `rgb`: colours; `flow`: each texel says where to take its colour in the picture; `fused`: a mask blends
            both, with `visible` the second input's colours in place of the flow's.
        visible: the second input is used (see `forward`).
        light: divided out of the second input's colours; None leaves them as the picture has them.
        rank: of the global skips.
        groups: groups of channels that are mapped alike.

    Raises:
        UserError: a size or variant that cannot be built.
    """

    def __init__(
        self,
        height: int = 128,
        width: int = 64,
        uv_size: int = 128,
        scales: int = 5,
        channels: float = 1.0,
        global_module: GlobalModule = "full",
        output: Output = "rgb",
        visible: bool = False,
        light: FittedLight | None = None,
        rank: int = 32,
        groups: int = 8,
    ) -> None:
        super().__init__()
        _check(height, width, uv_size, global_module, output)
        counts = [max(4, round(count * channels)) for count in CHANNELS]
        self.size, self.uv_size, self.output = (height, width), uv_size, output
        self.encoder = Encoder(3, counts, scales)
        self.light = light
        self.texels = Encoder(VISIBLE, counts, scales) if visible else None
        code = counts[-1]
        joints: list[nn.Module] = []
        for level, count in enumerate(counts):
            source, target = (height >> level, width >> level), (uv_size >> level, uv_size >> level)
            if level == STAGES:
                joints.append(_bottleneck(count, source, target, global_module, groups))
            elif global_module == "full" and level in MAPPED_SKIPS:
                joints.append(GlobalMap(count, source, target, groups, rank))
            else:
                joints.append(Modulated(count, code, target) if global_module == "full" else Squash(target))
        self.joints = nn.ModuleList(joints)
        self.decoder = nn.ModuleList(_double(counts[level + 1], counts[level], 1) for level in range(STAGES))
        self.head = nn.Conv2d(counts[0], {"rgb": 3, "flow": 2, "fused": 4 if visible else 6}[output], 3, padding=1)
        if visible and output == "fused" and self.head.bias is not None:
            nn.init.constant_(self.head.bias[3:], FIRST_TRUST)

    def forward(
        self,
        picture: Float[Tensor, "n 3 h w"],
        scale_index: Int[Tensor, "n"],
        visible: Float[Tensor, "n 5 t t"] | None = None,
    ) -> Float[Tensor, "n 3 t t"]:
        """UV maps in [-1, 1].

        Args:
            picture: in [-1, 1], degraded and brought back to the network's input size.
            scale_index: resolution range of each picture.
            visible: our extension, see `second_input`; needed exactly where `visible` was set.
        """
        features = self.encoder(picture, scale_index)
        code = features[-1].mean((2, 3))
        aligned = None if self.texels is None or visible is None else self.texels(visible, scale_index)
        x: Tensor | None = None
        for level in reversed(range(len(features))):
            joint = self.joints[level]
            skip = joint(features[level], code) if isinstance(joint, Modulated) else joint(features[level])
            if aligned is not None:
                skip = skip + aligned[level]
            # the decoder's convolutions come before the skip is added: they bring its channels down to the skip's
            x = skip if x is None else self.decoder[level](interpolate(x, scale_factor=2.0)) + skip
        assert x is not None
        return self._colours(self.head(x).float(), picture, visible)

    def second_input(
        self, picture: Float[Tensor, "n 3 h w"], surface: SurfaceView, atlas: UVAtlas
    ) -> Float[Tensor, "n 5 t t"] | None:
        """What pictures in [-1, 1] show of bodies that lie in them as `surface` says: colours in [-1, 1] and how well
        they are seen in [0, 1], see `rscnet.render.atlas.visible_texture`; None where the network takes none."""
        if self.texels is None:
            return None
        # light is fitted in full precision in training too, as it is in prediction
        with torch.autocast(picture.device.type, enabled=False):
            if self.light is None:
                return visible_texture(unproject(picture, surface), surface, atlas)
            return visible_texture(2 * self.light.removed((picture + 1) / 2, surface, atlas) - 1, surface, atlas)

    def _colours(
        self, raw: Float[Tensor, "n c t t"], picture: Float[Tensor, "n 3 h w"], visible: Tensor | None
    ) -> Float[Tensor, "n 3 t t"]:
        if self.output == "rgb":
            return raw.tanh()
        if self.output == "fused" and visible is not None:
            return _mixed(raw, visible[:, :3].float())
        flow = raw[:, -2:].tanh().permute(0, 2, 3, 1)
        sampled = grid_sample(picture.float(), flow, padding_mode="border", align_corners=False)
        if self.output == "flow":
            return sampled
        return _mixed(raw, sampled)


def _mixed(raw: Float[Tensor, "n c t t"], shown: Float[Tensor, "n 3 t t"]) -> Float[Tensor, "n 3 t t"]:
    """Painted colours and those that the picture shows, as a mask wants them."""
    share = raw[:, 3:4].sigmoid()
    return share * shown + (1 - share) * raw[:, :3].tanh()


class Encoder(nn.Module):
    """Feature maps at full, 1/2, 1/4, 1/8 and 1/16 of the input's size."""

    def __init__(self, inputs: int, counts: list[int], scales: int) -> None:
        super().__init__()
        stem = nn.Sequential(
            nn.Conv2d(inputs, counts[0], 3, padding=1, bias=False), nn.BatchNorm2d(counts[0]), nn.ReLU(inplace=True)
        )
        stages = [_double(counts[i], counts[i + 1], 2) for i in range(STAGES)]
        self.stages = nn.ModuleList([stem, *stages])
        self.conditions = nn.ModuleList(PerScale(count, scales) for count in counts)

    def forward(self, x: Float[Tensor, "n c h w"], scale_index: Int[Tensor, "n"]) -> list[Tensor]:
        maps = []
        for stage, condition in zip(self.stages, self.conditions, strict=True):
            x = condition(stage(x), scale_index)
            maps.append(x)
        return maps


def _double(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _bottleneck(
    channels: int, source: tuple[int, int], target: tuple[int, int], kind: GlobalModule, groups: int
) -> nn.Module:
    if kind == "none":
        return Squash(target)
    if kind == "pool":
        return nn.Sequential(Squash(target), PooledCode(channels))
    return nn.Sequential(GlobalMap(channels, source, target, groups), ChannelMixer(channels), PooledCode(channels))


def _check(height: int, width: int, uv_size: int, global_module: str, output: str) -> None:
    for name, value in (("height", height), ("width", width), ("uv_size", uv_size)):
        if value < 16 or value % 16:
            raise UserError(f"model.network.{name}: expected a multiple of 16, got {value}")
    for name, value, known in (("global_module", global_module, GlobalModule), ("output", output, Output)):
        if value not in get_args(known):
            raise UserError(f"model.network.{name}: expected one of {', '.join(get_args(known))}, got {value!r}")


def predict_maps(network: TexGlo, atlas: UVAtlas, batch: TextureBatch) -> Float[Tensor, "sn 3 t t"]:
    """UV maps in [0, 1] of all inputs of a batch, size-major rows."""
    inputs = batch.inputs.flatten(0, 1).contiguous(memory_format=torch.channels_last)
    visible = None
    if network.texels is not None:
        sizes, people = batch.sizes.shape
        first = batch.surface[torch.arange(people, device=inputs.device).repeat(sizes)]
        visible = network.second_input(inputs, first, atlas)
    return (network(inputs, batch.scale_index.flatten(), visible) + 1) / 2
