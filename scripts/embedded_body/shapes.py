"""Ten shape directions: a rig of bone lengths, girths and widths plus smooth local bumps."""

from dataclasses import dataclass

import numpy as np

from .skeleton import JOINT, PARENTS, bone_axes


def _pair(*names: str) -> tuple[int, ...]:
    return tuple(JOINT[f"{side}_{name}"] for name in names for side in ("left", "right"))


HIPS, KNEES = _pair("hip"), _pair("knee")
COLLARS, SHOULDERS, ELBOWS = _pair("collar"), _pair("shoulder"), _pair("elbow")
LEGS, ARMS, HANDS, FEET = HIPS + KNEES, SHOULDERS + ELBOWS, _pair("wrist", "hand"), _pair("ankle", "foot")
TORSO = tuple(JOINT[name] for name in ("pelvis", "spine1", "spine2", "spine3"))
PELVIS, WAIST, CHEST = TORSO[:1], TORSO[1:2], TORSO[2:]
NECK, HEAD = (JOINT["neck"],), (JOINT["head"],)

Change = dict[tuple[int, ...], float]  # joints -> relative change per unit of beta


@dataclass(frozen=True)
class Deformation:
    """Displacement of vertices (v, 3) and of joints (24, 3) in metres per unit of beta."""

    vertices: np.ndarray
    joints: np.ndarray

    def __add__(self, other: "Deformation") -> "Deformation":
        return Deformation(self.vertices + other.vertices, self.joints + other.joints)

    def __rmul__(self, factor: float) -> "Deformation":
        return Deformation(factor * self.vertices, factor * self.joints)


class ShapeRig:
    """Makes deformations of one skinned rest body."""

    def __init__(self, vertices: np.ndarray, normals: np.ndarray, weights: np.ndarray, joints: np.ndarray) -> None:
        self.vertices, self.normals, self.weights, self.joints = vertices, normals, weights, joints
        self.axes = bone_axes(joints)

    def scale(self, factor: float, centre_height: float = 0.95) -> Deformation:
        """Uniform scaling about a point on the body's axis."""
        centre = np.array([0, centre_height, 0])
        return Deformation(factor * (self.vertices - centre), factor * (self.joints - centre))

    def bones(
        self, length: Change | None = None, girth: Change | None = None, width: Change | None = None
    ) -> Deformation:
        """Lengthen bones, thicken what they carry, move side joints (hips, collars, shoulders) apart."""
        lengthen, thicken, widen = (_per_joint(change) for change in (length, girth, width))
        joints = np.zeros((24, 3))
        for joint in range(1, 24):
            parent = PARENTS[joint]
            offset = self.joints[joint] - self.joints[parent]
            joints[joint] = joints[parent] + lengthen[parent] * offset + widen[joint] * offset * [1, 0, 0]
        vertices = np.zeros_like(self.vertices)
        for bone in range(24):
            offset = self.vertices - self.joints[bone]
            along = (offset @ self.axes[bone])[:, None] * self.axes[bone]
            moved = joints[bone] + lengthen[bone] * along + thicken[bone] * (offset - along)
            vertices += self.weights[:, bone : bone + 1] * moved
        return Deformation(vertices, joints)

    def bump(self, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Deformation:
        """One millimetre of swelling along the normals around a point, and around its mirror image."""
        centres = {centre, (-centre[0], centre[1], centre[2])}
        swell = sum(np.exp(-(((self.vertices - c) / radii) ** 2).sum(1) / 2) for c in sorted(centres))
        return Deformation(1e-3 * np.asarray(swell)[:, None] * self.normals, np.zeros((24, 3)))


def _per_joint(change: Change | None) -> np.ndarray:
    values = np.zeros(24)
    for joints, value in (change or {}).items():
        values[list(joints)] = value
    return values


def shape_directions(rig: ShapeRig) -> tuple[np.ndarray, np.ndarray]:
    """The ten directions, vertices (v, 3, 10) and joints (24, 3, 10), in metres per unit of beta."""
    belly = rig.bump((0, 1.06, 0.10), (0.12, 0.12, 0.08))
    seat = rig.bump((0.075, 0.90, -0.12), (0.07, 0.08, 0.06))
    bust = rig.bump((0.075, 1.285, 0.115), (0.045, 0.045, 0.05))
    flank = rig.bump((0.14, 1.04, 0), (0.06, 0.11, 0.10))
    deltoid = rig.bump((0.20, 1.41, -0.02), (0.06, 0.06, 0.06))
    jaw = rig.bump((0, 1.53, 0.06), (0.06, 0.05, 0.06))
    cheeks = rig.bump((0.05, 1.56, 0.05), (0.03, 0.03, 0.04))
    softness = {LEGS: 0.075, ARMS: 0.075, HANDS: 0.03, COLLARS: 0.07, NECK: 0.08, HEAD: 0.015}
    softness |= {PELVIS: 0.080, WAIST: 0.060, CHEST: 0.080}
    directions = [
        rig.scale(0.042),  # stature
        rig.bones(girth=softness) + 12 * belly + 9 * seat + 5 * flank + 4 * bust + 2 * cheeks,  # weight
        rig.bones(length={LEGS: 0.035, TORSO: -0.03}),  # leg to torso
        rig.bones(width={COLLARS: 0.04, SHOULDERS: 0.10, HIPS: -0.08}, girth={CHEST: 0.02, PELVIS: -0.03})
        + 6 * deltoid + -10 * bust + 4 * jaw,  # shoulders to hips
        rig.bones(girth={LEGS: -0.03}) + 13 * belly + 4 * flank + -9 * seat,  # belly
        rig.bones(length={ARMS: 0.045, HANDS: 0.03}),  # arms
        rig.bones(girth={ARMS: 0.09, COLLARS: 0.04, NECK: 0.05}, width={SHOULDERS: 0.03})
        + 11 * deltoid + -7 * belly + 7 * bust,  # muscle
        rig.bones(length={HEAD: 0.05}, girth={HEAD: 0.05}),  # head
        rig.bones(length={HIPS: 0.035, KNEES: -0.035, SHOULDERS: 0.03, ELBOWS: -0.03}),  # upper to lower limbs
        rig.bones(length={NECK: 0.18, CHEST: -0.02}, girth={HANDS: 0.06, FEET: 0.06, NECK: -0.05}),  # extremities
    ]  # fmt: skip
    return np.stack([d.vertices for d in directions], -1), np.stack([d.joints for d in directions], -1)
