"""What stands between ground, person and camera: shadows, seats, held and occluding things, and the sensor."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32

from rscnet.data.synthetic import colours
from rscnet.data.synthetic.backgrounds import texture_noise
from rscnet.data.synthetic.colours import Picture
from rscnet.data.synthetic.lighting import Light
from rscnet.geometry.cameras import NORMALISED_FOCAL
from rscnet.joints import SMPL_54

_HANDS = [(SMPL_54.index(f"{side}_wrist"), SMPL_54.index(f"{side}_hand")) for side in ("left", "right")]
_PELVIS = SMPL_54.index("pelvis")
LOWEST_SUN = 0.4  # sine of the elevation that shadows are cast with, so that they stay near
CONTACT_HEIGHT = 0.08  # metres above the ground that darken it by their nearness


@dataclass(frozen=True)
class Stage:
    """A posed person in front of the camera, for everything that is drawn relative to them.

    `vertices` and `joints` (54) are in metres in the camera frame, translated; `floor` is the height of the ground
    along `up`; `size` is the crop's side in pixels.
    """

    vertices: Float[np.ndarray, "v 3"]
    joints: Float[np.ndarray, "54 3"]
    up: Float[np.ndarray, "3"]
    floor: float
    size: int

    def pixels(self, points: Float[np.ndarray, "k 3"]) -> Float[np.ndarray, "k 2"]:
        """Where points of the camera frame appear."""
        return (NORMALISED_FOCAL * points[:, :2] / points[:, 2:] + 1) * (self.size / 2)

    @property
    def metre(self) -> float:
        """Pixels per metre at the person."""
        return NORMALISED_FOCAL / float(self.joints[_PELVIS, 2]) * self.size / 2


def add_shadow(picture: Picture, stage: Stage, light: Light) -> Picture:
    """Darken the ground where the person keeps light away: cast by the key light, and close to what touches it."""
    points = stage.vertices[::3]
    height = points @ stage.up - stage.floor
    key = light.key if light.key @ stage.up > LOWEST_SUN else light.key + (LOWEST_SUN - light.key @ stage.up) * stage.up
    cast = _splat(stage, points - (height / (key @ stage.up))[:, None] * key, 0.02)
    near = height < CONTACT_HEIGHT
    contact = _splat(stage, points[near] - height[near, None] * stage.up, 0.05)
    darkness = np.maximum(light.shadow * cast, 0.55 * contact)
    return picture * (1 - darkness)[..., None]


def _splat(stage: Stage, points: Float[np.ndarray, "k 3"], radius: float) -> Float32[np.ndarray, "s s"]:
    """Soft coverage in [0, 1] of the crop by points of `radius` metres."""
    size = stage.size
    columns, rows = np.floor(stage.pixels(points)).astype(int).T
    inside = (columns >= 0) & (columns < size) & (rows >= 0) & (rows < size)
    cover = np.zeros((size, size), np.float32)
    cover[rows[inside], columns[inside]] = 1
    width = 2 * max(1, round(radius * stage.metre)) + 1
    return cv2.GaussianBlur(cv2.dilate(cover, np.ones((3, 3), np.uint8)), (0, 0), width / 2)


def add_seat(rng: np.random.Generator, picture: Picture, stage: Stage) -> Picture:
    """A block, chair or bench under the pelvis, behind the person."""
    pelvis = stage.joints[_PELVIS]
    top = stage.pixels((pelvis - 0.09 * stage.up)[None])[0]
    foot = stage.pixels((pelvis - (pelvis @ stage.up - stage.floor) * stage.up)[None])[0]
    half = rng.uniform(0.16, 0.4) * stage.metre
    mask = np.zeros((stage.size, stage.size), np.uint8)
    back = rng.uniform(0.2, 0.55) * stage.metre if rng.random() < 0.4 else 0.0
    x = top[0] + rng.uniform(-0.5, 0.5) * half
    if rng.random() < 0.5:
        cv2.rectangle(mask, (int(x - half), int(top[1])), (int(x + half), int(foot[1])), 255, -1)
    else:
        thick = max(1, int(0.05 * stage.metre))
        cv2.rectangle(mask, (int(x - half), int(top[1])), (int(x + half), int(top[1] + thick)), 255, -1)
        for leg in (x - 0.9 * half, x + 0.9 * half):
            cv2.line(mask, (int(leg), int(top[1])), (int(leg), int(foot[1])), 255, max(1, thick // 2), cv2.LINE_AA)
    if back:
        side = int(x + rng.choice([-1, 1]) * half)
        cv2.line(
            mask, (side, int(top[1])), (side, int(top[1] - back)), 255, max(1, int(0.06 * stage.metre)), cv2.LINE_AA
        )
    return _overlay(rng, picture, mask)


def add_held(rng: np.random.Generator, picture: Picture, stage: Stage) -> Picture:
    """A stick, racket, bag or ball in one or both hands."""
    mask = np.zeros((stage.size, stage.size), np.uint8)
    kind = rng.choice(["stick", "bag", "ball"], p=[0.5, 0.3, 0.2])
    both = rng.random() < 0.4
    first = int(rng.integers(2))
    for wrist, hand in _HANDS if both else [_HANDS[first]]:
        grip = 1.5 * stage.joints[hand] - 0.5 * stage.joints[wrist]
        at = stage.pixels(grip[None])[0]
        if kind == "stick":
            direction = rng.normal(size=2) + np.array([0, 0.8])
            tip = at + direction / np.linalg.norm(direction) * rng.uniform(0.4, 1.2) * stage.metre
            cv2.line(
                mask,
                at.astype(int).tolist(),
                tip.astype(int).tolist(),
                255,
                max(1, int(0.025 * stage.metre)),
                cv2.LINE_AA,
            )
        elif kind == "bag":
            w, h = rng.uniform(0.08, 0.2) * stage.metre, rng.uniform(0.2, 0.4) * stage.metre
            cv2.rectangle(mask, (int(at[0] - w), int(at[1])), (int(at[0] + w), int(at[1] + h)), 255, -1)
        else:
            cv2.circle(
                mask, at.astype(int).tolist(), max(1, int(rng.uniform(0.05, 0.13) * stage.metre)), 255, -1, cv2.LINE_AA
            )
    return _overlay(rng, picture, mask)


def add_occluder(rng: np.random.Generator, picture: Picture, size: int) -> tuple[Picture, Bool[np.ndarray, "s s"]]:
    """Something in front of the person: a counter or boat at the bottom, a post or door at a side, a box, a bush.

    Returns the picture and where it is covered.
    """
    mask = np.zeros((size, size), np.uint8)
    kind = rng.choice(["bottom", "side", "post", "box", "bush"], p=[0.25, 0.15, 0.2, 0.2, 0.2])
    x, y = rng.uniform(0.15, 0.85, 2) * size
    if kind == "bottom":
        level = rng.uniform(0.55, 0.9, 2) * size if rng.random() < 0.3 else np.repeat(rng.uniform(0.58, 0.9), 2) * size
        cv2.fillPoly(
            mask,
            [np.array([[0, level[0]], [size, level[1]], [size, size], [0, size]]).astype(np.int32)],
            255,
            cv2.LINE_AA,
        )
    elif kind == "side":
        edge = int(rng.uniform(0.08, 0.32) * size)
        mask[:, slice(0, edge) if rng.random() < 0.5 else slice(size - edge, size)] = 255
    elif kind == "post":
        lean = rng.normal(0, 0.05) * size
        cv2.line(
            mask, (int(x), -1), (int(x + lean), size), 255, max(1, int(rng.uniform(0.015, 0.1) * size)), cv2.LINE_AA
        )
    elif kind == "box":
        w, h = rng.uniform(0.06, 0.22, 2) * size
        corners = cv2.boxPoints(((float(x), float(y)), (float(2 * w), float(h)), float(rng.normal(0, 12))))
        cv2.fillPoly(mask, [corners.astype(np.int32)], 255, cv2.LINE_AA)
    else:
        for _ in range(6):
            at = (int(x + rng.normal(0, 0.06) * size), int(max(y, 0.5 * size) + rng.normal(0, 0.06) * size))
            axes = (int(rng.uniform(0.03, 0.12) * size), int(rng.uniform(0.03, 0.12) * size))
            cv2.ellipse(mask, at, axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
    tone = colours.foliage(rng) if kind == "bush" else None
    return _overlay(rng, picture, mask, tone), mask > 127


def _overlay(
    rng: np.random.Generator, picture: Picture, mask: np.ndarray, tone: colours.Colour | None = None
) -> Picture:
    if tone is None:
        tone = colours.wall(rng) if rng.random() < 0.6 else colours.cloth(rng)
    share = mask.astype(np.float32)[..., None] / 255
    surface = np.clip(tone + texture_noise(rng, len(picture)), 0, 1).astype(np.float32)
    return picture + share * (surface - picture)


def sensor(rng: np.random.Generator, noise: np.random.Generator, picture: Picture) -> Picture:
    """Gain, gamma, haze, slight blur, noise, and now and then no colour. Low resolution is made elsewhere.

    `rng` gives what a camera keeps from frame to frame, `noise` what it does not.
    """
    if rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 0.7) * len(picture) / 112)
    picture = np.clip(picture * np.float32(rng.uniform(0.8, 1.15)), 0, 1) ** np.float32(rng.uniform(0.75, 1.25))
    if rng.random() < 0.15:
        haze = np.float32(rng.uniform(0, 0.35))
        picture = (1 - haze) * picture + haze * np.float32(rng.uniform(0.5, 0.95))
    if rng.random() < 0.06:
        picture = np.repeat(picture.mean(2, keepdims=True), 3, axis=2)
    grain = np.float32(rng.uniform(0, 0.02)) * noise.standard_normal(picture.shape, dtype=np.float32)
    return np.clip(picture + grain, 0, 1)
