"""People found by a detector, where nobody gives boxes. Optional: its weights are the user's."""

from __future__ import annotations

from typing import Protocol

import torch

from rscnet.data.boxes import Box
from rscnet.data.images import Picture
from rscnet.errors import UserError

COCO_PERSON = 1


class Detector(Protocol):
    """Any callable that finds the people of a picture: boxes [left, top, width, height] in pixels."""

    def __call__(self, picture: Picture) -> list[Box]: ...


class TorchvisionDetector:
    """A detector of torchvision with weights from a file.

    Args:
        weights: state dict of the model as torchvision publishes it.
        model: name of the builder in `torchvision.models.detection`.
        score: confidence from which a box counts; small people score low.

    Raises:
        UserError: torchvision is not installed, knows no such model, or the weights do not fit.
    """

    def __init__(self, weights: str, model: str = "fasterrcnn_resnet50_fpn_v2", score: float = 0.3) -> None:
        try:
            from torchvision.models import detection  # type: ignore[import-not-found]
        except ImportError:
            raise UserError(
                "prediction.video.detector: torchvision is not installed; install the one that belongs to your torch, "
                "or give tracks=<file>"
            ) from None
        if not hasattr(detection, model):
            raise UserError(f"prediction.video.detector.model: torchvision.models.detection has no '{model}'")
        self.network = getattr(detection, model)(weights=None, weights_backbone=None)
        try:
            self.network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        except (OSError, RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"prediction.video.detector.weights: {weights}: do not fit {model} ({reason})") from None
        self.network.eval()
        self.score = score

    @torch.no_grad()
    def __call__(self, picture: Picture) -> list[Box]:
        """Boxes of people, the surest first."""
        image = torch.from_numpy(picture).permute(2, 0, 1).float() / 255
        (found,) = self.network([image])
        kept = (found["labels"] == COCO_PERSON) & (found["scores"] >= self.score)
        return [(x0, y0, x1 - x0, y1 - y0) for x0, y0, x1, y1 in found["boxes"][kept].tolist()]
