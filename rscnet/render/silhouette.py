"""Where bodies are in their crops."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from rscnet.geometry.cameras import project, to_pixels
from rscnet.render.rasterizer import rasterize


def silhouettes(
    vertices: Float[Tensor, "n v 3"], translation: Float[Tensor, "n 3"], faces: Int[Tensor, "f 3"], cells: int
) -> Bool[np.ndarray, "n c c"]:
    """Which of `cells` by `cells` cells of its crop each body covers; metres in the camera frame of the crop."""
    depth = vertices[..., 2:] + translation[:, None, 2:]
    pixels = torch.cat([to_pixels(project(vertices, translation), cells), depth], dim=-1)
    return rasterize(pixels, faces, cells, cells).mask().cpu().numpy()
