"""What a picture shows: meshes seen by a camera, and the one protocol by which every backend draws them.

Vertices are in the camera frame (x right, y down, z forward, metres). Colours are RGB in [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from rscnet.geometry.cameras import NORMALISED_FOCAL, camera_to_translation

VIEWER_FROM_CAMERA = (1.0, -1.0, -1.0)
"""Factors of x, y, z from the camera frame to that of glTF, OBJ and OpenGL: y up, looking along -z."""
GAMMA = 2.2
"""Exponent from colours as we have them to linear light, which glTF and OpenGL take plain and vertex colours as, while
they decode pictures themselves."""
RGB = tuple[float, float, float]
PALETTE: tuple[RGB, ...] = (
    (0.70, 0.78, 0.88),  # blue-grey, the colour of a single body
    (0.93, 0.77, 0.66),
    (0.72, 0.85, 0.72),
    (0.85, 0.75, 0.88),
    (0.92, 0.87, 0.66),
    (0.66, 0.84, 0.86),
)


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: focal length and principal point in pixels of the picture (pixel centres at + 0.5)."""

    focal: float
    centre: tuple[float, float]

    @classmethod
    def of_crop(cls, left: float, top: float, side: float) -> Camera:
        """Camera of a square person crop whose corner lies at (left, top) of the picture, ``side`` pixels wide.

        The crop's camera followed by the shift and scale from crop to picture is again a pinhole camera, so a body
        predicted from a crop needs nothing else to be drawn on the whole photo. For the crop itself: (0, 0, size).
        """
        return cls(NORMALISED_FOCAL * side / 2, (left + side / 2, top + side / 2))

    def project(self, points: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n 3"]:
        """Pixel x, pixel y and depth in metres of points in the camera frame."""
        depth = points[..., 2:]
        return torch.cat([self.focal * points[..., :2] / depth + points.new_tensor(self.centre), depth], -1)


@dataclass(frozen=True)
class TextureMap:
    """A picture and where each face lies on it: UV in [0, 1] with v up; ``image`` is RGB in [0, 1]."""

    image: Float[Tensor, "3 ht wt"]
    vt: Float[Tensor, "t 2"]
    ft: Int[Tensor, "f 3"]

    def vertex_of_uv(self, faces: Int[Tensor, "f 3"]) -> Int[Tensor, "t"]:
        """The vertex that each UV coordinate belongs to, for formats with one index per corner."""
        vertices = faces.new_zeros(len(self.vt))
        vertices[self.ft.reshape(-1)] = faces.reshape(-1)
        return vertices

    def as_bytes(self) -> UInt8[np.ndarray, "ht wt 3"]:
        """The picture as other programs take it; values outside [0, 1] are clamped."""
        image = self.image.detach().clamp(0, 1).permute(1, 2, 0)
        return (image * 255).round().byte().contiguous().cpu().numpy()


@dataclass(frozen=True)
class Mesh:
    """A surface in the camera frame and the camera that sees it.

    Attributes:
        vertices: metres, x right, y down, z forward.
        faces: outward (counter-clockwise) winding.
        camera: maps to pixels of the picture.
        colour: one colour, or one per vertex; not used where there is a texture.
        texture: drawn instead of the colour.
    """

    vertices: Float[Tensor, "v 3"]
    faces: Int[Tensor, "f 3"]
    camera: Camera
    colour: RGB | Float[Tensor, "v 3"] = PALETTE[0]
    texture: TextureMap | None = None

    @classmethod
    def of_body(
        cls,
        vertices: Float[Tensor, "v 3"],
        camera: Float[Tensor, "3"],
        faces: Int[Tensor, "f 3"],
        crop: tuple[float, float, float],
        colour: RGB | Float[Tensor, "v 3"] = PALETTE[0],
        texture: TextureMap | None = None,
    ) -> Mesh:
        """A predicted body: ``vertices`` not yet translated, ``camera`` weak perspective [s, tx, ty] over the crop.

        ``crop`` is (left, top, side) in pixels of the picture that the body is to be drawn on.
        """
        return cls(vertices + camera_to_translation(camera), faces, Camera.of_crop(*crop), colour, texture)

    def rotated(self, degrees: float) -> Mesh:
        """The mesh turned about the vertical through its centre; 90 shows the side that is on the picture's right."""
        angle = math.radians(degrees)
        turn = self.vertices.new_tensor(
            [[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]]
        )
        centre = self.centre()
        return replace(self, vertices=(self.vertices - centre) @ turn.T + centre)

    def framed(self, height: int, width: int, margin: float = 0.06) -> Mesh:
        """The mesh moved and its camera chosen so that it fills a picture and stays inside when it is turned.

        The camera is as long a lens as the paper's, so bodies look the same as in their crops.
        """
        vertices = self.vertices - self.centre()
        radius = float(vertices[:, ::2].norm(dim=1).max())
        half_height = float(vertices[:, 1].abs().max())
        pixels_per_metre = (0.5 - margin) * min(height / half_height, width / radius)
        depth = 2 * NORMALISED_FOCAL * radius
        camera = Camera(pixels_per_metre * depth, (width / 2, height / 2))
        return replace(self, vertices=vertices + vertices.new_tensor([0.0, 0.0, depth]), camera=camera)

    def centre(self) -> Float[Tensor, "3"]:
        """Middle of the bounding box."""
        return (self.vertices.amin(0) + self.vertices.amax(0)) / 2


class Renderer(Protocol):
    """Draws meshes into a picture, the nearer in front of the farther.

    Meshes may have different cameras (bodies from different crops of one photo). Their depths are compared after
    scaling to a common focal length: a person in a smaller crop is farther away.
    """

    def __call__(self, meshes: Sequence[Mesh], height: int, width: int) -> UInt8[np.ndarray, "h w 4"]:
        """RGBA picture; alpha is the share of the pixel that is covered, colours are not multiplied by it."""
        ...
