"""Vertex normals and a soft studio light, in the camera frame (x right, y down, z forward)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize


def vertex_normals(vertices: Float[Tensor, "b v 3"], faces: Int[Tensor, "f 3"]) -> Float[Tensor, "b v 3"]:
    """Unit normals, area weighted, pointing out of a mesh with outward winding, in the frame of ``vertices``."""
    batch, count = vertices.shape[:2]
    a, b, c = vertices.index_select(1, faces.T.reshape(-1)).view(batch, 3, -1, 3).unbind(1)
    face_normals = torch.linalg.cross(b - a, c - a).reshape(-1)
    first = torch.arange(batch, device=faces.device)[:, None] * count
    sums = torch.zeros_like(vertices).view(-1)
    for corner in faces.unbind(1):  # a flat index_add is fast on the CPU and deterministic on CUDA
        index = (first + corner)[..., None] * 3 + torch.arange(3, device=faces.device)
        sums = sums.index_add(0, index.view(-1), face_normals)
    sums = sums.view(batch, count, 3)
    return normalize(sums, dim=-1)


def lambert(normals: Float[Tensor, "*n 3"], direction: Float[Tensor, "*#n 3"]) -> Float[Tensor, "*n"]:
    """Clamped cosine between unit normals and the unit direction *towards* the light."""
    return (normals * direction).sum(-1).clamp(min=0)


def hemisphere(normals: Float[Tensor, "*n 3"], up: Float[Tensor, "*#n 3"]) -> Float[Tensor, "*n"]:
    """Ambient light of an open sky: 1 for a normal along ``up`` (unit), 0 for one against it."""
    return 0.5 + 0.5 * (normals * up).sum(-1)


@dataclass(frozen=True)
class StudioLight:
    """Key light from the upper left behind the camera, a weaker fill from the right, a sky, a soft sheen.

    Directions point towards the light in the camera frame and need not be unit length; strengths are what a white
    surface that faces the light adds to the picture.

    Attributes:
        key: direction of the main light.
        fill: direction of the second light.
        up: direction of the sky.
        key_strength: of the main light.
        fill_strength: of the second light.
        ambient: from below and from above.
        sheen: strength of the key light's highlight.
        gloss: exponent of the highlight, higher is smaller.
        rim: how much surfaces seen edge-on are darkened, so that limbs stand out from each other.
    """

    key: tuple[float, float, float] = (-0.6, -0.8, -1.0)
    fill: tuple[float, float, float] = (1.0, -0.1, -0.5)
    up: tuple[float, float, float] = (0.0, -1.0, 0.0)
    key_strength: float = 0.62
    fill_strength: float = 0.20
    ambient: tuple[float, float] = (0.26, 0.50)
    sheen: float = 0.10
    gloss: float = 12.0
    rim: float = 0.35

    def __call__(self, colour: Float[Tensor, "n 3"], normals: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """What the camera sees of a surface with this colour and these unit normals."""
        key, fill, up = (normalize(normals.new_tensor(v), dim=0) for v in (self.key, self.fill, self.up))
        to_camera = normals.new_tensor([0.0, 0.0, -1.0])
        low, high = self.ambient
        brightness = self.key_strength * lambert(normals, key) + self.fill_strength * lambert(normals, fill)
        brightness = brightness + low + (high - low) * hemisphere(normals, up)
        brightness = brightness * (1 - self.rim * (1 - lambert(normals, to_camera)) ** 2)
        highlight = self.sheen * lambert(normals, normalize(key + to_camera, dim=0)) ** self.gloss
        return (colour * brightness[:, None] + highlight[:, None]).clamp(0, 1)
