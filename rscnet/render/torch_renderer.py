"""Pictures of meshes with the torch rasteriser: the default backend, which works wherever torch does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from rscnet.render.rasterizer import BOTH, Fragments, rasterize
from rscnet.render.scene import Mesh
from rscnet.render.shading import StudioLight, vertex_normals
from rscnet.render.texture import sample_texture


@dataclass(frozen=True)
class TorchRenderer:
    """Smooth-shaded, antialiased pictures on the device of the meshes; implements `rscnet.render.scene.Renderer`.

    Attributes:
        antialias: samples per pixel and axis, averaged.
        light: what a surface looks like by its colour and normal.
        band_pixels: samples drawn at once; bounds the memory for large photos.
    """

    antialias: int = 2
    light: StudioLight = field(default_factory=StudioLight)
    band_pixels: int = 1 << 21

    @torch.no_grad()
    def __call__(self, meshes: Sequence[Mesh], height: int, width: int) -> UInt8[np.ndarray, "h w 4"]:
        """RGBA picture of the meshes, transparent where there is none."""
        picture = np.zeros((height, width, 4), np.uint8)
        if not meshes:
            return picture
        pixels, vertices, faces = _join(meshes)
        normals = vertex_normals(vertices[None], faces)[0]
        scale = self.antialias
        for top, bottom, left, right in self._bands(pixels, height, width):
            samples = (pixels - pixels.new_tensor([left, top, 0])) * pixels.new_tensor([scale, scale, 1])
            fragments = rasterize(samples[None], faces, (bottom - top) * scale, (right - left) * scale, cull=BOTH)
            seen = torch.nn.functional.normalize(fragments.interpolate(normals, faces), dim=-1)
            colours = self.light(_surface_colours(meshes, fragments), seen)
            opaque = torch.cat([colours, torch.ones_like(colours[:, :1])], 1)
            picture[top:bottom, left:right] = average_samples(fragments.dense(opaque)[0].cpu().numpy(), scale)
        return picture

    def _bands(self, pixels: Float[Tensor, "v 3"], height: int, width: int) -> Iterator[tuple[int, int, int, int]]:
        """Rows and columns to draw: the part of the picture that holds the meshes, in bands of bounded size."""
        size = pixels.new_tensor([width, height])
        left, top = pixels[:, :2].amin(0).floor().clamp(min=0).minimum(size).int().tolist()
        right, bottom = pixels[:, :2].amax(0).ceil().clamp(min=0).minimum(size).int().tolist()
        if left < right:
            rows = max(1, self.band_pixels // ((right - left) * self.antialias**2))
            for start in range(top, bottom, rows):
                yield start, min(start + rows, bottom), left, right


def average_samples(samples: Float[np.ndarray, "hs ws 4"], scale: int) -> UInt8[np.ndarray, "h w 4"]:
    """Box filter from ``scale`` x ``scale`` samples to a pixel of an RGBA picture.

    Samples that hit nothing are all zero. They must not darken the rim, so the mean colour is divided by the coverage.
    """
    height, width = samples.shape[0] // scale, samples.shape[1] // scale
    mean = samples.reshape(height, scale, width, scale, 4).mean((1, 3))
    mean[..., :3] /= np.maximum(mean[..., 3:], 1e-6)
    return np.clip(mean * 255, 0, 255).round().astype(np.uint8)


def _join(meshes: Sequence[Mesh]) -> tuple[Float[Tensor, "v 3"], Float[Tensor, "v 3"], Int[Tensor, "f 3"]]:
    """All meshes as one: pixels with depths at a common focal length, vertices each in its own frame, and faces."""
    focal = meshes[0].camera.focal
    pixels, vertices, faces, count = [], [], [], 0
    for mesh in meshes:
        vertices.append(mesh.vertices.detach().float())
        projected = mesh.camera.project(vertices[-1])
        pixels.append(projected * projected.new_tensor([1, 1, focal / mesh.camera.focal]))
        faces.append(mesh.faces + count)
        count += len(mesh.vertices)
    return torch.cat(pixels), torch.cat(vertices), torch.cat(faces)


def _surface_colours(meshes: Sequence[Mesh], fragments: Fragments) -> Float[Tensor, "n 3"]:
    """Unlit colour of what each fragment shows, from the mesh that its face belongs to."""
    colours = fragments.barycentrics.new_empty(len(fragments.face), 3)
    first = 0
    for mesh in meshes:
        own = ((fragments.face >= first) & (fragments.face < first + len(mesh.faces))).nonzero().squeeze(1)
        colours[own] = _surface_colour(mesh, _select(fragments, own, first))
        first += len(mesh.faces)
    return colours


def _surface_colour(mesh: Mesh, fragments: Fragments) -> Float[Tensor, "n 3"]:
    if mesh.texture is not None:
        uv = fragments.interpolate(mesh.texture.vt, mesh.texture.ft)
        return sample_texture(mesh.texture.image[None], uv, torch.zeros_like(fragments.face))
    if isinstance(mesh.colour, Tensor):
        return fragments.interpolate(mesh.colour, mesh.faces)
    return fragments.barycentrics.new_tensor(mesh.colour).expand(len(fragments.face), 3)


def _select(fragments: Fragments, kept: Int[Tensor, "k"], first_face: int) -> Fragments:
    return replace(
        fragments,
        index=fragments.index[kept],
        face=fragments.face[kept] - first_face,
        barycentrics=fragments.barycentrics[kept],
        depth=fragments.depth[kept],
    )
