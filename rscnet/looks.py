"""How often a trained network looks at a picture of a person: once as in the paper; in other frames and a mirror too,
and again with the background out of focus, which are our extensions, for prediction alone."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor, nn

from rscnet.body.model import BodyModel
from rscnet.data.focus import blur_background
from rscnet.data.views import normalise
from rscnet.losses.posed import pose_bodies
from rscnet.models.mirrored import Mirrored
from rscnet.models.reframed import Reframed
from rscnet.render.silhouette import silhouettes
from rscnet.structures import Prediction

REACH, BLUR = 0.08, 0.05  # of the focused look, in sides of the crop: how far around the body it is sharp, and the blur
STRIDE = 2  # pixels of a crop per cell of a body's outline


class Looks:
    """A network, asked once or more.

    Args:
        network: says a `Prediction` with camera of `(views, scale_index)`.
        body: poses the first answer.
        mirror: look in a mirror too, see `Mirrored`.
        reframe: look at each of them in several frames, see `Reframed`.
        focus: look again at the picture blurred where the first answer has nobody near, and take the second answer. A
            picture in which the first has nobody at all is not blurred.
    """

    def __init__(self, network: nn.Module, body: BodyModel, mirror: bool, focus: bool, reframe: bool) -> None:
        self.body, self.focus = body, focus
        network = Reframed(network) if reframe else network
        self._network = Mirrored(network) if mirror else network

    @torch.no_grad()
    def __call__(self, pictures: UInt8[np.ndarray, "n s s 3"], scale_index: Int[Tensor, "n"]) -> Prediction:
        """What it says of pictures at the network's input size, on the device of `scale_index`."""
        said = self._look(pictures, scale_index)
        if not self.focus or not len(pictures):
            return said
        posed = pose_bodies(self.body, said.parameters)
        assert posed.vertices is not None
        cells = pictures.shape[1] // STRIDE
        people = silhouettes(posed.vertices, posed.translation, self.body.faces, cells)
        focused = [
            blur_background(picture, person, REACH, BLUR) if person.any() else picture
            for picture, person in zip(pictures, people, strict=True)
        ]
        return self._look(np.stack(focused), scale_index)

    def _look(self, pictures: UInt8[np.ndarray, "n s s 3"], scale_index: Int[Tensor, "n"]) -> Prediction:
        return self._network(normalise(pictures).to(scale_index.device), scale_index)
