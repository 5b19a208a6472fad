"""The panel of an evaluation: people at each resolution, and the body that the network saw in them."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rscnet.body.model import BodyModel
from rscnet.data.degradations import resize
from rscnet.data.views import denormalise
from rscnet.geometry.cameras import fit_translation
from rscnet.losses.posed import pose_bodies
from rscnet.render.pictures import Picture, grid, overlay, side_view
from rscnet.render.scene import Camera, Mesh
from rscnet.structures import Batch, BodyOutput, Prediction

CELL = 168
TRUTH_COLOUR = (0.72, 0.85, 0.72)


@torch.no_grad()
def draw_panel(prediction: Prediction, body: BodyModel, batch: Batch, people: int | None = None) -> Picture:
    """Two rows per person: the views from high to low resolution and the true body, then the predicted bodies over the
    views and the first of them from the side.

    Args:
        prediction: of all views of the batch, view-major rows.
        body: poses prediction and truth.
        batch: the people.
        people: how many of the batch are drawn, from its first; None for all.
    """
    views, count = batch.views.shape[:2]
    posed = pose_bodies(body, prediction.parameters)
    assert posed.vertices is not None
    vertices = (posed.vertices + posed.translation[:, None]).cpu()
    pictures = denormalise(batch.views.flatten(0, 1))
    truth = body(batch.target.parameters)
    true_vertices = (truth.vertices + _true_translation(batch, truth)[:, None]).cpu()
    faces = body.faces.cpu()
    cells, labels = [], []
    for person in range(count if people is None else min(people, count)):
        rows = [view * count + person for view in range(views)]
        inputs = [resize(pictures[row], CELL) for row in rows]
        meshes = [Mesh(vertices[row], faces, Camera.of_crop(0, 0, CELL)) for row in rows]
        labelled = bool(batch.target.has_smpl[person])
        true_mesh = Mesh(true_vertices[person], faces, Camera.of_crop(0, 0, CELL), colour=TRUTH_COLOUR)
        cells += [*inputs, overlay(inputs[0], [true_mesh] if labelled else [])]
        labels += [*(f"{int(batch.sizes[view, person])} px" for view in range(views))]
        labels.append("truth" if labelled else "no true body")
        cells += [overlay(picture, [mesh]) for picture, mesh in zip(inputs, meshes, strict=True)]
        cells.append(side_view(meshes[0], CELL))
        labels += [*("predicted" for _ in rows), "side"]
    return grid(cells, views + 1, labels)


def _true_translation(batch: Batch, truth: BodyOutput) -> Float[Tensor, "n 3"]:
    keypoints = batch.target.keypoints_2d
    return fit_translation(truth.joints, keypoints[..., :2], keypoints[..., 2])
