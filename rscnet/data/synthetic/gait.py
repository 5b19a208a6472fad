"""Walking and running: joint angles over one cycle, as textbooks of gait analysis draw them, and the path they make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline

from rscnet.data.synthetic.pose_library import Angles
from rscnet.data.synthetic.poses import JOINT, MIRROR, Degrees

Curve = tuple[float, ...]


@dataclass(frozen=True)
class Gait:
    """One cycle of the left leg from its foot's contact on, in equal steps; degrees, flexion and dorsiflexion positive.

    Attributes:
        cycle: seconds of two steps.
        stance: part of the cycle that the foot is on the ground.
        swing: half the angle that arms swing through.
        elbow: flexion, and how much more of it in front.
        lean: of the trunk, forward.
        flight: metres that the body rises above the ground between two stances.
    """

    cycle: float
    stance: float
    hip: Curve
    knee: Curve
    ankle: Curve
    swing: float
    elbow: tuple[float, float]
    lean: float
    flight: float = 0.0


WALK = Gait(
    cycle=1.1,
    stance=0.6,
    hip=(30, 25, 15, 5, -5, -10, -5, 10, 25, 32),
    knee=(5, 15, 16, 10, 5, 10, 35, 60, 50, 18),
    ankle=(0, -5, 4, 8, 10, 5, -15, -5, 2, 2),
    swing=22,
    elbow=(20, 10),
    lean=3,
)
RUN = Gait(
    cycle=0.72,
    stance=0.36,
    hip=(35, 29, 16, 0, -12, -6, 18, 40, 52, 46),
    knee=(18, 38, 40, 26, 20, 52, 95, 102, 66, 26),
    ankle=(4, 18, 22, 4, -24, -14, 0, 5, 6, 6),
    swing=40,
    elbow=(88, 14),
    lean=12,
    flight=0.06,
)

_ARM: Angles = (0, 4, -74)  # of the shoulder at rest: hanging, a little behind
_PELVIS_TURN = 5.0  # degrees to each side about the vertical; shoulders turn as far the other way
_SPINE = ("spine1", "spine2", "spine3")


def gait_angles(
    gait: Gait, phase: Float[np.ndarray, "t"], effort: float, arms: Float[np.ndarray, "t"] | float = 1.0
) -> Degrees:
    """Euler angles "t 24 3" at cycle positions `phase`.

    Args:
        effort: scale of all swings; 1 is the gait itself, less is shorter steps.
        arms: share of the swing in the arms; 0 lets them hang.
    """
    euler = np.zeros((len(phase), 24, 3))
    for side, sign, own in (("left", np.ones(3), phase), ("right", MIRROR, phase + 0.5)):
        hip, knee, ankle = (_periodic(curve, own) for curve in (gait.hip, gait.knee, gait.ankle))
        forward = -np.cos(2 * np.pi * own) * effort * arms  # an arm is in front when its leg is behind
        zero = np.zeros_like(phase)
        turns = {
            "hip": (-effort * hip, zero, zero + 2),
            "knee": (effort * knee, zero, zero),
            "ankle": (-effort * ankle, zero, zero),
            "shoulder": (zero + _ARM[0], _ARM[1] - gait.swing * forward, zero + _ARM[2]),
            "elbow": (zero, -gait.elbow[0] - gait.elbow[1] * forward, zero),
            "hand": (zero, zero, zero - 12),
        }
        for name, angles in turns.items():
            euler[:, JOINT[f"{side}_{name}"]] = np.stack(angles, axis=1) * sign
    turn = -_PELVIS_TURN * effort * np.cos(2 * np.pi * phase)
    euler[:, 0] = np.stack([np.full_like(phase, 0.4 * gait.lean), turn, 0.4 * turn], axis=1)
    for name in _SPINE:
        euler[:, JOINT[name], 0], euler[:, JOINT[name], 1] = 0.2 * gait.lean, -2 * turn / len(_SPINE)
    euler[:, JOINT["head"], 0] = -0.6 * gait.lean
    return euler


def flight(gait: Gait, phase: Float[np.ndarray, "t"]) -> Float[np.ndarray, "t"]:
    """Metres between the lower foot and the ground: a parabola between the end of a stance and the next contact."""
    share = ((phase % 0.5) - gait.stance) / max(0.5 - gait.stance, 1e-6)
    return np.where(share > 0, 4 * gait.flight * share * (1 - share), 0.0)


def _periodic(curve: Curve, phase: Float[np.ndarray, "t"]) -> Float[np.ndarray, "t"]:
    knots = np.linspace(0, 1, len(curve) + 1)
    return CubicSpline(knots, [*curve, curve[0]], bc_type="periodic")(phase % 1)
