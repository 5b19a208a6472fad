"""ResNet whose residual branches are scaled by coefficients that depend on the resolution (spec section 2.3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rscnet.errors import UserError
from rscnet.models.normalisation import Rows, ScaleNorm, normalised

BLOCKS_OF_DEPTH = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
STAGES = ("layer1", "layer2", "layer3", "layer4")
Norm = Callable[[int], nn.Module]
"""Makes the batch normalisation of so many channels."""


class Basic(nn.Module):
    """Two 3x3 convolutions (ResNet-18 and 34); the coefficient scales the branch, never the shortcut."""

    expansion = 1

    def __init__(self, inputs: int, channels: int, stride: int, norm: Norm = nn.BatchNorm2d) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, padding=1, bias=False)
        self.bn1 = norm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = norm(channels)
        self.downsample = _shortcut(inputs, channels, stride, norm)
        self.relu = nn.ReLU(inplace=True)

    def forward(
        self, x: Tensor, coefficient: Float[Tensor, "n 1 1 1"] | None = None, rows: Rows | None = None
    ) -> Tensor:
        branch = self.relu(normalised(self.bn1, self.conv1(x), rows))
        branch = normalised(self.bn2, self.conv2(branch), rows)
        return self.relu(_joined(branch, coefficient, _shortened(self.downsample, x, rows)))


class Bottleneck(nn.Module):
    """1x1, 3x3 (with the stride, as in torchvision), 1x1 to four times the channels (ResNet-50)."""

    expansion = 4

    def __init__(self, inputs: int, channels: int, stride: int, norm: Norm = nn.BatchNorm2d) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 1, bias=False)
        self.bn1 = norm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = norm(channels)
        self.conv3 = nn.Conv2d(channels, channels * self.expansion, 1, bias=False)
        self.bn3 = norm(channels * self.expansion)
        self.downsample = _shortcut(inputs, channels * self.expansion, stride, norm)
        self.relu = nn.ReLU(inplace=True)

    def forward(
        self, x: Tensor, coefficient: Float[Tensor, "n 1 1 1"] | None = None, rows: Rows | None = None
    ) -> Tensor:
        branch = self.relu(normalised(self.bn1, self.conv1(x), rows))
        branch = self.relu(normalised(self.bn2, self.conv2(branch), rows))
        branch = normalised(self.bn3, self.conv3(branch), rows)
        return self.relu(_joined(branch, coefficient, _shortened(self.downsample, x, rows)))


def _shortcut(inputs: int, outputs: int, stride: int, norm: Norm) -> nn.Module:
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), norm(outputs))


def _shortened(shortcut: nn.Module, x: Tensor, rows: Rows | None) -> Tensor:
    if not isinstance(shortcut, nn.Sequential):
        return x
    conv, norm = shortcut
    return normalised(norm, conv(x), rows)


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
        self,
        block: type[Basic] | type[Bottleneck],
        inputs: int,
        channels: int,
        blocks: int,
        stride: int,
        scales: int,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        widths = [inputs] + [channels * block.expansion] * (blocks - 1)
        self.blocks = nn.ModuleList(block(w, channels, stride if i == 0 else 1, norm) for i, w in enumerate(widths))
        self.register_parameter("alphas", nn.Parameter(torch.ones(scales, blocks)) if scales else None)

    def forward(self, x: Tensor, rows: Rows) -> Tensor:
        picked = None if self.alphas is None else self.alphas[rows.scale_index]
        for i, block in enumerate(self.blocks):
            x = block(x, None if picked is None else picked[:, i, None, None, None], rows)
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
        own_norm: our extension, False in the paper: batch normalisation has its own statistics, weights and biases for
            each scale too (`ScaleNorm`), unless the network is a plain ResNet.

    Raises:
        UserError: a depth, width or number of scales that cannot be built.
    """

    def __init__(
        self,
        depth: int = 50,
        width: float = 1.0,
        scales: int = 5,
        resolution_aware: bool = True,
        own_norm: bool = False,
    ) -> None:
        super().__init__()
        base = round(64 * width)
        if depth not in BLOCKS_OF_DEPTH or base < 1 or scales < 1:
            raise UserError(
                f"model.encoder: depth must be one of {list(BLOCKS_OF_DEPTH)}, width and scales positive, "
                f"got depth={depth}, width={width}, scales={scales}"
            )
        block = Bottleneck if depth == 50 else Basic
        self.own_norm = own_norm and resolution_aware
        norm: Norm = partial(ScaleNorm, scales=scales) if self.own_norm else nn.BatchNorm2d
        self.conv1 = nn.Conv2d(3, base, 7, stride=2, padding=3, bias=False)
        self.bn1 = norm(base)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        inputs = base
        self.stage_channels: list[int] = []
        for i, (name, blocks) in enumerate(zip(STAGES, BLOCKS_OF_DEPTH[depth], strict=True)):
            channels = base * 2**i
            rows = scales if resolution_aware else 0
            self.add_module(name, Stage(block, inputs, channels, blocks, 1 if i == 0 else 2, rows, norm))
            inputs = channels * block.expansion
            self.stage_channels.append(inputs)
        self.out_channels = inputs
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def stages(self, views: Float[Tensor, "n 3 h w"], scale_index: Int[Tensor, "n"]) -> list[Float[Tensor, "n c h w"]]:
        """Feature maps after each of the four stages, at 1/4, 1/8, 1/16 and 1/32 of the input size."""
        if self.own_norm and self.training:
            return self._grouped(views, scale_index)
        return self._stages(views, Rows(scale_index))

    def _stages(self, views: Tensor, rows: Rows) -> list[Tensor]:
        x = self.maxpool(self.relu(normalised(self.bn1, self.conv1(views), rows)))
        maps = []
        for name in STAGES:
            x = self.get_submodule(name)(x, rows)
            maps.append(x)
        return maps

    def _grouped(self, views: Tensor, scale_index: Tensor) -> list[Tensor]:
        """The stages' maps of views that lie together by scale on their way through."""
        order = scale_index.argsort(stable=True)
        rows = Rows.grouped(scale_index[order])
        if bool((scale_index == rows.scale_index).all()):  # as in view-major batches
            return self._stages(views, rows)
        back = order.argsort()
        return [level[back] for level in self._stages(views[order], rows)]

    def forward(self, views: Float[Tensor, "n 3 h w"], scale_index: Int[Tensor, "n"]) -> Float[Tensor, "n c hf wf"]:
        """Last feature map of normalised pictures; `scale_index` picks each picture's row of coefficients."""
        return self.stages(views, scale_index)[-1]

    def own_parameters(self) -> list[nn.Parameter]:
        """What each scale has a row of: coefficients, weights and biases of its normalisation."""
        norms = [module for module in self.modules() if isinstance(module, ScaleNorm)]
        rows = [module.alphas for module in self.modules() if isinstance(module, Stage) and module.alphas is not None]
        return rows + [parameter for norm in norms for parameter in (norm.weight, norm.bias)]

    def known_scales(self) -> list[int]:
        """The scale indices whose coefficients are no longer the ones that they began as; none of a plain network."""
        rows = [stage.alphas for stage in map(self.get_submodule, STAGES) if isinstance(stage.alphas, Tensor)]
        moved = (torch.cat(rows, dim=1) != 1).any(1) if rows else torch.zeros(0)
        return torch.nonzero(moved)[:, 0].tolist()

    @torch.no_grad()
    def warm_start(self, source: int, target: int) -> None:
        """Copy what scale `source` has of its own to scale `target`, in place so that an optimizer keeps its hold.

        Coefficients of scales below `target` stay; own normalisation they take too, until they are started.
        """
        for module in self.modules():
            if isinstance(module, ScaleNorm):
                module.copy_scale(source, target)
            if isinstance(module, Stage) and module.alphas is not None:
                module.alphas[target] = module.alphas[source]


def coefficients(state: Mapping[str, Tensor]) -> dict[str, Float[Tensor, "scales"]]:
    """Coefficients of each residual block at each scale, by block (`layer2.1`), from the names and tensors of a module
    that holds a resolution-aware encoder; nothing for a plain network."""
    rows = ((re.search(r"(layer\d)\.alphas$", name), value) for name, value in state.items())
    return {f"{m[1]}.{i}": column for m, value in rows if m for i, column in enumerate(value.detach().unbind(1))}
