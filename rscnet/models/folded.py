"""Encoder and dense head of a trained network for inference alone: batch normalisation and the coefficients of the
resolutions are folded into the convolutions, and on the CPU sums and ReLU happen inside them (oneDNN)."""

from __future__ import annotations

from copy import deepcopy

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from rscnet.models.dense import DenseHead
from rscnet.models.normalisation import ScaleNorm
from rscnet.models.resnet import STAGES, Basic, Bottleneck, ResolutionAwareResNet
from rscnet.models.rscnet import RSCNet

NORMALISED = [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]


class FoldedConv:
    """`relu(factor * norm(conv(x)) + shortcut)` as one convolution.

    Args:
        conv, norm: a convolution without bias and its batch normalisation, in evaluation mode.
        factor: the coefficient of a residual branch.
    """

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d, factor: float = 1.0) -> None:
        folded = fuse_conv_bn_eval(conv, norm)
        assert folded.bias is not None
        self.bias = factor * folded.bias.detach()
        self.weight = (factor * folded.weight.detach()).contiguous(memory_format=torch.channels_last)
        self.stride, self.padding = list(conv.stride), [int(side) for side in conv.padding]
        self.fused = self.weight.device.type == "cpu" and torch.backends.mkldnn.is_available()

    def __call__(self, x: Tensor, shortcut: Tensor | None = None, relu: bool = True) -> Tensor:
        if not self.fused:
            found = F.conv2d(x, self.weight, self.bias, self.stride, self.padding)
            found = found if shortcut is None else found.add_(shortcut)
            return found.relu_() if relu else found
        window = (self.padding, self.stride, [1, 1], 1)
        if not self.weight.is_mkldnn:  # else oneDNN would bring it to a layout that suits this input at every call
            self.weight = torch.ops.mkldnn._reorder_convolution_weight(self.weight, *window, list(x.shape))
        last = "relu" if relu else "none"
        if shortcut is None:
            return torch.ops.mkldnn._convolution_pointwise(x, self.weight, self.bias, *window, last, [], "")
        return torch.ops.mkldnn._convolution_pointwise.binary(
            x, shortcut, self.weight, self.bias, *window, "add", 1.0, last, [], ""
        )


class FoldedBlock:
    """A residual block; convolutions that differ by scale exist once for each, one per coefficient."""

    def __init__(self, block: Basic | Bottleneck, coefficients: list[float]) -> None:
        layers = [(block.conv1, block.bn1), (block.conv2, block.bn2)]
        if isinstance(block, Bottleneck):
            layers.append((block.conv3, block.bn3))
        scales = len(coefficients)
        self.first = [_folded(*layer, scales) for layer in layers[:-1]]
        self.last = [FoldedConv(layers[-1][0], _of_scale(layers[-1][1], i), c) for i, c in enumerate(coefficients)]
        shortcut = block.downsample
        self.shortcut = _folded(*shortcut, scales) if isinstance(shortcut, nn.Sequential) else None  # type: ignore[arg-type]

    def __call__(self, x: Tensor, scale: int) -> Tensor:
        branch = x
        for layer in self.first:
            branch = layer[scale](branch)
        shortcut = x if self.shortcut is None else self.shortcut[scale](x, relu=False)
        return self.last[scale](branch, shortcut)


def _of_scale(norm: nn.Module, scale: int) -> nn.BatchNorm2d:
    return norm.of_scale(scale) if isinstance(norm, ScaleNorm) else norm  # type: ignore[return-value]


def _folded(conv: nn.Conv2d, norm: nn.Module, scales: int) -> list[FoldedConv]:
    """One for each scale, the same where nothing differs."""
    if isinstance(norm, ScaleNorm):
        return [FoldedConv(conv, norm.of_scale(scale)) for scale in range(scales)]
    return [FoldedConv(conv, norm)] * scales  # type: ignore[arg-type]


class FoldedResNet(nn.Module):
    """What a `ResolutionAwareResNet` in evaluation mode computes, up to rounding, without gradients: a snapshot of its
    weights, on their device."""

    def __init__(self, encoder: ResolutionAwareResNet) -> None:
        super().__init__()
        self.out_channels, self.stage_channels = encoder.out_channels, encoder.stage_channels
        stages = [encoder.get_submodule(name) for name in STAGES]
        scales = len(_columns(stages[0])[0])
        self._stem, self._pool = _folded(encoder.conv1, encoder.bn1, scales), encoder.maxpool
        self._aware = stages[0].alphas is not None
        self._stages = [
            [FoldedBlock(block, column) for block, column in zip(stage.blocks, _columns(stage), strict=True)]  # type: ignore[arg-type]
            for stage in stages
        ]

    def stages(self, views: Float[Tensor, "n 3 h w"], scale_index: Int[Tensor, "n"]) -> list[Float[Tensor, "n c h w"]]:
        """As `ResolutionAwareResNet.stages`; views of one scale go through together."""
        found = scale_index.unique().tolist() if self._aware and len(views) else [0]
        if len(found) == 1:
            return self._of_scale(views, found[0])
        rows = [(scale_index == scale).nonzero()[:, 0] for scale in found]
        parts = [self._of_scale(views[picked], scale) for picked, scale in zip(rows, found, strict=True)]
        order = torch.cat(rows).argsort()
        return [torch.cat(level)[order] for level in zip(*parts, strict=True)]

    def forward(self, views: Float[Tensor, "n 3 h w"], scale_index: Int[Tensor, "n"]) -> Float[Tensor, "n c hf wf"]:
        """As `ResolutionAwareResNet.forward`."""
        return self.stages(views, scale_index)[-1]

    def _of_scale(self, views: Tensor, scale: int) -> list[Tensor]:
        x = self._pool(self._stem[scale](views.contiguous(memory_format=torch.channels_last)))
        maps = []
        for blocks in self._stages:
            for block in blocks:
                x = block(x, scale)
            maps.append(x)
        return maps


def _columns(stage: nn.Module) -> list[list[float]]:
    """Coefficients of each block at every scale."""
    if isinstance(stage.alphas, Tensor):
        return stage.alphas.detach().T.tolist()
    return [[1.0]] * len(stage.blocks)  # type: ignore[arg-type]


class FoldedLayer(nn.Module):
    """A folded convolution or block in the place of the layer that it was made from."""

    def __init__(self, layer: FoldedConv | FoldedBlock) -> None:
        super().__init__()
        self._layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self._layer(x) if isinstance(self._layer, FoldedConv) else self._layer(x, 0)


def folded_head(head: DenseHead) -> DenseHead:
    """A copy of a dense head in evaluation mode with its convolutions folded, without gradients."""
    found = deepcopy(head)
    for name, layer in head.named_modules():
        if isinstance(layer, Basic):
            found.set_submodule(name, FoldedLayer(FoldedBlock(layer, [1.0])))
        elif isinstance(layer, nn.Sequential) and [type(part) for part in layer] == NORMALISED:
            found.set_submodule(name, FoldedLayer(FoldedConv(layer[0], layer[1])))  # type: ignore[arg-type]
    return found


def folded(network: RSCNet) -> RSCNet:
    """A network in evaluation mode with its encoder and head folded; it shares the other parts (an encoder of one's own
    is one of them), and is for inference only."""
    own = not isinstance(network.encoder, ResolutionAwareResNet)
    encoder = network.encoder if own else FoldedResNet(network.encoder)
    head = None if network.head is None else folded_head(network.head)
    return RSCNet(encoder, network.regressor, network.projector, head).eval()  # type: ignore[arg-type]
