"""Natural poses written by hand, as data: Euler angles in degrees, relative to the T-pose, applied x, then y, then z.

Tables are written for the left side and mirrored for the right as (x, -y, -z). In the rest frame (y up, +x the
subject's left, z facing): shoulder z < 0 lowers the arm and y < 0 swings it forward; elbow y < 0 flexes; hip x < 0
flexes and z > 0 abducts; knee x > 0 flexes; torso x > 0 bends forward.
"""

from __future__ import annotations

from typing import NamedTuple

Angles = tuple[float, float, float]

# hip, knee, ankle of the left leg, then of the right leg
LEGS: dict[str, tuple[tuple[Angles, Angles, Angles], tuple[Angles, Angles, Angles]]] = {
    "stand": (((0, 0, 3), (2, 0, 0), (0, 0, 0)), ((0, 0, 3), (2, 0, 0), (0, 0, 0))),
    "wide": (((-4, 10, 16), (4, 0, 0), (0, 0, -8)), ((-4, 10, 16), (4, 0, 0), (0, 0, -8))),
    "contra": (((2, 4, 6), (1, 0, 0), (0, 0, 0)), ((-14, 14, 10), (26, 0, 0), (-10, 0, 0))),
    "walk": (((-28, 0, 2), (8, 0, 0), (0, 0, 0)), ((18, 0, 2), (22, 0, 0), (14, 0, 0))),
    "walk2": (((-12, 0, 2), (38, 0, 0), (4, 0, 0)), ((4, 0, 2), (4, 0, 0), (0, 0, 0))),
    "run": (((-62, 0, 3), (85, 0, 0), (5, 0, 0)), ((22, 0, 3), (45, 0, 0), (28, 0, 0))),
    "run2": (((-38, 0, 3), (20, 0, 0), (-5, 0, 0)), ((12, 0, 3), (95, 0, 0), (25, 0, 0))),
    "sit": (((-86, 8, 10), (86, 0, 0), (0, 0, 0)), ((-86, 8, 10), (86, 0, 0), (0, 0, 0))),
    "sit_wide": (((-84, 22, 20), (80, 0, 0), (0, 0, 0)), ((-88, 18, 16), (92, 0, 0), (0, 0, 0))),
    "sit_low": (((-104, 12, 10), (84, 0, 0), (5, 0, 0)), ((-100, 10, 10), (70, 0, 0), (0, 0, 0))),
    "sit_crossed": (((-80, 5, 4), (70, 0, 0), (10, 0, 0)), ((-95, -8, -8), (100, 0, 0), (15, 0, 0))),
    "sit_floor": (((-78, 8, 10), (8, 0, 0), (10, 0, 0)), ((-84, 8, 8), (24, 0, 0), (10, 0, 0))),
    "sit_floor_knee": (((-112, 6, 8), (105, 0, 0), (5, 0, 0)), ((-80, 8, 10), (12, 0, 0), (12, 0, 0))),
    "sit_tailor": (((-106, 38, -40), (118, 0, 0), (15, 0, 0)), ((-104, 38, -40), (120, 0, 0), (15, 0, 0))),
    "ride": (((-68, 16, 20), (78, 0, 0), (4, 0, 0)), ((-66, 16, 20), (80, 0, 0), (4, 0, 0))),
    "pedal": (((-92, 4, 8), (100, 0, 0), (5, 0, 0)), ((-45, 4, 6), (42, 0, 0), (12, 0, 0))),
    "squat": (((-108, 22, 22), (118, 0, 0), (-24, 0, 0)), ((-108, 22, 22), (118, 0, 0), (-24, 0, 0))),
    "half_squat": (((-55, 12, 14), (68, 0, 0), (-16, 0, 0)), ((-55, 12, 14), (68, 0, 0), (-16, 0, 0))),
    "ski": (((-58, 4, 8), (62, 0, 0), (-20, 0, 0)), ((-44, 2, 6), (50, 0, 0), (-18, 0, 0))),
    "hinge": (((-62, 2, 6), (12, 0, 0), (-2, 0, 0)), ((-56, 2, 6), (8, 0, 0), (0, 0, 0))),
    "lunge": (((-75, 0, 4), (82, 0, 0), (-6, 0, 0)), ((22, 0, 4), (38, 0, 0), (25, 0, 0))),
    "deep_lunge": (((-100, 14, 18), (96, 0, 0), (-14, 0, 0)), ((6, 4, 22), (48, 0, 0), (18, 0, 0))),
    "side_lunge": (((-72, 18, 30), (84, 0, 0), (-16, 0, -4)), ((-24, 6, 38), (6, 0, 0), (0, 0, -10))),
    "kick": (((-82, 0, 6), (12, 0, 0), (20, 0, 0)), ((6, 0, 4), (8, 0, 0), (0, 0, 0))),
    "kick_back": (((28, 0, 8), (78, 0, 0), (25, 0, 0)), ((-12, 0, 4), (16, 0, 0), (-4, 0, 0))),
    "side_kick": (((-10, 0, 48), (6, 0, 0), (5, 0, 0)), ((2, 0, 2), (6, 0, 0), (0, 0, 0))),
    "step_up": (((-72, 0, 4), (78, 0, 0), (0, 0, 0)), ((3, 0, 3), (4, 0, 0), (0, 0, 0))),
    "climb": (((-104, 20, 26), (100, 0, 0), (0, 0, 0)), ((-14, 8, 14), (24, 0, 0), (14, 0, 0))),
    "kneel": (((-15, 0, 6), (112, 0, 0), (30, 0, 0)), ((-88, 4, 6), (88, 0, 0), (0, 0, 0))),
    "kneel_both": (((-34, 4, 10), (122, 0, 0), (38, 0, 0)), ((-34, 4, 10), (122, 0, 0), (38, 0, 0))),
    "crawl": (((-88, 2, 6), (92, 0, 0), (34, 0, 0)), ((-70, 2, 6), (84, 0, 0), (34, 0, 0))),
    "skate": (((-34, 4, 8), (44, 0, 0), (-8, 0, 0)), ((14, 6, 24), (22, 0, 0), (16, 0, 0))),
    "jump": (((-35, 8, 14), (62, 0, 0), (28, 0, 0)), ((-12, 8, 14), (48, 0, 0), (32, 0, 0))),
}

