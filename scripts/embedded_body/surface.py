"""Analytic surface of the body: a smooth union of round cones and ellipsoids, grouped by the bone that carries them."""

from collections.abc import Callable

import numpy as np
from scipy.interpolate import PchipInterpolator

Field = Callable[[np.ndarray], np.ndarray]  # points (n, 3) -> signed distance (n,), negative inside
Place = Callable[[str, np.ndarray], np.ndarray]  # part name, points -> points in the rest frame of that part

# Height, half width, half depth, depth of the centre.
TORSO_PROFILE = np.array(
    [
        (0.78, 0.130, 0.085, -0.012),
        (0.83, 0.160, 0.105, -0.013),
        (0.88, 0.172, 0.113, -0.012),
        (0.93, 0.170, 0.110, -0.007),
        (0.98, 0.159, 0.104, 0.000),
        (1.03, 0.147, 0.099, 0.003),
        (1.08, 0.140, 0.094, 0.004),
        (1.14, 0.140, 0.095, 0.003),
        (1.20, 0.147, 0.103, 0.001),
        (1.26, 0.156, 0.111, -0.001),
        (1.31, 0.161, 0.113, -0.007),
        (1.36, 0.157, 0.104, -0.014),
        (1.40, 0.138, 0.088, -0.019),
        (1.43, 0.105, 0.071, -0.023),
        (1.46, 0.072, 0.060, -0.022),
        (1.50, 0.054, 0.055, -0.012),
    ]
)
_torso_curve = PchipInterpolator(TORSO_PROFILE[:, 0], TORSO_PROFILE[:, 1:])

# Per finger (index ... little): depth at the knuckle, depth at the tip, length, radius.
FINGERS = {
    "index": (0.009, 0.017, 0.074, 0.0114),
    "middle": (-0.014, -0.013, 0.083, 0.0117),
    "ring": (-0.037, -0.041, 0.076, 0.0113),
    "pinky": (-0.0585, -0.067, 0.058, 0.0100),
}
THUMB = np.array([(0.712, 1.381, 0.004), (0.748, 1.375, 0.038), (0.770, 1.371, 0.052), (0.790, 1.369, 0.061)])


def torso_section(height: np.ndarray) -> np.ndarray:
    """Half width, half depth and depth of the centre of the trunk at the given heights, (n, 3)."""
    return _torso_curve(np.clip(height, TORSO_PROFILE[0, 0], TORSO_PROFILE[-1, 0]))


def finger_line(name: str) -> np.ndarray:
    """Knuckle, middle joint and tip centre of a left finger, slightly curled, (3, 3)."""
    base_z, tip_z, length, _ = FINGERS[name]
    middle = (0.780 + 0.52 * length, 1.3855, 0.48 * base_z + 0.52 * tip_z)
    return np.array([(0.775, 1.386, base_z), middle, (0.784 + length, 1.3785, tip_z)])


