"""UV atlas: every grid of the mesh fills one rectangle; right limbs are the mirror image of left ones about u = 0.5."""

import numpy as np

from .topology import Mesh

GUTTER = 0.006  # empty border of a cell, 3 texels of a 256 texture between charts
CELLS = {  # u, v, width, height
    "head": (0.21, 0.72, 0.58, 0.28),
    "torso": (0.21, 0.32, 0.58, 0.40),
    "arm": (0.50, 0.00, 0.29, 0.32),
    "leg": (0.79, 0.00, 0.21, 0.82),
    "index": (0.79, 0.91, 0.07, 0.09),
    "middle": (0.86, 0.91, 0.07, 0.09),
    "ring": (0.93, 0.91, 0.07, 0.09),
    "pinky": (0.79, 0.82, 0.07, 0.09),
    "thumb": (0.86, 0.82, 0.14, 0.09),
}
CENTRAL = ("head", "torso")  # row 0 at the bottom of the cell; limbs start at the top


def texture_coordinates(mesh: Mesh) -> np.ndarray:
    """UV vertices (t, 2), v upwards; triangles that face outwards have positive area, so text is not mirrored."""
    vt = np.zeros((len(mesh.grid), 2))
    for index, chart in enumerate(mesh.charts):
        members = mesh.grid[:, 2] == index
        central = chart.name in CENTRAL
        u0, v0, width, height = CELLS[chart.name if central else chart.name[:-1]]
        if chart.name.endswith("R"):
            u0 = 1 - u0 - width
        local = mesh.grid[members, :2]
        if not central:
            local = np.stack([local[:, 0], 1 - local[:, 1]], 1)
        place = np.zeros_like(vt)
        place[members] = local
        corner = place[mesh.corners[mesh.face_chart == index]]
        first, second = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
        if (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]).sum() < 0:
            local = np.stack([1 - local[:, 0], local[:, 1]], 1)
        size = np.array([width, height]) - 2 * GUTTER
        vt[members] = np.array([u0, v0]) + GUTTER + local * size
    return vt