# shoulder, elbow, wrist of one arm
ARMS: dict[str, tuple[Angles, Angles, Angles]] = {
    "down": ((0, 0, -78), (0, -12, 0), (0, 0, 0)),
    "down2": ((0, 8, -70), (0, -20, 0), (0, 0, 0)),
    "swing_f": ((0, -32, -68), (0, -38, 0), (0, 0, 0)),
    "swing_b": ((0, 28, -72), (0, -18, 0), (0, 0, 0)),
    "run_f": ((0, -42, -66), (0, -92, 0), (0, 0, 0)),
    "run_b": ((0, 48, -62), (0, -84, 0), (0, 0, 0)),
    "tpose": ((0, 0, 0), (0, -5, 0), (0, 0, 0)),
    "apose": ((0, 0, -40), (0, -10, 0), (0, 0, 0)),
    "forward": ((0, -82, -6), (0, -10, 0), (0, 0, 0)),
    "up": ((0, -18, 66), (0, -16, 0), (0, 0, 0)),
    "up_bent": ((0, -22, 32), (0, -70, 0), (0, 0, 0)),
    "wave": ((-82, 0, -12), (0, -98, 0), (0, 0, 0)),
    "hip": ((48, 20, -52), (0, -92, 0), (0, 0, 10)),
    "cross": ((52, -40, -62), (0, -100, 0), (0, 0, 0)),
    "phone": ((0, -50, -58), (0, -132, 0), (0, 0, 0)),
    "point": ((0, -62, -4), (0, -6, 0), (0, 0, 0)),
    "carry": ((0, -28, -68), (0, -82, 0), (0, 0, 0)),
    "back": ((0, 35, -62), (0, -35, 0), (0, 0, 0)),
    "punch": ((0, -74, -14), (0, -30, 0), (0, 0, 0)),
    "guard": ((0, -46, -50), (0, -118, 0), (0, 0, 0)),
    "behind_head": ((-94, 0, 38), (0, -135, 0), (0, 0, 0)),
    "side_low": ((0, -10, -25), (0, -35, 0), (0, 0, 0)),
    "ski": ((18, -36, -50), (0, -52, 0), (0, 0, 0)),
    "ski_wide": ((10, -28, -36), (0, -48, 0), (0, 0, 0)),
    "reach_up": ((0, -46, 56), (0, -24, 0), (0, 0, 0)),
    "reach_low": ((0, -52, -66), (0, -14, 0), (0, 0, 0)),
    "handlebar": ((8, -60, -46), (0, -30, 0), (0, 0, 0)),
    "lap": ((18, -26, -68), (0, -48, 0), (0, 0, 0)),
    "pocket": ((22, 14, -70), (0, -46, 0), (0, 0, 0)),
    "chest": ((30, -26, -66), (0, -112, 0), (0, 0, 0)),
    "throw_back": ((-62, 30, 8), (0, -92, 0), (0, 0, 0)),
    "racket_side": ((0, 12, -22), (0, -28, 0), (0, 0, 0)),
    "racket_low": ((20, -36, -42), (0, -26, 0), (0, 0, 0)),
    "prop_back": ((0, 46, -56), (0, -6, 0), (0, 0, 0)),
    "golf": ((16, -44, -74), (0, -14, 0), (0, 0, 0)),
    "over_bent": ((-72, -10, 42), (0, -62, 0), (0, 0, 0)),
    "salute": ((-66, -20, 4), (0, -126, 0), (0, 0, 0)),
}