def blend(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """Union of two fields, rounded over `width`."""
    h = np.clip(0.5 + 0.5 * (b - a) / width, 0, 1)
    return b + (a - b) * h - width * h * (1 - h)


def carve(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """Field `a` without field `b`, rounded over `width`."""
    return -blend(-a, b, width)


def cone(points: np.ndarray, start, end, start_radius: float, end_radius: float) -> np.ndarray:
    """Round cone between two points."""
    start, axis = np.asarray(start, float), np.subtract(end, start)
    t = np.clip((points - start) @ axis / (axis @ axis), 0, 1)
    return np.linalg.norm(points - start - t[:, None] * axis, axis=1) - (start_radius + (end_radius - start_radius) * t)


def ellipsoid(points: np.ndarray, centre, radii) -> np.ndarray:
    """Ellipsoid with axes along x, y, z (first-order distance)."""
    radii = np.asarray(radii, float)
    scaled = (points - np.asarray(centre, float)) / radii
    length = np.linalg.norm(scaled, axis=1) + 1e-9
    return length * (length - 1) / (np.linalg.norm(scaled / radii, axis=1) + 1e-9)


def trunk(p: np.ndarray) -> np.ndarray:
    """Torso with seat, chest, back and shoulder slope."""
    d = _trunk_core(p)
    d = blend(d, ellipsoid(p, (0.074, 0.893, -0.064), (0.086, 0.094, 0.080)), 0.04)  # seat
    d = blend(d, ellipsoid(p, (0.072, 1.298, 0.056), (0.076, 0.058, 0.060)), 0.05)  # chest
    d = blend(d, ellipsoid(p, (0.066, 1.300, -0.074), (0.078, 0.110, 0.044)), 0.06)  # shoulder blades
    d = blend(d, ellipsoid(p, (0.118, 1.270, -0.030), (0.046, 0.110, 0.066)), 0.05)  # flank of the back
    return blend(d, cone(p, (0.018, 1.486, -0.034), (0.150, 1.416, -0.026), 0.040, 0.040), 0.05)  # shoulder slope


def _trunk_core(p: np.ndarray, power: float = 2.3) -> np.ndarray:
    """Superelliptic tube through `TORSO_PROFILE`, closed by round ends."""
    y = np.clip(p[:, 1], TORSO_PROFILE[0, 0], TORSO_PROFILE[-1, 0])
    width, depth, centre = torso_section(y).T
    x, z = np.abs(p[:, 0]), np.abs(p[:, 2] - centre)
    level = ((x / width) ** power + (z / depth) ** power + 1e-12) ** (1 / power)
    slope = np.hypot((x / width) ** (power - 1) / width, (z / depth) ** (power - 1) / depth) + 1e-6
    slope = slope * level ** (1 - power) + 1e-9
    d = (level - 1) * np.minimum(1 / slope, np.maximum(width, depth))
    beyond = np.abs(p[:, 1] - y)
    return np.where(beyond > 0, np.hypot(np.maximum(d, 0), beyond) + np.minimum(d, 0), d)


def neck(p: np.ndarray) -> np.ndarray:
    """Neck with the two front muscles that meet above the breast bone."""
    d = cone(p, (0, 1.40, -0.026), (0, 1.545, -0.016), 0.056, 0.050)
    return blend(d, cone(p, (0.016, 1.425, 0.028), (0.050, 1.550, -0.018), 0.012, 0.014), 0.02)


def head(p: np.ndarray) -> np.ndarray:
    """Skull, jaw and face."""
    d = ellipsoid(p, (0, 1.643, -0.008), (0.075, 0.088, 0.097))  # cranium
    d = blend(d, ellipsoid(p, (0, 1.612, 0.022), (0.066, 0.072, 0.072)), 0.03)  # forehead and upper face
    d = blend(d, ellipsoid(p, (0, 1.560, 0.040), (0.049, 0.046, 0.053)), 0.03)  # mouth region
    d = blend(d, cone(p, (0.053, 1.566, 0.004), (0.014, 1.524, 0.074), 0.015, 0.014), 0.022)  # jaw
    d = blend(d, ellipsoid(p, (0, 1.521, 0.083), (0.019, 0.014, 0.015)), 0.016)  # chin
    d = blend(d, ellipsoid(p, (0.042, 1.590, 0.064), (0.018, 0.012, 0.018)), 0.020)  # cheek bones
    d = blend(d, cone(p, (0.012, 1.632, 0.088), (0.044, 1.631, 0.068), 0.0080, 0.0070), 0.014)  # brow
    d = carve(d, ellipsoid(p, (0.032, 1.612, 0.102), (0.017, 0.0110, 0.015)), 0.010)  # eye sockets
    d = blend(d, ellipsoid(p, (0.0315, 1.611, 0.0795), (0.0140, 0.0085, 0.0120)), 0.003)  # eyes
    d = blend(d, cone(p, (0, 1.622, 0.089), (0, 1.581, 0.112), 0.0065, 0.0100), 0.010)  # nose
    d = blend(d, ellipsoid(p, (0.0105, 1.576, 0.099), (0.0080, 0.0075, 0.0100)), 0.007)  # wings of the nose
    d = blend(d, ellipsoid(p, (0, 1.567, 0.096), (0.010, 0.0085, 0.0110)), 0.010)  # below the nose
    d = blend(d, ellipsoid(p, (0, 1.5530, 0.0915), (0.024, 0.0060, 0.0110)), 0.008)  # upper lip
    d = blend(d, ellipsoid(p, (0, 1.5400, 0.0895), (0.021, 0.0068, 0.0110)), 0.006)  # lower lip
    return blend(d, ellipsoid(p, (0.076, 1.602, -0.016), (0.013, 0.031, 0.021)), 0.008)  # ears


def upper_arm(p: np.ndarray) -> np.ndarray:
    """Shoulder muscle to elbow."""
    d = cone(p, (0.172, 1.392, -0.022), (0.435, 1.390, -0.028), 0.050, 0.0385)
    d = blend(d, ellipsoid(p, (0.192, 1.400, -0.022), (0.068, 0.058, 0.062)), 0.03)  # deltoid
    d = blend(d, ellipsoid(p, (0.310, 1.394, -0.006), (0.085, 0.042, 0.038)), 0.03)  # biceps
    return blend(d, ellipsoid(p, (0.300, 1.390, -0.040), (0.095, 0.042, 0.036)), 0.03)  # triceps


def forearm(p: np.ndarray) -> np.ndarray:
    """Elbow to wrist; the wrist is flat."""
    d = cone(p, (0.435, 1.390, -0.028), (0.690, 1.390, -0.026), 0.038, 0.0225)
    d = blend(d, ellipsoid(p, (0.497, 1.391, -0.024), (0.085, 0.041, 0.045)), 0.03)
    return blend(d, cone(p, (0.600, 1.390, -0.033), (0.692, 1.389, -0.034), 0.024, 0.0200), 0.02)


def hand(p: np.ndarray) -> np.ndarray:
    """Palm, four fingers, thumb."""
    d = ellipsoid(p, (0.742, 1.387, -0.024), (0.062, 0.0170, 0.045))
    d = blend(d, cone(p, (0.690, 1.390, -0.026), (0.735, 1.388, -0.025), 0.023, 0.018), 0.02)
    for name, (_, _, _, radius) in FINGERS.items():
        base, middle, tip = finger_line(name)
        d = blend(d, cone(p, base, middle, radius, radius * 0.93), 0.004)
        d = blend(d, cone(p, middle, tip, radius * 0.93, radius * 0.78), 0.003)
    d = blend(d, cone(p, THUMB[0], THUMB[1], 0.0165, 0.0140), 0.022)
    d = blend(d, cone(p, THUMB[1], THUMB[2], 0.0128, 0.0118), 0.004)
    return blend(d, cone(p, THUMB[2], THUMB[3], 0.0118, 0.0092), 0.004)


def thigh(p: np.ndarray) -> np.ndarray:
    """Hip to knee cap."""
    d = cone(p, (0.085, 0.860, 0.004), (0.100, 0.490, 0.002), 0.091, 0.051)
    d = blend(d, ellipsoid(p, (0.103, 0.690, 0.020), (0.070, 0.170, 0.072)), 0.05)  # front
    d = blend(d, ellipsoid(p, (0.096, 0.690, -0.022), (0.066, 0.160, 0.066)), 0.05)  # back
    return blend(d, ellipsoid(p, (0.100, 0.498, 0.022), (0.044, 0.050, 0.040)), 0.04)  # knee cap


def shank(p: np.ndarray) -> np.ndarray:
    """Knee to ankle."""
    d = cone(p, (0.100, 0.490, 0.002), (0.092, 0.080, -0.030), 0.049, 0.032)
    d = blend(d, ellipsoid(p, (0.093, 0.360, -0.030), (0.040, 0.120, 0.050)), 0.04)  # inner calf
    d = blend(d, ellipsoid(p, (0.112, 0.370, -0.024), (0.036, 0.110, 0.046)), 0.04)  # outer calf
    d = blend(d, ellipsoid(p, (0.066, 0.088, -0.026), (0.012, 0.018, 0.016)), 0.02)  # ankle bones
    return blend(d, ellipsoid(p, (0.121, 0.078, -0.034), (0.011, 0.018, 0.015)), 0.02)


def foot(p: np.ndarray) -> np.ndarray:
    """Heel, instep, ball and toes on a flat sole."""
    d = ellipsoid(p, (0.090, 0.036, -0.056), (0.033, 0.040, 0.040))  # heel
    d = blend(d, cone(p, (0.092, 0.078, -0.026), (0.102, 0.040, 0.066), 0.034, 0.028), 0.03)  # instep
    d = blend(d, cone(p, (0.094, 0.030, -0.050), (0.108, 0.024, 0.070), 0.030, 0.028), 0.03)  # outer edge
    d = blend(d, ellipsoid(p, (0.108, 0.026, 0.086), (0.045, 0.023, 0.050)), 0.02)  # ball
    toes = (
        ((0.086, 0.020, 0.118), (0.084, 0.018, 0.160), 0.0165, 0.0140),
        ((0.106, 0.018, 0.120), (0.106, 0.014, 0.156), 0.0125, 0.0105),
        ((0.121, 0.017, 0.112), (0.122, 0.013, 0.144), 0.0115, 0.0100),
        ((0.134, 0.016, 0.102), (0.136, 0.012, 0.130), 0.0110, 0.0095),
        ((0.145, 0.015, 0.090), (0.148, 0.011, 0.114), 0.0105, 0.0090),
    )
    for start, end, start_radius, end_radius in toes:
        d = blend(d, cone(p, start, end, start_radius, end_radius), 0.007)
    return carve(d, p[:, 1] - 0.003, 0.008)


def _in_place(_: str, points: np.ndarray) -> np.ndarray:
    return points


def body(points: np.ndarray, place: Place = _in_place) -> np.ndarray:
    """Signed distance to the body, mirror symmetric in x.

    `place` carries points back into the rest frame of a moved part; only x >= 0 is evaluated, so the left and right leg
    never melt into each other.
    """
    p = np.concatenate([np.abs(points[:, :1]), points[:, 1:]], axis=1)
    d = blend(trunk(p), neck(p), 0.045)
    d = blend(d, head(p), 0.020)
    arm = blend(upper_arm(place("upper_arm", p)), forearm(place("forearm", p)), 0.02)
    arm = blend(arm, hand(place("hand", p)), 0.015)
    leg = blend(thigh(place("thigh", p)), shank(place("shank", p)), 0.02)
    leg = blend(leg, foot(place("foot", p)), 0.025)
    return blend(blend(d, arm, 0.045), leg, 0.035)


def gradient(field: Field, points: np.ndarray, step: float = 1.5e-3) -> np.ndarray:
    """Unit gradient by the tetrahedron rule."""
    corners = np.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1.0]])
    values = field(np.concatenate([points + step * corner for corner in corners])).reshape(4, -1)
    slope = (corners.T @ values).T
    return slope / (np.linalg.norm(slope, axis=1, keepdims=True) + 1e-12)


def project(field: Field, points: np.ndarray, rounds: int = 3, limit: float = 0.03) -> np.ndarray:
    """Points moved onto the zero level, at most `limit` per round."""
    for _ in range(rounds):
        points = points - np.clip(field(points), -limit, limit)[:, None] * gradient(field, points)
    return points


def cast(field: Field, start: np.ndarray, target: np.ndarray, rounds: int = 60) -> np.ndarray:
    """First points of the surface on the rays from `start` (outside) to `target` (inside), by sphere tracing."""
    ray = target - start
    length = np.linalg.norm(ray, axis=1, keepdims=True)
    travelled = np.zeros(len(start))
    for _ in range(rounds):
        travelled += 0.7 * field(start + travelled[:, None] * ray / length)
    return start + np.clip(travelled[:, None], 0, length) * ray / length
