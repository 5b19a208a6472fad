"""Spreading the grid evenly over the analytic surface."""

import numpy as np
import scipy.sparse as sp
from scipy.spatial import KDTree

from . import surface
from .skeleton import MIRROR
from .topology import Mesh

STIFFNESS = {"torso": 0.0, "head": 1.0, "leg": 0.6, "arm": 0.8, "finger": 1.0}  # share of the designed spacing kept


def grid_average(mesh: Mesh) -> sp.csr_matrix:
    """Row-stochastic matrix that averages the grid neighbours of each vertex (no diagonals: cells stay square)."""
    n = len(mesh.vertices)
    pairs = []
    for chart in mesh.charts:
        for a, b in ((chart.ids[:, :-1], chart.ids[:, 1:]), (chart.ids[:-1], chart.ids[1:])):
            pairs.append(np.stack([a.ravel(), b.ravel()], 1))
    edges = np.concatenate(pairs)
    edges = edges[(edges[:, 0] != edges[:, 1]) & (edges >= 0).all(1)]
    edges = np.concatenate([edges, edges[:, ::-1]])
    links = sp.coo_matrix((np.ones(len(edges)), edges.T), (n, n)).tocsr()
    links.data[:] = 1
    return sp.diags(1 / np.asarray(links.sum(1)).ravel()) @ links


def mirror_map(vertices: np.ndarray) -> np.ndarray:
    """Index of the opposite vertex of each vertex of an exactly symmetric mesh."""
    distance, index = map(np.asarray, KDTree(vertices).query(vertices * MIRROR))
    if distance.max() > 1e-9 or not np.array_equal(index[index], np.arange(len(vertices))):
        raise AssertionError(f"mesh is not mirror symmetric: {distance.max()} m")
    return index


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals."""
    corner = vertices[faces]
    face_normals = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normals = np.zeros_like(vertices)
    for i in range(3):
        np.add.at(normals, faces[:, i], face_normals)
    return normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)


def relax(mesh: Mesh, rounds: int = 50) -> np.ndarray:
    """Move the vertices of `mesh` onto the surface, even its cells, turn all faces outwards.

    Returns:
        The mirror map. Vertices are rounded to a micrometre so that later steps do not depend on the last bits.
    """
    vertices, mirror, average = mesh.vertices, mirror_map(mesh.vertices), grid_average(mesh)
    designed = (vertices - average @ vertices) * _stiffness(mesh, average)[:, None]
    for _ in range(rounds):
        pull = vertices - average @ vertices - designed
        normals = surface.gradient(surface.body, vertices)
        pull -= (pull * normals).sum(1, keepdims=True) * normals
        vertices = _symmetric(surface.project(surface.body, vertices - 0.5 * pull, rounds=1), mirror)
    vertices = _symmetric(surface.project(surface.body, vertices), mirror)
    mesh.vertices = np.round(vertices, 6)
    _turn_outwards(mesh)
    return mirror


def _symmetric(vertices: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    return 0.5 * (vertices + vertices[mirror] * MIRROR)


def _stiffness(mesh: Mesh, average: sp.csr_matrix) -> np.ndarray:
    """Share of the designed spacing that each vertex keeps, smooth across regions, fixed on head and fingers."""
    stiffness = np.zeros(len(mesh.vertices))
    for region, value in STIFFNESS.items():
        stiffness[mesh.region(region)] = value
    y, z = mesh.vertices[:, 1], mesh.vertices[:, 2]
    stiffness[mesh.region("head") & (y < 1.515)] = 0.1  # neck and underside of the chin
    stiffness[(y < 0.12) & (z < 0.09)] = 0.6  # heel and instep
    stiffness[(y < 0.12) & (z > 0.14)] = 0.95  # toes
    smooth = average @ (average @ (average @ stiffness))
    return np.where(stiffness == 1, 1.0, smooth)


def _turn_outwards(mesh: Mesh) -> None:
    corner = mesh.vertices[mesh.faces]
    face_normals = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    outwards = (face_normals * surface.gradient(surface.body, corner.mean(1))).sum(1)
    for chart in range(len(mesh.charts)):
        members = mesh.face_chart == chart
        if outwards[members].sum() < 0:
            mesh.faces[members] = mesh.faces[members][:, ::-1]
            mesh.corners[members] = mesh.corners[members][:, ::-1]
