"""Where bodies are in their crops."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor

from rscnet.render.rasterizer import rasterize
from rscnet.render.scene import Camera


def silhouettes(
    vertices: Float[Tensor, "n v 3"], translation: Float[Tensor, "n 3"], faces: Int[Tensor, "f 3"], cells: int
) -> Bool[np.ndarray, "n c c"]:
    """Which of `cells` by `cells` cells of its crop each body covers.

    Args:
        vertices: in metres in the camera frame of the crop, before `translation` is added.
        translation: in metres.
        faces: triangles of the bodies.
        cells: along each side of the crop.
    """
    pixels = Camera.of_crop(0, 0, cells).project(vertices + translation[:, None])
    return rasterize(pixels, faces, cells, cells).mask().cpu().numpy()
