"""The panel of an evaluation: people at each resolution, and the body that the network saw in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from rscnet.body.model import BodyModel
from rscnet.data.views import denormalise
from rscnet.losses.posed import pose_bodies
from rscnet.render.pictures import grid, overlay, side_view
from rscnet.render.scene import Camera, Mesh
from rscnet.structures import Batch

CELL = 168


@torch.no_grad()
def write_panel(path: Path, network: nn.Module, body: BodyModel, batch: Batch) -> None:
    """Two rows per person: the views from high to low resolution, and the predicted bodies over them with the first
    one also from the side."""
    views, count = batch.views.shape[:2]
    prediction = network(batch.views.flatten(0, 1), batch.scale_index.flatten())
    posed = pose_bodies(body, prediction.parameters)
    assert posed.vertices is not None
    vertices = posed.vertices + posed.translation[:, None]
    pictures = denormalise(batch.views.flatten(0, 1))
    cells, labels = [], []
    for person in range(count):
        rows = [view * count + person for view in range(views)]
        inputs = [_enlarged(pictures[row]) for row in rows]
        meshes = [Mesh(vertices[row], body.faces, Camera.of_crop(0, 0, CELL)) for row in rows]
        cells += [*inputs, np.full_like(inputs[0], 255)]
        labels += [*(f"{int(batch.sizes[view, person])} px" for view in range(views)), ""]
        cells += [overlay(picture, [mesh]) for picture, mesh in zip(inputs, meshes, strict=True)]
        cells.append(side_view(meshes[0], CELL))
        labels += [*("" for _ in rows), "side"]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grid(cells, views + 1, labels)).save(path)


def _enlarged(picture: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((CELL, CELL), Image.Resampling.BICUBIC))
