"""Dense pretraining network: the encoder under a light top-down decoder for joint heat maps and body parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from rscnet.joints import HEATMAP_30, OPENPOSE_25
from rscnet.models.resnet import Basic, ResolutionAwareResNet
from rscnet.structures import DensePrediction

PEAK = 20.0  # a sure heat map has a twentieth of its mass in its highest cell; brings it to the size of features


class Readout(nn.Module):
    """A convolution, then what each cell says: heat maps of joints, parts, depths.

    Args:
        joints: positions in TRAINING_49 of the joints that get a heat map, in the order of the output.
        parts: number of part labels, background included; 0 leaves parts out.
        channels: width of the map that is read.
        depths: also tell how far behind the pelvis each annotation joint is, read out of a depth map under its heat map
            (Sun et al., Integral Human Pose Regression, ECCV 2018).
    """

    def __init__(self, joints: Sequence[int], parts: int, channels: int, depths: bool) -> None:
        super().__init__()
        self.joints = tuple(joints)
        self.smooth = _convolution(channels, channels)
        self.heatmap_head = nn.Conv2d(channels, len(self.joints), 1)
        self.part_head = nn.Conv2d(channels, parts, 1) if parts else None
        self.depth_rows = [row for row, joint in enumerate(self.joints) if joint >= len(OPENPOSE_25)] if depths else []
        self.depth_head = nn.Conv2d(channels, len(self.depth_rows), 1) if depths else None

    def read(
        self, merged: Float[Tensor, "n c h w"], before: DensePrediction | None = None
    ) -> tuple[Float[Tensor, "n c h w"], DensePrediction]:
        """The smoothed map and what it says, as a correction of what was said before where that is given."""
        smooth = self.smooth(merged)
        heatmaps = self.heatmap_head(smooth)
        parts = None if self.part_head is None else self.part_head(smooth)
        if before is not None:
            heatmaps = heatmaps + before.heatmaps
            parts = None if parts is None or before.parts is None else parts + before.parts
        probability = cell_probability(heatmaps)
        if self.depth_head is None:
            return smooth, DensePrediction(heatmaps, probability, parts, first=before)
        depths = (probability[:, self.depth_rows] * self.depth_head(smooth).float()).sum((-2, -1))
        if before is not None and before.depths is not None:
            depths = depths + before.depths
        return smooth, DensePrediction(heatmaps, probability, parts, depths, first=before)


class Refinement(Readout):
    """A second look at the whole body: an hourglass over the first answer and the features it came from, which may tell
    a left leg from a right one by what it hangs on (Newell et al., Stacked Hourglass Networks, ECCV 2016).

    Corrects the first answer, and leaves it as it is at the start, so that a trained head can be given one.

    Args:
        stage_channels: widths of the encoder's stages.
        joints, parts, channels, depths: of the head that gives the first answer.
    """

    def __init__(
        self, stage_channels: Sequence[int], joints: Sequence[int], parts: int, channels: int, depths: bool
    ) -> None:
        super().__init__(joints, parts, channels, depths)
        middle, deep = channels * 3 // 2, channels * 2
        self.down = nn.ModuleList([_convolution(channels + len(self.joints), middle, 2), _convolution(middle, deep, 2)])
        self.laterals = nn.ModuleList(
            nn.Conv2d(given, taken, 1) for given, taken in zip(stage_channels[1:], (middle, deep, deep), strict=True)
        )
        self.deep = nn.Sequential(Basic(deep, deep, 1), Basic(deep, deep, 1))
        self.up = nn.ModuleList([nn.Conv2d(deep, middle, 1), nn.Conv2d(middle, channels, 1)])
        self.middle = _convolution(middle, middle)
        for layer in (self.heatmap_head, self.part_head, self.depth_head):
            if layer is not None:
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(
        self, smooth: Float[Tensor, "n c h w"], first: DensePrediction, maps: Sequence[Float[Tensor, "n c h w"]]
    ) -> DensePrediction:
        """The corrected answer; `smooth` is the map that the first one was read from, `maps` are the encoder's."""
        seen = torch.cat([smooth, first.probability.to(smooth.dtype) * PEAK], dim=1)
        middle = self.down[0](seen)
        lateral = [layer(x) for layer, x in zip(self.laterals, maps[1:], strict=True)]
        deep = self.down[1](middle) + lateral[1]
        deep = self.deep(deep + _enlarged(lateral[2], deep))
        middle = self.middle(middle + lateral[0] + _enlarged(self.up[0](deep), middle))
        return self.read(smooth + _enlarged(self.up[1](middle), smooth), first)[1]


class DenseHead(Readout):
    """Feature pyramid over the encoder's four stages (Lin et al., CVPR 2017), read out at the finest one.

    The top-down path starts at the last stage, so that all of the encoder is trained.

    Args:
        stage_channels: widths of the encoder's stages.
        joints, parts, channels, depths: see `Readout`.
        refinement: correct the answer after a second look.
    """

    def __init__(
        self,
        stage_channels: Sequence[int],
        joints: Sequence[int] = HEATMAP_30,
        parts: int = 25,
        channels: int = 64,
        depths: bool = False,
        refinement: bool = False,
    ) -> None:
        super().__init__(joints, parts, channels, depths)
        self.laterals = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in stage_channels)
        self.refinement = Refinement(stage_channels, joints, parts, channels, depths) if refinement else None

    def forward(self, maps: Sequence[Float[Tensor, "n c h w"]]) -> DensePrediction:
        """What the four stages' maps, finest first, say about joints, parts and depths."""
        lateral = [layer(x) for layer, x in zip(self.laterals, maps, strict=True)]
        merged = lateral[-1]
        for finer in reversed(lateral[:-1]):
            merged = finer + _enlarged(merged, finer)
        smooth, first = self.read(merged)
        return first if self.refinement is None else self.refinement(smooth, first, maps)

    @property
    def keypoint_features(self) -> int:
        """Length of what `read_keypoints` gives for this head."""
        return 3 * len(self.joints) + len(self.depth_rows)


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


def _enlarged(x: Float[Tensor, "n c h w"], like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="nearest")


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
