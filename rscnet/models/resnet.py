"""ResNet whose residual branches are scaled by coefficients that depend on the resolution (spec section 2.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rscnet.errors import UserError

BLOCKS_OF_DEPTH = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
STAGES = ("layer1", "layer2", "layer3", "layer4")


class Basic(nn.Module):
    """Two 3x3 convolutions (ResNet-18 and 34); the coefficient scales the branch, never the shortcut."""

    expansion = 1

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = _shortcut(inputs, channels, stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor, coefficient: Float[Tensor, "n 1 1 1"] | None = None) -> Tensor:
        branch = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(_joined(branch, coefficient, self.downsample(x)))


class Bottleneck(nn.Module):
    """1x1, 3x3 (with the stride, as in torchvision), 1x1 to four times the channels (ResNet-50)."""

    expansion = 4

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, channels * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels * self.expansion)
        self.downsample = _shortcut(inputs, channels * self.expansion, stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor, coefficient: Float[Tensor, "n 1 1 1"] | None) -> Tensor:
        branch = self.relu(self.bn1(self.conv1(x)))
        branch = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(branch)))))
        return self.relu(_joined(branch, coefficient, self.downsample(x)))


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


def _joined(branch: Tensor, coefficient: Tensor | None, shortcut: Tensor) -> Tensor:
    """The sum of both, the branch times its coefficient, in one pass over memory."""
    if coefficient is None:
        return branch + shortcut
    # the cast keeps mixed precision from promoting the whole feature map to float32
    return torch.addcmul(shortcut, branch, coefficient.to(branch.dtype))


class Stage(nn.Module):
    """Residual blocks with one coefficient per scale index and block, 1 at the start."""

    alphas: Float[nn.Parameter, "scales blocks"] | None

    def __init__(
        self, block: type[Basic] | type[Bottleneck], inputs: int, channels: int, blocks: int, stride: int, scales: int
    ) -> None:
        super().__init__()
        widths = [inputs] + [channels * block.expansion] * (blocks - 1)
        self.blocks = nn.ModuleList(block(w, channels, stride if i == 0 else 1) for i, w in enumerate(widths))
        self.register_parameter("alphas", nn.Parameter(torch.ones(scales, blocks)) if scales else None)

    def forward(self, x: Tensor, scale_index: Int[Tensor, "n"]) -> Tensor:
        rows = None if self.alphas is None else self.alphas[scale_index]
        for i, block in enumerate(self.blocks):
            x = block(x, None if rows is None else rows[:, i, None, None, None])
        return x


class ResolutionAwareResNet(nn.Module):
    """Feature extractor with shared weights and a matrix of coefficients, one row per resolution range.

    Every residual block computes `relu(alpha * branch(x) + shortcut(x))`, where alpha is picked by the scale index of
    each picture, so that one batch may mix resolutions. The stride-2 layout is torchvision's ResNet v1.5.

    Args:
        depth: 18, 34 or 50.
        width: factor on all channel counts (the paper's network has 1).
        scales: number of resolution ranges.
        resolution_aware: False keeps all coefficients at 1 and has none to train: a plain ResNet.

    Raises:
        UserError: a depth, width or number of scales that cannot be built.
    """

    def __init__(self, depth: int = 50, width: float = 1.0, scales: int = 5, resolution_aware: bool = True) -> None:
        super().__init__()
        base = round(64 * width)
        if depth not in BLOCKS_OF_DEPTH or base < 1 or scales < 1:
            raise UserError(
                f"model.encoder: depth must be one of {list(BLOCKS_OF_DEPTH)}, width and scales positive, "
                f"got depth={depth}, width={width}, scales={scales}"
            )
        block = Bottleneck if depth == 50 else Basic
        self.conv1 = nn.Conv2d(3, base, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(base)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        inputs = base
        self.stage_channels: list[int] = []
        for i, (name, blocks) in enumerate(zip(STAGES, BLOCKS_OF_DEPTH[depth], strict=True)):
            channels = base * 2**i
            rows = scales if resolution_aware else 0
            self.add_module(name, Stage(block, inputs, channels, blocks, stride=1 if i == 0 else 2, scales=rows))
            inputs = channels * block.expansion
            self.stage_channels.append(inputs)
        self.out_channels = inputs
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def stages(self, views: Float[Tensor, "n 3 h w"], scale_index: Int[Tensor, "n"]) -> list[Float[Tensor, "n c h w"]]:
        """Feature maps after each of the four stages, at 1/4, 1/8, 1/16 and 1/32 of the input size."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(views))))
        maps = []
        for name in STAGES:
            x = self.get_submodule(name)(x, scale_index)
            maps.append(x)
        return maps

    def forward(self, views: Float[Tensor, "n 3 h w"], scale_index: Int[Tensor, "n"]) -> Float[Tensor, "n c hf wf"]:
        """Last feature map of normalised pictures; `scale_index` picks each picture's row of coefficients."""
        return self.stages(views, scale_index)[-1]

    def known_scales(self) -> list[int]:
        """The scale indices whose coefficients are no longer the ones that they began as; none of a plain network."""
        rows = [stage.alphas for stage in map(self.get_submodule, STAGES) if isinstance(stage.alphas, Tensor)]
        moved = (torch.cat(rows, dim=1) != 1).any(1) if rows else torch.zeros(0)
        return torch.nonzero(moved)[:, 0].tolist()

    @torch.no_grad()
    def warm_start(self, source: int, target: int) -> None:
        """Copy the coefficients of scale `source` to scale `target`, in place so that an optimizer keeps its hold."""
        for name in STAGES:
            stage = self.get_submodule(name)
            if isinstance(stage.alphas, Tensor):
                stage.alphas[target] = stage.alphas[source]


def coefficients(state: Mapping[str, Tensor]) -> dict[str, Float[Tensor, "scales"]]:
    """Coefficients of each residual block at each scale, by block (`layer2.1`), from the names and tensors of a module
    that holds a resolution-aware encoder; nothing for a plain network."""
    rows = ((re.search(r"(layer\d)\.alphas$", name), value) for name, value in state.items())
    return {f"{m[1]}.{i}": column for m, value in rows if m for i, column in enumerate(value.detach().unbind(1))}
