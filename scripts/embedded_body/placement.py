"""Where the rings of the mesh start before they relax onto the surface. Left side only; the right side is mirrored."""

from dataclasses import dataclass

import numpy as np

from .surface import FINGERS, THUMB, body, cast, finger_line, torso_section

UP, ACROSS, AHEAD = np.array([0, 1.0, 0]), np.array([1.0, 0, 0]), np.array([0, 0, 1.0])

ARMHOLE_ROWS = (20, 26)  # torso rings between which the arm leaves
THUMB_ROW = 21  # first ring of the arm that the thumb hole touches
LEG_POLE = np.array([0.095, 0.020, 0.172])
HEAD_POLE = np.array([0, 1.731, -0.008])
CROTCH_DROP = 0.02

# Ring, front height, back height, half width, front depth, back depth: rings lie denser and lower in the face.
HEAD_KEYS = np.array(
    [
        (0, 1.452, 1.494, 0.058, 0.045, -0.084),
        (3, 1.484, 1.535, 0.058, 0.055, -0.082),
        (6, 1.506, 1.560, 0.062, 0.104, -0.094),
        (11, 1.541, 1.582, 0.068, 0.114, -0.104),
        (15, 1.566, 1.596, 0.080, 0.124, -0.110),
        (17, 1.579, 1.604, 0.095, 0.134, -0.112),
        (22, 1.612, 1.624, 0.096, 0.112, -0.114),
        (25, 1.634, 1.638, 0.086, 0.106, -0.112),
        (29, 1.681, 1.672, 0.074, 0.092, -0.100),
        (32, 1.713, 1.704, 0.050, 0.060, -0.072),
        (34, 1.728, 1.722, 0.022, 0.022, -0.036),
    ]
)

# Rings that turn from the shank into the foot: height and depth over the instep and around the heel.
ANKLE_KEYS = (
    (0.096, 0.010, 0.078, -0.082),
    (0.092, 0.014, 0.055, -0.093),
    (0.088, 0.018, 0.032, -0.097),
    (0.085, 0.022, 0.012, -0.090),
    (0.082, 0.026, 0.002, -0.068),
    (0.079, 0.030, 0.001, -0.040),
    (0.076, 0.034, 0.001, -0.005),
)


@dataclass(frozen=True)
class Ring:
    """Ellipse: centre, the two axes with their lengths (x, y, z each)."""

    centre: np.ndarray
    first: np.ndarray
    second: np.ndarray

    def points(self, angles: np.ndarray) -> np.ndarray:
        """Points at the angles, 0 along `first`, a quarter turn along `second`."""
        return self.centre + np.cos(angles)[:, None] * self.first + np.sin(angles)[:, None] * self.second


def tilted_ring(
    front: float, back: float, width: float, ahead: float, behind: float, crowd: float, n: int
) -> np.ndarray:
    """Ring around the trunk or head that starts in the middle of the back and goes by the left side, (n, 3).

    `front` and `back` are its heights there; `crowd` moves columns towards the front.
    """
    turn = 2 * np.pi * np.arange(n) / n
    turn = turn + crowd * np.sin(turn)
    to_front = 0.5 * (1 - np.cos(turn))
    depth = 0.5 * (ahead + behind) - 0.5 * (ahead - behind) * np.cos(turn)
    return np.stack([width * np.sin(turn), back + (front - back) * to_front, depth], 1)


def torso_rings(n: int) -> list[np.ndarray]:
    """From the hips to the base of the neck."""
    heights = np.concatenate([np.linspace(0.835, 1.300, 20), np.linspace(1.318, 1.425, 7), [1.443, 1.462]])
    rise = np.concatenate([np.zeros(25), [0.006, 0.014, 0.020, 0.021]])
    rings = []
    for height, lift, (width, depth, centre) in zip(heights, rise, torso_section(heights), strict=True):
        if 1.30 < height < 1.43:
            width = max(width, 0.17)
        rings.append(tilted_ring(height - lift, height + lift, width, centre + depth, centre - depth, 0.0, n))
    return rings


def head_rings(n: int) -> list[np.ndarray]:
    """From the neck to the crown, already on the surface so that the face keeps its rows."""
    rings = []
    for i in range(int(HEAD_KEYS[-1, 0]) + 1):
        front, back, width, ahead, behind = (np.interp(i, HEAD_KEYS[:, 0], HEAD_KEYS[:, k]) for k in range(1, 6))
        ring = tilted_ring(front, back, width, ahead, behind, 0.42 * min(1.0, (i + 1) / 6), n)
        centre = np.array([0, 0.5 * (front + back), -0.010])
        rings.append(cast(body, ring, centre + (ring - centre) * np.array([0, 0.6, 0])))
    return rings