# spine1, spine2, spine3, neck, head
TORSOS: dict[str, tuple[Angles, Angles, Angles, Angles, Angles]] = {
    "straight": ((0, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0)),
    "lean": ((8, 0, 0), (6, 0, 0), (4, 0, 0), (-4, 0, 0), (-8, 0, 0)),
    "bend": ((30, 0, 0), (22, 0, 0), (14, 0, 0), (-5, 0, 0), (-12, 0, 0)),
    "slump": ((18, 0, 0), (14, 0, 0), (8, 0, 0), (2, 0, 0), (4, 0, 0)),
    "head_up": ((10, 0, 0), (8, 0, 0), (4, 0, 0), (-16, 0, 0), (-22, 0, 0)),
    "twist": ((0, 12, 0), (0, 12, 0), (0, 9, 0), (0, 8, 0), (0, 14, 0)),
    "bend_twist": ((20, 12, 0), (14, 12, 0), (8, 9, 0), (-6, 0, 0), (-10, 6, 0)),
    "side": ((0, 0, 8), (0, 0, 8), (0, 0, 6), (0, 0, -3), (0, 0, -6)),
    "arch": ((-8, 0, 0), (-7, 0, 0), (-5, 0, 0), (-4, 0, 0), (-6, 0, 0)),
    "look_down": ((4, 0, 0), (3, 0, 0), (2, 0, 0), (14, 0, 0), (20, 0, 0)),
    "look_side": ((0, 4, 0), (0, 4, 0), (0, 2, 0), (0, 22, 0), (0, 32, 0)),
}


class Combination(NamedTuple):
    """One whole-body pose: names into the tables, how far the pelvis leans forward (degrees), and how common it is."""

    legs: str
    left_arm: str
    right_arm: str
    torso: str
    tilt: float
    weight: float


