"""Light on the person: one key light, a sky, and their colours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from rscnet.render.shading import hemisphere, lambert

GLOSS_SQUARINGS = 4  # the highlight falls off with the sixteenth power of the cosine


@dataclass(frozen=True)
class Light:
    """Directions are unit vectors towards the light in the camera frame; strengths add up on a white surface."""

    key: Float[np.ndarray, "3"]
    up: Float[np.ndarray, "3"]
    key_colour: Float[np.ndarray, "3"]
    sky_colour: Float[np.ndarray, "3"]
    bounce: float  # light from below over light from above
    gloss: float
    shadow: float  # darkness of the cast shadow

    @classmethod
    def draw(cls, rng: np.random.Generator, up: Float[np.ndarray, "3"]) -> Light:
        """Sun, lamps or an overcast sky, from above the horizon."""
        around = rng.normal(size=3) + np.array([0.0, 0.0, -0.5])  # cameras rather look with the light
        key = around / np.linalg.norm(around) + rng.uniform(0.3, 1.6) * up
        key /= np.linalg.norm(key)
        if key @ up < 0.1:
            key = key + (0.2 - key @ up) * up
            key /= np.linalg.norm(key)
        hard = rng.random() ** 0.8
        warmth = rng.normal(0, 0.05)
        tint = np.array([1 + warmth, 1.0, 1 - warmth])
        exposure = rng.uniform(0.8, 1.25)
        return cls(
            key=key,
            up=up,
            key_colour=exposure * (0.25 + 0.65 * hard) * tint,
            sky_colour=exposure * (0.85 - 0.4 * hard) / tint * (1 + rng.normal(0, 0.02, 3)),
            bounce=rng.uniform(0.35, 0.8),
            gloss=rng.uniform(0, 0.12),
            shadow=hard * rng.uniform(0.3, 0.7),
        )


def shade(
    lights: list[Light], albedo: Float[Tensor, "k 3"], normals: Float[Tensor, "k 3"], image: Int[Tensor, "k"]
) -> Float[Tensor, "k 3"]:
    """Colour of surface points under the light of the image that each belongs to.

    Normals are unit vectors in the camera frame; `image` ascends, as the rasteriser gives it.
    """
    counts = torch.bincount(image, minlength=len(lights)).tolist()
    lit = zip(lights, albedo.split(counts), normals.split(counts), strict=True)
    return torch.cat([_lit(*arguments) for arguments in lit])


def _lit(light: Light, albedo: Float[Tensor, "k 3"], normals: Float[Tensor, "k 3"]) -> Float[Tensor, "k 3"]:
    key, up, key_colour, sky_colour = (
        torch.as_tensor(v, dtype=albedo.dtype, device=albedo.device)
        for v in (light.key, light.up, light.key_colour, light.sky_colour)
    )
    sky = light.bounce + (1 - light.bounce) * hemisphere(normals, up)
    toward_camera = normals.new_tensor([0.0, 0.0, -1.0])
    highlight = lambert(normals, normalize(key + toward_camera, dim=-1))
    for _ in range(GLOSS_SQUARINGS):
        highlight = highlight.square()
    irradiance = sky_colour * sky[:, None] + key_colour * lambert(normals, key)[:, None]
    return (albedo * irradiance + light.gloss * highlight[:, None]).clamp(0, 1)