def leg_rings() -> list[Ring]:
    """Down the leg, around the ankle, out to the toes."""
    rings = []
    for y in np.interp(np.arange(32), [0, 10, 20, 31], [0.80, 0.565, 0.385, 0.10]):
        x = np.interp(y, [0.08, 0.49, 0.86], [0.092, 0.100, 0.086])
        z = np.interp(y, [0.08, 0.30, 0.49, 0.86], [-0.030, -0.018, 0.004, 0.002])
        r = np.interp(y, [0.08, 0.14, 0.35, 0.49, 0.60, 0.80], [0.036, 0.036, 0.055, 0.055, 0.066, 0.080])
        rings.append(Ring(np.array([x, y, z]), r * ACROSS, r * AHEAD))
    for i, (top_y, top_z, heel_y, heel_z) in enumerate(ANKLE_KEYS):
        top, heel = np.array([0, top_y, top_z]), np.array([0, heel_y, heel_z])
        middle = np.array([0.093 + 0.001 * i, 0, 0])
        rings.append(Ring(middle + 0.5 * (top + heel), 0.036 * ACROSS, 0.5 * (top - heel)))
    for z, x, y, half_width, half_height in (
        (0.036, 0.100, 0.040, 0.038, 0.034),
        (0.056, 0.103, 0.036, 0.042, 0.030),
        (0.076, 0.107, 0.032, 0.046, 0.027),
        (0.096, 0.109, 0.028, 0.047, 0.024),
        (0.114, 0.110, 0.025, 0.046, 0.021),
        (0.129, 0.109, 0.022, 0.045, 0.018),
        (0.143, 0.106, 0.020, 0.041, 0.015),
        (0.154, 0.103, 0.019, 0.035, 0.012),
        (0.164, 0.099, 0.019, 0.024, 0.009),
    ):
        rings.append(Ring(np.array([x, y, z]), half_width * ACROSS, half_height * UP))
    return rings


def arm_rings() -> list[Ring]:
    """From the shoulder to the knuckles, denser at the elbow."""
    along = np.interp(np.arange(20), [0, 5, 13, 19], [0.215, 0.355, 0.525, 0.693])
    rings = []
    for x in np.concatenate([along, np.linspace(0.708, 0.778, 7)]):
        y = np.interp(x, [0.2, 0.69, 0.78], [1.394, 1.390, 1.386])
        z = np.interp(x, [0.2, 0.44, 0.69], [-0.021, -0.028, -0.025])
        stations = [0.2, 0.30, 0.44, 0.50, 0.69, 0.73, 0.78]
        half_height = np.interp(x, stations, [0.058, 0.046, 0.040, 0.042, 0.023, 0.018, 0.012])
        half_depth = np.interp(x, stations, [0.058, 0.045, 0.040, 0.043, 0.028, 0.044, 0.044])
        rings.append(Ring(np.array([x, y, z]), half_depth * AHEAD, half_height * UP))
    return rings


@dataclass(frozen=True)
class FingerRings:
    """Axis of a finger, its ring centres with radii, and its tip."""

    axis: np.ndarray
    rings: list[tuple[np.ndarray, float]]
    tip: np.ndarray


def fingers() -> dict[str, FingerRings]:
    """All five fingers of the left hand."""
    result = {}
    for name, (_, _, _, radius) in FINGERS.items():
        line = finger_line(name)
        stations = np.linspace(0.22, 0.93, 6 if name == "pinky" else 5)
        result[name] = _finger(line, stations, radius * 0.95, radius * 0.78)
    result["thumb"] = _finger(THUMB, np.array([0.30, 0.46, 0.62, 0.78, 0.93]), 0.0135, 0.0095)
    return result


def _finger(line: np.ndarray, stations: np.ndarray, start_radius: float, end_radius: float) -> FingerRings:
    """Rings at fractions of the length of a polyline, one more around its end, and the tip beyond."""
    lengths = np.linalg.norm(np.diff(line, axis=0), axis=1)
    knots = np.concatenate([[0], np.cumsum(lengths)]) / lengths.sum()
    centres = [np.array([np.interp(s, knots, line[:, k]) for k in range(3)]) for s in stations]
    radii = start_radius + (end_radius - start_radius) * stations
    beyond = (line[-1] - line[-2]) / lengths[-1] * end_radius
    rings = list(zip(centres, radii.tolist(), strict=True)) + [(line[-1] + 0.45 * beyond, 0.6 * end_radius)]
    return FingerRings(line[-1] - line[0], rings, line[-1] + beyond)
