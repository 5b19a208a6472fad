"""The part of RSC-Net that unlabelled pictures train: encoder, dense head where there is one, and projector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor, nn

from rscnet.models.dense import DenseHead
from rscnet.models.projector import Projector
from rscnet.models.resnet import ResolutionAwareResNet
from rscnet.models.rscnet import pooled_features
from rscnet.structures import TensorStruct


@dataclass(frozen=True)
class Features(TensorStruct):
    """Pooled feature of `n` views and its projection."""

    feature: Float[Tensor, "n c"]
    projection: Float[Tensor, "n d"]


class FeatureNet(nn.Module):
    """RSCNet without its body regressor, under the same names, so that RSCNet starts from it (`init_from`).

    Args:
        encoder: `(views, scale_index) -> feature map`.
        projector: takes the width of the feature as RSCNet forms it, the dense head's keypoints included.
        head: dense head whose keypoints join the pooled feature. Without labels its maps may become other landmarks
            than joints; what matters here is that they are the same at all resolutions.
    """

    def __init__(
        self,
        encoder: ResolutionAwareResNet,
        projector: Callable[..., Projector],
        head: Callable[..., DenseHead] | None = None,
    ) -> None:
        super().__init__()
        dense = None if head is None else head(encoder.stage_channels)
        width = encoder.out_channels + (0 if dense is None else dense.keypoint_features)
        self.encoder = encoder
        self.projector = projector(features=width)
        self.head = dense

    def forward(self, views: Float[Tensor, "n 3 h w"], scale_index: Int[Tensor, "n"]) -> Features:
        """Features of normalised views; scale indices may be mixed within the batch."""
        feature, _ = pooled_features(self.encoder, self.head, views, scale_index)
        return Features(feature, self.projector(feature))
