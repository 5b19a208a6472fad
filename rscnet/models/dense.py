"""Dense pretraining network: the encoder under a light top-down decoder for joint heat maps and body parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from rscnet.joints import HEATMAP_30
from rscnet.models.resnet import ResolutionAwareResNet
from rscnet.structures import TensorStruct


@dataclass(frozen=True)
class DensePrediction(TensorStruct):
    """Logits on a grid of a quarter of the input size."""

    heatmaps: Float[Tensor, "n j h w"]
    parts: Float[Tensor, "n p h w"]


class DenseNet(nn.Module):
    """Feature pyramid over the encoder's four stages (Lin et al., CVPR 2017), read out at the finest one.

    The top-down path starts at the last stage, so that all of the encoder is trained.

    Args:
        encoder: the resolution-aware encoder that is pretrained.
        joints: positions in TRAINING_49 of the joints that get a heat map, in the order of the output.
        parts: number of part labels, background included.
        channels: width of the pyramid.
    """

    def __init__(
        self,
        encoder: ResolutionAwareResNet,
        joints: Sequence[int] = HEATMAP_30,
        parts: int = 25,
        channels: int = 64,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.joints = tuple(joints)
        self.laterals = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in encoder.stage_channels)
        self.smooth = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
        )
        self.heatmap_head = nn.Conv2d(channels, len(self.joints), 1)
        self.part_head = nn.Conv2d(channels, parts, 1)

    def forward(self, views: Float[Tensor, "n 3 h w"], scale_index: Int[Tensor, "n"]) -> DensePrediction:
        """Logits of heat maps (softmax over the cells) and of parts (softmax over the labels)."""
        maps = [lateral(x) for lateral, x in zip(self.laterals, self.encoder.stages(views, scale_index), strict=True)]
        merged = maps[-1]
        for finer in reversed(maps[:-1]):
            merged = finer + F.interpolate(merged, size=finer.shape[-2:], mode="nearest")
        merged = self.smooth(merged)
        return DensePrediction(heatmaps=self.heatmap_head(merged), parts=self.part_head(merged))
