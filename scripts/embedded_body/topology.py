"""Mesh of 6890 vertices and 13776 triangles, closed and of genus 0, made of sixteen rectangular grids.

Grids share vertex ids along their borders; each grid is one chart of the UV atlas, so the atlas cannot overlap. The
torso is a tube, the head continues it to a pole; arms leave through holes in its sides; each leg takes half of the
bottom ring and the crotch line; fingers split off the last ring of the arm, the thumb leaves through a hole in
the hand.
"""

from dataclasses import dataclass, field

import numpy as np

from . import placement
from .skeleton import MIRROR

TORSO_COLUMNS = 40  # 0 = middle of the back, 10 = left, 20 = front, 30 = right
LEG_COLUMNS = 26  # 21 of the torso and 5 of the crotch
ARM_COLUMNS = 24  # around a hole of 6 x 6 cells
CROTCH_VERTICES = 5
ARM_SEAM = 15  # the arm's UV seam runs along the lower back of the arm


@dataclass(frozen=True)
class Chart:
    """Grid of vertex ids (rows + 1, columns + 1) with the cells that are left out (rows, columns)."""

    name: str
    ids: np.ndarray
    holes: np.ndarray


@dataclass
class Mesh:
    """Vertices with region names, triangles, and the grids they came from.

    `grid` holds (column fraction, row fraction, chart) per UV vertex; `corners` indexes it per face corner.
    """

    vertices: np.ndarray
    regions: np.ndarray
    faces: np.ndarray
    corners: np.ndarray
    face_chart: np.ndarray
    grid: np.ndarray
    charts: list[Chart]

    def region(self, *prefixes: str) -> np.ndarray:
        """Mask of vertices whose region starts with one of the names."""
        return np.logical_or.reduce([np.char.startswith(self.regions, prefix) for prefix in prefixes])


@dataclass
class _Builder:
    positions: list[np.ndarray] = field(default_factory=list)
    regions: list[str] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)

    def add(self, position: np.ndarray, region: str) -> int:
        self.positions.append(np.asarray(position, float))
        self.regions.append(region)
        return len(self.positions) - 1

    def ring(self, positions: np.ndarray, region: str) -> list[int]:
        return [self.add(position, region) for position in positions]

    def chart(self, name: str, rows: list[list[int]], holes: np.ndarray | None = None) -> None:
        ids = np.array([[*row, row[0]] for row in rows])
        empty = np.zeros((ids.shape[0] - 1, ids.shape[1] - 1), bool)
        self.charts.append(Chart(name, ids, empty if holes is None else holes))


def build() -> Mesh:
    """The mesh at its initial placement, exactly mirror symmetric."""
    builder = _Builder()
    torso = _torso(builder)
    _head(builder, torso[-1])
    crotch = _crotch(builder, torso[0])
    for side in ("L", "R"):
        _leg(builder, torso[0], crotch, side)
    for side in ("L", "R"):
        rows = _arm(builder, torso, side)
        _fingers(builder, rows, side)
    mesh = _assemble(builder)
    if mesh.vertices.shape != (6890, 3) or mesh.faces.shape != (13776, 3):
        raise AssertionError(f"ring counts changed: {mesh.vertices.shape}, {mesh.faces.shape}")
    return mesh


def _sided(points: np.ndarray, side: str) -> np.ndarray:
    return points if side == "L" else points * MIRROR


def _column(column: int, side: str) -> int:
    return column if side == "L" else (TORSO_COLUMNS - column) % TORSO_COLUMNS


def _torso(builder: _Builder) -> list[list[int]]:
    rows = [builder.ring(points, "torso") for points in placement.torso_rings(TORSO_COLUMNS)]
    first, last = placement.ARMHOLE_ROWS
    holes = np.zeros((len(rows) - 1, TORSO_COLUMNS), bool)
    holes[first:last, 7:13] = holes[first:last, 27:33] = True
    builder.removed += [rows[r][c] for r in range(first + 1, last) for c in [*range(8, 13), *range(28, 33)]]
    builder.chart("torso", rows, holes)
    return rows


def _head(builder: _Builder, neck: list[int]) -> None:
    rows = [neck] + [builder.ring(points, "head") for points in placement.head_rings(TORSO_COLUMNS)]
    rows.append([builder.add(placement.HEAD_POLE, "head")] * TORSO_COLUMNS)
    builder.chart("head", rows)


