"""Losses of dense pretraining: joint heat maps as distributions over cells, parts as labels of cells, depths."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from rscnet.joints import ANNOTATION_HIPS, HEATMAP_30, OPENPOSE_25
from rscnet.structures import DensePrediction, Target

IGNORED_PART = 255


def gaussian_targets(
    keypoints: Float[Tensor, "n j 2"], height: int, width: int, sigma: float
) -> Float[Tensor, "n j h w"]:
    """Gaussians on a grid, each summing to one.

    Args:
        keypoints: centres, normalised to [-1, 1] over the crop (x right, y down).
        height: rows of cells.
        width: columns of cells.
        sigma: standard deviation in cells.
    """

    def axis(centre: Float[Tensor, "n j"], cells: int) -> Float[Tensor, "n j c"]:
        position = torch.arange(cells, device=centre.device, dtype=centre.dtype) + 0.5
        distance = (position - ((centre + 1) * (cells / 2))[..., None]) / sigma
        return torch.softmax(-0.5 * distance.square(), dim=-1)

    return axis(keypoints[..., 1], height)[..., None] * axis(keypoints[..., 0], width)[..., None, :]


class DenseLoss(nn.Module):
    """Divergence of heat maps from Gaussians, and cross-entropy of parts.

    Args:
        joints: positions in TRAINING_49 of the joints that the heat maps show, as in the network.
        sigma: standard deviation of the target in cells.
        heatmap_weight: weight of the heat maps.
        part_weight: weight of the parts.
        depth_weight: weight of the depths.
        first_weight: weight of the same losses on what a head said before its second look.
    """

    def __init__(
        self,
        joints: Sequence[int] = HEATMAP_30,
        sigma: float = 1.0,
        heatmap_weight: float = 1.0,
        part_weight: float = 1.0,
        depth_weight: float = 5.0,
        first_weight: float = 0.5,
    ) -> None:
        super().__init__()
        self.joints = list(joints)
        self.sigma = sigma
        self.weights = {"heatmaps": heatmap_weight, "parts": part_weight, "depths": depth_weight}
        self.first_weight = first_weight

    def forward(
        self,
        prediction: DensePrediction,
        target: Target,
        part_labels: Int[Tensor, "n hp wp"] | None = None,
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """Weighted total and the unweighted terms.

        Rows of the prediction are view-major, a multiple of n; all views of a sample share its target. What a head said
        before its second look is judged too (`first_<name>`). Labels on another grid are resampled to the network's;
        255 marks cells without one. Joints outside the crop do not count.
        """
        views = len(prediction.heatmaps) // len(target.keypoints_2d)
        wanted = self._wanted(prediction.heatmaps, target.keypoints_2d[:, self.joints], views)
        answers = {"": prediction} if prediction.first is None else {"": prediction, "first_": prediction.first}
        total, terms = prediction.heatmaps.new_zeros((), dtype=torch.float32), {}
        for prefix, answer in answers.items():
            found = self._terms(answer, wanted, target, part_labels, views)
            weight = self.first_weight if prefix else 1.0
            total = total + weight * torch.stack([self.weights[name] * value for name, value in found.items()]).sum()
            terms |= {f"{prefix}{name}": value for name, value in found.items()}
        return total, terms

    def _terms(
        self,
        prediction: DensePrediction,
        wanted: tuple[Float[Tensor, "m j c"], Bool[Tensor, "m j"]],
        target: Target,
        part_labels: Int[Tensor, "n hp wp"] | None,
        views: int,
    ) -> dict[str, Float[Tensor, ""]]:
        terms = {"heatmaps": self._heatmaps(prediction.heatmaps.float(), *wanted)}
        if part_labels is not None and prediction.parts is not None:
            terms["parts"] = self._parts(prediction.parts.float(), part_labels.repeat(views, 1, 1))
        if prediction.depths is not None:
            terms["depths"] = self._depths(prediction.depths.float(), target, views)
        return terms

    def _wanted(
        self, like: Float[Tensor, "m j h w"], keypoints: Float[Tensor, "n j 3"], views: int
    ) -> tuple[Float[Tensor, "m j c"], Bool[Tensor, "m j"]]:
        """Distributions over the cells of `like`, and which of them count."""
        valid = (keypoints[..., 2] > 0) & (keypoints[..., :2].abs() <= 1).all(-1)
        centres = torch.where(valid[..., None], keypoints[..., :2], 0.0)
        targets = gaussian_targets(centres, like.shape[-2], like.shape[-1], self.sigma).flatten(2)
        return targets.repeat(views, 1, 1), valid.repeat(views, 1)

    def _heatmaps(
        self, logits: Float[Tensor, "m j h w"], targets: Float[Tensor, "m j c"], valid: Bool[Tensor, "m j"]
    ) -> Float[Tensor, ""]:
        divergence = F.kl_div(F.log_softmax(logits.flatten(2), dim=-1), targets, reduction="none").sum(-1)
        return (divergence * valid).sum() / valid.sum().clamp(min=1)

    def _parts(self, logits: Float[Tensor, "m p h w"], labels: Int[Tensor, "m hp wp"]) -> Float[Tensor, ""]:
        if labels.shape[-2:] != logits.shape[-2:]:
            labels = F.interpolate(labels[:, None].float(), size=logits.shape[-2:], mode="nearest-exact")[:, 0]
        labels = labels.long()
        total = F.cross_entropy(logits, labels, ignore_index=IGNORED_PART, reduction="sum")
        return total / (labels != IGNORED_PART).sum().clamp(min=1)

    def _depths(self, depths: Float[Tensor, "m d"], target: Target, views: int) -> Float[Tensor, ""]:
        rows = [joint - len(OPENPOSE_25) for joint in self.joints if joint >= len(OPENPOSE_25)]
        depth, confidence = target.joints_3d[..., 2], target.joints_3d[..., 3]
        hips = list(ANNOTATION_HIPS)
        valid = (confidence[:, rows] > 0) & (confidence[:, hips] > 0).all(-1, keepdim=True)
        valid = (valid & target.has_joints_3d[:, None]).repeat(views, 1)
        wanted = (depth[:, rows] - depth[:, hips].mean(-1, keepdim=True)).repeat(views, 1)
        error = (depths - torch.where(valid, wanted, 0.0)).abs()
        return (error * valid).sum() / valid.sum().clamp(min=1)
