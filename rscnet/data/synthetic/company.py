"""Other people around a person, dressed, posed and lit as they are: mostly behind, now and then in front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32

from rscnet.data.synthetic.colours import Picture
from rscnet.data.synthetic.layers import over
from rscnet.data.synthetic.lighting import Light
from rscnet.data.synthetic.occluders import Stage, add_seat, add_shadow
from rscnet.joints import SMPL_54

MOST_HIDDEN = 0.3  # share of a person that those in front may cover together
LEVEL = 0.25  # sine of a camera's tilt up to which people farther away are drawn smaller
_PELVIS = SMPL_54.index("pelvis")


@dataclass(frozen=True)
class Place:
    """Where somebody is, told from the person that a picture is of.

    Attributes:
        turn: radians that they are turned by against that person, about the vertical.
        aside: along the ground, across the camera's view, in sides of the crop.
        away: metres along the ground, away from the camera; in front where negative.
        smaller: how many times smaller a level camera sees them, their pelvis where it would be without that.
    """

    turn: float
    aside: float
    away: float
    smaller: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Place:
        """Within the crop or cut by its border; four of five times behind."""
        turn, aside = rng.uniform(-np.pi, np.pi), rng.choice([-1, 1]) * rng.uniform(0.15, 0.55)
        if rng.random() < 0.2:
            return cls(turn, aside, -rng.uniform(0.2, 0.8), float(np.exp(-rng.uniform(0, 0.15))))
        return cls(turn, aside, rng.uniform(0.2, 2.0), float(np.exp(rng.uniform(0, 0.7))))

    def translation(
        self,
        stage: Stage,
        vertices: Float[np.ndarray, "v 3"],
        joints: Float[np.ndarray, "54 3"],
        airborne: float = 0.0,
    ) -> Float32[np.ndarray, "3"]:
        """Metres in the camera frame that bring a body to this place beside that of `stage`.

        Args:
            stage: the person that the picture is of.
            vertices, joints: of the body in metres, turned into the camera frame, not translated.
            airborne: metres between its lowest point and the ground.
        """
        view = np.array([0.0, 0.0, 1.0])
        away = view - (view @ stage.up) * stage.up
        away /= np.linalg.norm(away)
        aside = self.aside * stage.size / stage.metre
        spot = stage.joints[_PELVIS] + aside * np.cross(away, stage.up) + self.away * away
        lowest = float((vertices @ stage.up).min()) + (spot - joints[_PELVIS]) @ stage.up
        spot = spot + (stage.floor + airborne - lowest) * stage.up
        smaller = self.smaller if abs(stage.up[2]) < LEVEL else 1.0
        return (smaller * spot - joints[_PELVIS]).astype(np.float32)


@dataclass(frozen=True)
class Companion:
    """Somebody near, rendered.

    Attributes:
        layer: premultiplied RGBA.
        stage: what shadow and seat are drawn by.
        behind: the person that the picture is of, else in front.
        seated: on something that must be drawn.
    """

    layer: Float32[np.ndarray, "s s 4"]
    stage: Stage
    behind: bool
    seated: bool = False


def from_afar(company: Sequence[Companion]) -> list[Companion]:
    """The farthest first, in which order they are painted."""
    return sorted(company, key=lambda one: -float(one.stage.joints[_PELVIS, 2]))


def add_behind(rng: np.random.Generator, picture: Picture, company: Sequence[Companion], light: Light) -> Picture:
    """Those behind, with their shadows and seats."""
    for one in from_afar(company):
        if one.behind:
            picture = add_shadow(picture, one.stage, light)
            picture = add_seat(rng, picture, one.stage) if one.seated else picture
            picture = over(picture, one.layer)
    return picture


def add_before(
    picture: Picture, company: Sequence[Companion], person: Float32[np.ndarray, "s s"]
) -> tuple[Picture, Bool[np.ndarray, "s s"]]:
    """Those in front, as long as together they do not hide too much of the `person` (coverage); and where they are."""
    covered = np.zeros(person.shape, np.float32)
    for one in from_afar(company):
        together = np.maximum(covered, one.layer[..., 3])
        if not one.behind and (together * person).sum() <= MOST_HIDDEN * person.sum():
            picture, covered = over(picture, one.layer), together
    return picture, covered > 0.5
