"""Frames of `overlay.mp4`: the video, the bodies on it, and the bodies from the side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image
from torch import Tensor

from rscnet.body.model import BodyModel
from rscnet.data.images import Picture
from rscnet.geometry.cameras import camera_to_translation
from rscnet.render.pictures import PAPER, overlay, side_view
from rscnet.render.scene import PALETTE, Camera, Mesh, Renderer
from rscnet.video.motion import PersonMotion

SIDE_MARGIN = 0.9  # bodies from the side are drawn this much smaller than in their crops


class OverlayPainter:
    """Paints one frame after the other, each side by side as input, overlay and side view.

    Args:
        people: everybody's motion.
        body: poses them.
        renderer: draws them.
        height: of the frames in pixels; videos that are smaller are enlarged.
        people_shown: from the side, the first ones by number.
    """

    def __init__(
        self, people: Sequence[PersonMotion], body: BodyModel, renderer: Renderer, height: int, people_shown: int
    ) -> None:
        self.people, self.body, self.renderer = people, body, renderer
        self.height = height
        self.shown = list(people[:people_shown])
        self._columns = int(np.ceil(len(self.shown) ** 0.5)) or 1
        self._cell = height // self._columns
        # one scale over the whole clip, so that nobody trembles because their box does
        self._scales = {person.id: SIDE_MARGIN * float(person.track.camera[:, 0].median()) for person in self.shown}

    def __call__(self, number: int, picture: Picture) -> Picture:
        """The three pictures of frame `number`."""
        scale = self.height / picture.shape[0]
        width = max(1, round(picture.shape[1] * scale))
        small = np.asarray(Image.fromarray(picture).resize((width, self.height), Image.Resampling.BICUBIC))
        present = [person for person in self.people if person.visible(number)]
        bodies: dict[int, Tensor] = {}
        meshes = []
        for person in present:
            row = number - person.first
            vertices = person.posed(self.body, row).vertices[0]
            bodies[person.id] = vertices
            left, top, side = (scale * float(value) for value in person.track.crops[row])
            camera = person.track.camera[row].to(vertices.device)
            colour = PALETTE[person.id % len(PALETTE)]
            meshes.append(Mesh.of_body(vertices, camera, self.body.faces, (left, top, side), colour))
        drawn = overlay(small, meshes, self.renderer) if meshes else small
        return np.concatenate([small, drawn, self._side(bodies)], axis=1)

    def _side(self, bodies: Mapping[int, Tensor]) -> Picture:
        """Everybody from their side in cells of a square picture; empty cells for those who are away."""
        sheet = np.empty((self.height, self.height, 3), np.uint8)
        sheet[:] = np.round(255 * np.asarray(PAPER))
        size = self._cell
        for cell, person in enumerate(self.shown):
            if person.id not in bodies:
                continue
            vertices = bodies[person.id]
            middle = (vertices.amin(0) + vertices.amax(0)) / 2
            place = camera_to_translation(vertices.new_tensor([self._scales[person.id], 0.0, 0.0]))
            colour = PALETTE[person.id % len(PALETTE)]
            mesh = Mesh(vertices - middle + place, self.body.faces, Camera.of_crop(0, 0, size), colour)
            top, left = (size * index for index in divmod(cell, self._columns))
            sheet[top : top + size, left : left + size] = side_view(mesh, size, self.renderer)
        return sheet
