"""Vertex order: SMPL's well-known vertex ids, which smplx reads joints from, are given to the right spots."""

import numpy as np

from rscnet.joints import VERTEX_JOINTS, mirrored_name

from .surface import FINGERS, THUMB, finger_line

POINTS = {
    "nose": (0, 1.578, 0.13),
    "left_eye": (0.0315, 1.611, 0.095),
    "left_ear": (0.095, 1.603, -0.016),
    "left_big_toe": (0.085, 0.020, 0.180),
    "left_small_toe": (0.152, 0.012, 0.118),
    "left_heel": (0.090, 0.020, -0.100),
    "left_thumb": tuple(THUMB[-1] + [0.012, 0, 0.006]),
    **{f"left_{name}": tuple(finger_line(name)[-1] + [0.012, 0, 0]) for name in FINGERS},
}


def vertex_order(vertices: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Permutation new -> old that swaps as few vertices as possible."""
    wanted: dict[str, int] = {}
    for name, point in POINTS.items():
        nearest = np.argsort(((vertices - np.asarray(point)) ** 2).sum(1), kind="stable")
        vertex = next(int(v) for v in nearest if v not in wanted.values())
        wanted[name] = vertex
        wanted[mirrored_name(name)] = int(mirror[vertex])
    order = np.arange(len(vertices))
    for name, vertex in wanted.items():
        target, current = VERTEX_JOINTS[name], int(np.flatnonzero(order == vertex)[0])
        order[[current, target]] = order[[target, current]]
    return order