COMBINATIONS = tuple(
    Combination(*row)
    for row in (
        ("stand", "down", "down", "straight", 0, 4),
        ("stand", "down2", "swing_f", "straight", 0, 2),
        ("contra", "hip", "down", "side", 0, 2),
        ("wide", "hip", "hip", "straight", 0, 1.5),
        ("walk", "swing_b", "swing_f", "twist", 2, 4),
        ("walk2", "down", "down2", "lean", 2, 3),
        ("run", "run_b", "run_f", "lean", 8, 3),
        ("run2", "run_b", "run_f", "lean", 6, 2),
        ("sit", "carry", "carry", "lean", 0, 2),
        ("sit_crossed", "carry", "down2", "straight", -4, 1),
        ("squat", "forward", "forward", "bend", 20, 1),
        ("half_squat", "guard", "guard", "lean", 10, 1),
        ("lunge", "run_b", "run_f", "lean", 6, 2),
        ("kick", "apose", "side_low", "arch", -8, 1),
        ("side_kick", "guard", "guard", "side", 0, 1),
        ("step_up", "swing_f", "up", "straight", 2, 1),
        ("kneel", "carry", "down", "look_down", 2, 1),
        ("jump", "up", "up", "arch", 0, 1),
        ("stand", "wave", "down", "straight", 0, 2),
        ("stand", "cross", "cross", "straight", 0, 1.5),
        ("contra", "phone", "down", "look_down", 0, 2),
        ("stand", "point", "hip", "look_side", 0, 1),
        ("wide", "punch", "guard", "twist", 4, 1),
        ("stand", "tpose", "tpose", "straight", 0, 1),
        ("stand", "apose", "apose", "straight", 0, 1),
        ("wide", "up", "up", "straight", 0, 1),
        ("stand", "behind_head", "behind_head", "straight", 0, 0.5),
        ("stand", "forward", "carry", "bend", 6, 1),
        ("half_squat", "forward", "forward", "bend", 16, 1),
        ("walk", "carry", "phone", "look_down", 2, 1),
        ("stand", "up_bent", "down", "side", 0, 1),
        ("wide", "back", "back", "bend", 10, 1),
        ("ski", "ski", "ski", "lean", 18, 2),
        ("ski", "ski_wide", "ski", "head_up", 26, 1.5),
        ("ski", "back", "ski_wide", "twist", 14, 1),
        ("hinge", "reach_low", "reach_low", "bend", 52, 1.5),
        ("hinge", "reach_low", "carry", "bend_twist", 46, 1.5),
        ("hinge", "handlebar", "handlebar", "slump", 40, 1),
        ("contra", "reach_low", "reach_low", "slump", 16, 1),
        ("sit", "lap", "lap", "straight", -4, 2),
        ("sit_wide", "lap", "chest", "slump", 2, 1.5),
        ("sit_low", "carry", "lap", "slump", 6, 1.5),
        ("sit_crossed", "lap", "lap", "slump", -6, 1),
        ("sit_floor", "prop_back", "prop_back", "arch", -22, 0.7),
        ("sit_floor_knee", "lap", "prop_back", "lean", -12, 0.7),
        ("sit_tailor", "lap", "lap", "slump", -4, 0.7),
        ("ride", "handlebar", "handlebar", "lean", 8, 2),
        ("pedal", "handlebar", "handlebar", "head_up", 30, 1.5),
        ("side_lunge", "reach_low", "side_low", "bend", 22, 1),
        ("deep_lunge", "racket_low", "side_low", "lean", 18, 1.5),
        ("deep_lunge", "forward", "racket_side", "bend_twist", 28, 1),
        ("lunge", "throw_back", "point", "twist", 0, 1),
        ("wide", "throw_back", "apose", "arch", -6, 1),
        ("kick_back", "side_low", "apose", "twist", 6, 1),
        ("half_squat", "racket_low", "racket_side", "bend_twist", 14, 1.5),
        ("wide", "golf", "golf", "slump", 14, 1),
        ("contra", "pocket", "pocket", "look_down", 0, 1.5),
        ("walk2", "pocket", "swing_b", "look_side", 2, 1),
        ("climb", "reach_up", "over_bent", "straight", 6, 1),
        ("step_up", "reach_up", "handlebar", "lean", 10, 1),
        ("kneel_both", "reach_low", "reach_low", "bend", 16, 0.7),
        ("crawl", "forward", "forward", "head_up", 80, 0.5),
        ("skate", "swing_b", "run_f", "slump", 20, 1.5),
        ("skate", "apose", "side_low", "lean", 12, 1),
        ("stand", "salute", "down", "straight", 0, 0.7),
        ("stand", "reach_up", "down2", "arch", 0, 1),
        ("run", "throw_back", "forward", "twist", 4, 0.7),
        ("jump", "throw_back", "up", "twist", 4, 0.7),
    )
)

# Rows of COMBINATIONS that training never sees; everything else is training's.
HELD_OUT = {"val": (1, 12, 19, 30, 38, 41, 53, 60), "test": (2, 7, 14, 22, 33, 37, 40, 49, 57, 63, 67)}

# Lowest and highest Euler angle of the left side and the centre.
LIMITS: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "hip": ((-125, 35), (-35, 40), (-45, 55)),
    "knee": ((-2, 140), (-8, 8), (-5, 5)),
    "ankle": ((-30, 45), (-15, 15), (-20, 20)),
    "foot": ((-15, 25), (-4, 4), (-4, 4)),
    "spine1": ((-20, 40), (-20, 20), (-18, 18)),
    "spine2": ((-15, 30), (-18, 18), (-15, 15)),
    "spine3": ((-12, 22), (-15, 15), (-12, 12)),
    "neck": ((-25, 30), (-30, 30), (-20, 20)),
    "head": ((-30, 35), (-45, 45), (-20, 20)),
    "collar": ((-8, 8), (-15, 12), (-14, 22)),
    "shoulder": ((-95, 70), (-115, 55), (-88, 85)),
    "elbow": ((-60, 70), (-145, 2), (-6, 6)),
    "wrist": ((-40, 40), (-25, 25), (-60, 60)),
    "hand": ((-5, 5), (-8, 8), (-35, 10)),
}

# Standard deviation of the angles added to a pose.
SPREAD: dict[str, Angles] = {
    "hip": (8, 5, 4), "knee": (9, 2, 1), "ankle": (6, 3, 3), "foot": (3, 1, 1),
    "spine1": (4, 4, 3), "spine2": (4, 4, 3), "spine3": (3, 3, 3), "neck": (6, 8, 4), "head": (6, 9, 4),
    "collar": (2, 4, 4), "shoulder": (12, 12, 10), "elbow": (14, 14, 2), "wrist": (8, 6, 10), "hand": (2, 3, 8),
}  # fmt: skip
