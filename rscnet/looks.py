"""How often a trained network looks at a picture of a person: once as in the paper; in other frames and a mirror too,
and again with the background out of focus, which are our extensions, for prediction."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rscnet.body.model import BodyModel
from rscnet.data.focus import blur_background
from rscnet.data.views import denormalise, normalise
from rscnet.losses.posed import pose_bodies
from rscnet.models.mirrored import Mirrored
from rscnet.models.reframed import Reframed
from rscnet.render.silhouette import silhouettes
from rscnet.structures import Prediction

REACH, BLUR = 0.08, 0.05  # of the focused look, in sides of the crop: how far around the body it is sharp, and the blur
STRIDE = 2  # pixels of a crop per cell of a body's outline


class Looks(nn.Module):
    """A network, asked once or more. It is not trained so.

    Args:
        network: says a `Prediction` with camera of `(views, scale_index)`.
        body: poses the first answer.
        mirror: look in a mirror too, see `Mirrored`.
        reframe: look at each of them in several frames, see `Reframed`.
        focus: look again at the picture blurred where the first answer has nobody near, and take the second answer. A
            picture in which the first has nobody at all is not blurred.
    """

    def __init__(self, network: nn.Module, body: BodyModel, mirror: bool, focus: bool, reframe: bool) -> None:
        super().__init__()
        self.body, self.focus = body, focus
        network = Reframed(network) if reframe else network
        self._network = Mirrored(network) if mirror else network

    @torch.no_grad()
    def forward(self, views: Float[Tensor, "n 3 s s"], scale_index: Int[Tensor, "n"]) -> Prediction:
        """Parameters and feature of normalised pictures at the network's input size; no projection and dense maps."""
        said = self._network(views, scale_index)
        if not self.focus or not len(views):
            return said
        posed = pose_bodies(self.body, said.parameters)
        assert posed.vertices is not None
        people = silhouettes(posed.vertices, posed.translation, self.body.faces, views.shape[-1] // STRIDE)
        focused = [
            blur_background(picture, person, REACH, BLUR) if person.any() else picture
            for picture, person in zip(denormalise(views), people, strict=True)
        ]
        return self._network(normalise(np.stack(focused)).to(views.device), scale_index)