def _crotch(builder: _Builder, bottom: list[int]) -> list[int]:
    """Vertices between the legs, front to back."""
    front, back = builder.positions[bottom[TORSO_COLUMNS // 2]], builder.positions[bottom[0]]
    line = []
    for t in (np.arange(CROTCH_VERTICES) + 1) / (CROTCH_VERTICES + 1):
        drop = np.array([0, placement.CROTCH_DROP * np.sin(np.pi * t), 0])
        line.append(builder.add(front * (1 - t) + back * t - drop, "torso"))
    return line


def _leg(builder: _Builder, bottom: list[int], crotch: list[int], side: str) -> None:
    rows = [[bottom[_column(c, side)] for c in range(21)] + crotch]
    angles = 2 * np.pi * (np.arange(LEG_COLUMNS) - 10) / LEG_COLUMNS
    for ring in placement.leg_rings():
        rows.append(builder.ring(_sided(ring.points(angles), side), "leg" + side))
    rows.append([builder.add(_sided(placement.LEG_POLE, side), "leg" + side)] * LEG_COLUMNS)
    builder.chart("leg" + side, rows)


def _arm(builder: _Builder, torso: list[list[int]], side: str) -> list[list[int]]:
    """Rings from the armhole to the knuckles; index 0 looks ahead, then up, back, down."""
    first, last = placement.ARMHOLE_ROWS

    def at(row: int, column: int) -> int:
        return torso[row][_column(column, side)]

    loop = [at(r, 13) for r in range(first + 3, last)] + [at(last, c) for c in range(13, 7, -1)]
    loop += [at(r, 7) for r in range(last, first, -1)] + [at(first, c) for c in range(7, 13)]
    loop += [at(r, 13) for r in range(first, first + 3)]
    angles = 2 * np.pi * np.arange(ARM_COLUMNS) / ARM_COLUMNS
    rows = [loop]
    for ring in placement.arm_rings():
        rows.append(builder.ring(_sided(ring.points(angles), side), "arm" + side))
    holes = np.zeros((len(rows) - 1, ARM_COLUMNS), bool)
    holes[placement.THUMB_ROW : placement.THUMB_ROW + 3, [ARM_COLUMNS - 1, 0]] = True
    builder.removed += [rows[placement.THUMB_ROW + 1][0], rows[placement.THUMB_ROW + 2][0]]
    builder.chart("arm" + side, [list(np.roll(r, -ARM_SEAM)) for r in rows], np.roll(holes, -ARM_SEAM, axis=1))
    return rows


def _finger_loops(builder: _Builder, rows: list[list[int]], side: str) -> dict[str, list[int]]:
    """Vertices around the base of each finger; one new web vertex lies between neighbours."""
    last = rows[-1]
    webs = []
    for upper, lower in ((3, 21), (6, 18), (9, 15)):
        middle = 0.5 * (builder.positions[last[upper]] + builder.positions[last[lower]])
        webs.append(builder.add(middle - _sided(np.array([0.004, 0, 0]), side), "arm" + side))
    r = placement.THUMB_ROW
    around_thumb = [(0, -1), (0, 0), (0, 1), (1, 1), (2, 1), (3, 1), (3, 0), (3, -1), (2, -1), (1, -1)]
    return {
        "index": [last[i] for i in (21, 22, 23, 0, 1, 2, 3)] + [webs[0]],
        "middle": [last[i] for i in (3, 4, 5, 6)] + [webs[1]] + [last[i] for i in (18, 19, 20, 21)] + [webs[0]],
        "ring": [last[i] for i in (6, 7, 8, 9)] + [webs[2]] + [last[i] for i in (15, 16, 17, 18)] + [webs[1]],
        "pinky": [last[i] for i in range(9, 16)] + [webs[2]],
        "thumb": [rows[r + i][j % ARM_COLUMNS] for i, j in around_thumb],
    }


def _fingers(builder: _Builder, rows: list[list[int]], side: str) -> None:
    shapes = placement.fingers()
    for name, loop in _finger_loops(builder, rows, side).items():
        shape = shapes[name]
        base = _sided(np.array([builder.positions[i] for i in loop]), side)
        axis = shape.axis / np.linalg.norm(shape.axis)
        spokes = base - base.mean(0)
        spokes -= (spokes @ axis)[:, None] * axis
        first = spokes[0] / np.linalg.norm(spokes[0])
        second = np.cross(axis, first)
        turn = np.unwrap(np.arctan2(spokes @ second, spokes @ first))
        angles = np.sign(turn[-1] - turn[0]) * 2 * np.pi * np.arange(len(loop)) / len(loop)
        finger = [loop]
        for centre, radius in shape.rings:
            points = placement.Ring(centre, radius * first, radius * second).points(angles)
            finger.append(builder.ring(_sided(points, side), "finger" + side))
        finger.append([builder.add(_sided(shape.tip, side), "finger" + side)] * len(loop))
        builder.chart(name + side, finger)


def _assemble(builder: _Builder) -> Mesh:
    """Triangles of all grids; diagonals change direction half way so that the mesh stays mirror symmetric."""
    keep = np.ones(len(builder.positions), bool)
    keep[builder.removed] = False
    new_id = np.cumsum(keep) - 1
    faces, corners, face_chart, grid = [], [], [], []
    for index, chart in enumerate(builder.charts):
        rows, columns = chart.holes.shape
        base = len(grid)
        across, down = np.meshgrid(np.linspace(0, 1, columns + 1), np.linspace(0, 1, rows + 1))
        grid += np.stack([across.ravel(), down.ravel(), np.full(across.size, index)], 1).tolist()
        for r, c in np.argwhere(~chart.holes):
            cell = ((r, c), (r, c + 1), (r + 1, c + 1), (r + 1, c))
            for triangle in ((0, 1, 2), (0, 2, 3)) if c < columns / 2 else ((0, 1, 3), (1, 2, 3)):
                face = [chart.ids[cell[i]] for i in triangle]
                if len(set(face)) == 3:
                    faces.append(face)
                    corners.append([base + cell[i][0] * (columns + 1) + cell[i][1] for i in triangle])
                    face_chart.append(index)
    return Mesh(
        vertices=np.array(builder.positions)[keep],
        regions=np.array(builder.regions)[keep],
        faces=new_id[np.array(faces)],
        corners=np.array(corners),
        face_chart=np.array(face_chart),
        grid=np.array(grid),
        charts=[Chart(c.name, np.where(keep[c.ids], new_id[c.ids], -1), c.holes) for c in builder.charts],
    )
