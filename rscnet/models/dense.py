"""Dense pretraining network: the encoder under a light top-down decoder for joint heat maps and body parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from rscnet.joints import HEATMAP_30, OPENPOSE_25
from rscnet.models.resnet import ResolutionAwareResNet
from rscnet.structures import DensePrediction


class DenseHead(nn.Module):
    """Feature pyramid over the encoder's four stages (Lin et al., CVPR 2017), read out at the finest one.

    The top-down path starts at the last stage, so that all of the encoder is trained.

    Args:
        stage_channels: widths of the encoder's stages.
        joints: positions in TRAINING_49 of the joints that get a heat map, in the order of the output.
        parts: number of part labels, background included; 0 leaves parts out.
        channels: width of the pyramid.
        depths: also tell how far behind the pelvis each annotation joint is, read out of a depth map under its heat map
            (Sun et al., Integral Human Pose Regression, ECCV 2018).
    """

    def __init__(
        self,
        stage_channels: Sequence[int],
        joints: Sequence[int] = HEATMAP_30,
        parts: int = 25,
        channels: int = 64,
        depths: bool = False,
    ) -> None:
        super().__init__()
        self.joints = tuple(joints)
        self.laterals = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in stage_channels)
        self.smooth = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
        )
        self.heatmap_head = nn.Conv2d(channels, len(self.joints), 1)
        self.part_head = nn.Conv2d(channels, parts, 1) if parts else None
        self.depth_rows = [row for row, joint in enumerate(self.joints) if joint >= len(OPENPOSE_25)] if depths else []
        self.depth_head = nn.Conv2d(channels, len(self.depth_rows), 1) if depths else None

    def forward(self, maps: Sequence[Float[Tensor, "n c h w"]]) -> DensePrediction:
        """What the four stages' maps, finest first, say about joints, parts and depths."""
        lateral = [layer(x) for layer, x in zip(self.laterals, maps, strict=True)]
        merged = lateral[-1]
        for finer in reversed(lateral[:-1]):
            merged = finer + F.interpolate(merged, size=finer.shape[-2:], mode="nearest")
        merged = self.smooth(merged)
        parts = None if self.part_head is None else self.part_head(merged)
        heatmaps = self.heatmap_head(merged)
        probability = cell_probability(heatmaps)
        if self.depth_head is None:
            return DensePrediction(heatmaps, probability, parts)
        depths = (probability[:, self.depth_rows] * self.depth_head(merged).float()).sum((-2, -1))
        return DensePrediction(heatmaps, probability, parts, depths)

    @property
    def keypoint_features(self) -> int:
        """Length of what `read_keypoints` gives for this head."""
        return 3 * len(self.joints) + len(self.depth_rows)


def cell_probability(heatmaps: Float[Tensor, "n j h w"]) -> Float[Tensor, "n j h w"]:
    """Softmax of logits over the cells of each map, in float32."""
    return heatmaps.float().flatten(2).softmax(-1).unflatten(-1, heatmaps.shape[-2:])


def read_keypoints(prediction: DensePrediction) -> Float[Tensor, "n k"]:
    """Where the joints are and how sure that is: mean x and y in [-1, 1] of the crop, the highest cell of each map, and
    the depths where there are.

    The mean is the soft-argmax, through which gradients reach the maps.
    """
    probability = prediction.probability
    height, width = probability.shape[-2:]

    def centres(cells: int) -> Tensor:
        return (torch.arange(cells, device=probability.device) + 0.5) * (2 / cells) - 1

    x = (probability.sum(-2) * centres(width)).sum(-1)
    y = (probability.sum(-1) * centres(height)).sum(-1)
    read = [x, y, probability.flatten(2).amax(-1)]
    return torch.cat(read if prediction.depths is None else [*read, prediction.depths], dim=1)


class DenseNet(nn.Module):
    """The encoder under a dense head: what pretraining trains.

    Args:
        encoder: the resolution-aware encoder that is pretrained.
        head: takes the widths of the encoder's stages.
        size: side to which views are brought first; smaller views make the first passes cheap (progressive resizing).
    """

    def __init__(
        self,
        encoder: ResolutionAwareResNet,
        head: Callable[[Sequence[int]], DenseHead] = DenseHead,
        size: int | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.size = size
        self.head = head(encoder.stage_channels)

    def forward(self, views: Float[Tensor, "n 3 h w"], scale_index: Int[Tensor, "n"]) -> DensePrediction:
        """Logits of heat maps and of parts, and depths."""
        if self.size is not None and self.size != views.shape[-1]:
            views = F.interpolate(views, size=(self.size, self.size), mode="bilinear", antialias=True)
        return self.head(self.encoder.stages(views, scale_index))
