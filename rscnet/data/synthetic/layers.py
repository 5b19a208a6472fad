"""Dressed people alone, before anything is behind or before them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor
from torch.nn.functional import avg_pool2d, normalize

from rscnet.body import BodyModel
from rscnet.data.synthetic.lighting import shade
from rscnet.data.synthetic.shot import Person, Shot
from rscnet.geometry.cameras import project, to_pixels
from rscnet.render.rasterizer import Fragments, rasterize
from rscnet.render.shading import vertex_normals


class Layers:
    """Renders people on the body's device.

    Args:
        body: whose faces, parts and UV atlas are used.
        size: side of the pictures in pixels.
        supersample: people are rendered this many times larger and averaged.
    """

    def __init__(self, body: BodyModel, size: int, supersample: int) -> None:
        self.body, self.size, self.supersample = body, size, supersample

    @torch.no_grad()
    def draw(
        self,
        shots: Sequence[Shot],
        people: Sequence[Person],
        vertices: Float32[Tensor, "n v 3"],
        translation: Float32[np.ndarray, "n 3"],
        with_uv: bool = False,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """People before nothing, `size` pixels square.

        Args:
            shots, people: whose light and whose clothes.
            vertices: of the naked bodies in metres, in the camera frame, not translated.
            translation: of the camera, in metres.
            with_uv: give UV coordinates too.

        Returns:
            Premultiplied RGBA "n s s 4"; SMPL joint + 1 of the visible surface, 0 off it, "n s s"; and UV coordinates
            "n s s 2", -1 off the body, where asked for.
        """
        side, device = self.size * self.supersample, vertices.device
        moved = torch.from_numpy(translation).to(device)
        offsets = torch.from_numpy(np.stack([person.offsets for person in people])).to(device)
        dressed = vertices + offsets[..., None] * vertex_normals(vertices, self.body.faces)
        depth = dressed[..., 2:] + moved[:, None, 2:]
        pixels = torch.cat([to_pixels(project(dressed, moved), side), depth], dim=-1)
        fragments = rasterize(pixels, self.body.faces, side, side)
        normals = fragments.interpolate(vertex_normals(dressed, self.body.faces), self.body.faces)
        uv = fragments.interpolate(self.body.vt, self.body.ft)
        image = fragments.image_index()
        texture = torch.from_numpy(np.stack([person.texture for person in people])).to(device)
        colour = shade([s.light for s in shots], _nearest_texel(texture, uv, image), normalize(normals, dim=-1), image)
        rgba = fragments.dense(torch.cat([colour, torch.ones_like(colour[:, :1])], dim=1)).permute(0, 3, 1, 2)
        layer = avg_pool2d(rgba, self.supersample).permute(0, 2, 3, 1).cpu().numpy()
        return layer, self._parts(fragments), self._sparse(fragments.dense(uv, fill=-1.0)) if with_uv else None

    def _parts(self, fragments: Fragments) -> np.ndarray:
        labels = self.body.part_labels[self.body.faces[fragments.face, 0]].to(torch.uint8) + 1
        return self._sparse(fragments.dense(labels, fill=0))

    def _sparse(self, values: Tensor) -> np.ndarray:
        """Supersampled values at the sample nearest to each pixel's centre."""
        first = self.supersample // 2
        return values[:, first :: self.supersample, first :: self.supersample].cpu().numpy()


def over(picture: Float32[np.ndarray, "s s 3"], layer: Float32[np.ndarray, "s s 4"]) -> Float32[np.ndarray, "s s 3"]:
    """The picture with premultiplied RGBA in front of it."""
    return layer[..., :3] + (1 - layer[..., 3:]) * picture


def _nearest_texel(
    texture: Float32[Tensor, "b t t 3"], uv: Float32[Tensor, "k 2"], image: Int64[Tensor, "k"]
) -> Float32[Tensor, "k 3"]:
    """Colour under `uv`; supersampling averages texels already, so that nothing is interpolated here."""
    size = texture.shape[1]
    columns = (uv[:, 0] * size).long().clamp(0, size - 1)
    rows = ((1 - uv[:, 1]) * size).long().clamp(0, size - 1)
    return texture.view(-1, 3).index_select(0, (image * size + rows) * size + columns)
