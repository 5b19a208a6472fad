"""Other people around a person, dressed, posed and lit as they are: mostly behind, now and then in front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32

from rscnet.data.synthetic.lighting import Light
from rscnet.data.synthetic.occluders import Stage, add_shadow
from rscnet.joints import SMPL_54

Picture = Float32[np.ndarray, "s s 3"]

MOST_HIDDEN = 0.3  # share of a person that others may cover
_PELVIS = SMPL_54.index("pelvis")


@dataclass(frozen=True)
class Place:
    """Where somebody is, seen from the person that a picture is of.

    Attributes:
        turn: radians that they are turned by against that person.
        aside, away: metres along the ground, across the camera's view and away from it.
        farther: how many times as far from the camera as that they are seen, smaller at the same spot.
    """

    turn: float
    aside: float
    away: float
    farther: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Place:
        """A step or two beside; four of five times behind."""
        turn, aside = rng.uniform(-np.pi, np.pi), float(rng.choice([-1, 1]))
        if rng.random() < 0.2:
            return cls(
                turn, aside * rng.uniform(0.4, 1.2), -rng.uniform(0.2, 0.8), float(np.exp(-rng.uniform(0, 0.15)))
            )
        return cls(turn, aside * rng.uniform(0.25, 1.4), rng.uniform(0.2, 2.0), float(np.exp(rng.uniform(0, 0.7))))

    def translation(
        self, stage: Stage, vertices: Float[np.ndarray, "v 3"], joints: Float[np.ndarray, "54 3"]
    ) -> Float32[np.ndarray, "3"]:
        """Metres that bring a body, not translated, to this place beside that of `stage`, onto the same ground."""
        view = np.array([0.0, 0.0, 1.0])
        away = view - (view @ stage.up) * stage.up
        away /= np.linalg.norm(away)
        spot = stage.joints[_PELVIS] + self.aside * np.cross(stage.up, away) + self.away * away
        lowest = float((vertices @ stage.up).min()) + (spot - joints[_PELVIS]) @ stage.up
        spot = spot + (stage.floor - lowest) * stage.up
        return (self.farther * spot - joints[_PELVIS]).astype(np.float32)


@dataclass(frozen=True)
class Companion:
    """Somebody, rendered: where they are, premultiplied RGBA, and what their shadow is drawn by."""

    place: Place
    layer: Float32[np.ndarray, "s s 4"]
    stage: Stage


def add_behind(picture: Picture, company: Sequence[Companion], light: Light) -> Picture:
    """Those behind, the farthest first."""
    for one in sorted(company, key=lambda one: -one.place.farther):
        if one.place.away > 0:
            picture = _over(add_shadow(picture, one.stage, light), one.layer)
    return picture


def add_before(
    picture: Picture, company: Sequence[Companion], person: Float32[np.ndarray, "s s"]
) -> tuple[Picture, Bool[np.ndarray, "s s"]]:
    """Those in front who do not hide too much of the `person` (coverage), and where they are."""
    covered = np.zeros(person.shape, bool)
    for one in company:
        hidden = (one.layer[..., 3] * person).sum() / max(person.sum(), 1)
        if one.place.away < 0 and hidden < MOST_HIDDEN:
            picture, covered = _over(picture, one.layer), covered | (one.layer[..., 3] > 0.5)
    return picture, covered


def _over(picture: Picture, layer: Float32[np.ndarray, "s s 4"]) -> Picture:
    return layer[..., :3] + (1 - layer[..., 3:]) * picture
