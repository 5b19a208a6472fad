"""The whole network: encoder, pooling, body regressor and contrastive projector (spec section 2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rscnet.models.dense import DenseHead, read_keypoints
from rscnet.models.projector import Projector
from rscnet.models.regressor import Array, IterativeRegressor
from rscnet.models.resnet import ResolutionAwareResNet
from rscnet.structures import DensePrediction, Prediction


class RSCNet(nn.Module):
    """Body parameters of a picture of any resolution that was brought to the network's input size.

    Args:
        encoder: `(views, scale_index) -> feature map`.
        regressor: pooled feature to body parameters.
        projector: pooled feature to the contrastive feature; None leaves it out.
        head: our extension, None in the paper: a dense head whose keypoints are appended to the pooled feature, so that
            a slim network need not learn to say where joints are through a pooled feature.
    """

    def __init__(
        self,
        encoder: ResolutionAwareResNet,
        regressor: IterativeRegressor,
        projector: Projector | None = None,
        head: DenseHead | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.regressor = regressor
        self.projector = projector
        self.head = head

    def forward(self, views: Float[Tensor, "n 3 h w"], scale_index: Int[Tensor, "n"]) -> Prediction:
        """Predict for normalised views of any (equal) size; scale indices may be mixed within the batch."""
        feature, dense = pooled_features(self.encoder, self.head, views, scale_index)
        projection = None if self.projector is None else self.projector(feature)
        return Prediction(self.regressor(feature), feature, projection, dense)

    def features(self, views: Float[Tensor, "n 3 h w"], scale_index: Int[Tensor, "n"]) -> Float[Tensor, "n c"]:
        """What regressor and projector see: the pooled feature, with keypoints where there is a dense head."""
        return pooled_features(self.encoder, self.head, views, scale_index)[0]


def pooled_features(
    encoder: ResolutionAwareResNet,
    head: DenseHead | None,
    views: Float[Tensor, "n 3 h w"],
    scale_index: Int[Tensor, "n"],
) -> tuple[Float[Tensor, "n c"], DensePrediction | None]:
    """The encoder's last map averaged over the picture, with the keypoints of a dense head where there is one, and what
    that head says."""
    if head is None:
        return encoder(views, scale_index).mean(dim=(2, 3)), None
    maps = encoder.stages(views, scale_index)
    dense = head(maps)
    return torch.cat([maps[-1].mean(dim=(2, 3)).float(), read_keypoints(dense)], dim=1), dense


class MeanBody(Protocol):
    """Whatever knows the mean parameters that the regressor starts from; the body model does."""

    @property
    def mean_pose(self) -> Array: ...

    @property
    def mean_shape(self) -> Array: ...

    @property
    def mean_cam(self) -> Array: ...


def build_rscnet(
    encoder: ResolutionAwareResNet,
    regressor: Callable[..., IterativeRegressor],
    body: MeanBody,
    projector: Callable[..., Projector] | None = None,
    head: Callable[..., DenseHead] | None = None,
) -> RSCNet:
    """RSCNet out of a configuration: heads come as partial constructors and learn their input width from the encoder,
    and the regressor starts from the mean of the body."""
    dense = None if head is None else head(encoder.stage_channels)
    width = encoder.out_channels + (0 if dense is None else dense.keypoint_features)
    body_head = regressor(features=width, mean_pose=body.mean_pose, mean_shape=body.mean_shape, mean_cam=body.mean_cam)
    return RSCNet(encoder, body_head, None if projector is None else projector(features=width), dense)
