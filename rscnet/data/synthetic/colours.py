"""Colours as they occur: mostly muted cloth, natural skin and hair, grounds and walls. RGB in [0, 1]."""

from __future__ import annotations

import colorsys

import numpy as np
from jaxtyping import Float, Float32

Colour = Float[np.ndarray, "3"]
Picture = Float32[np.ndarray, "s s 3"]

HAIR = ((0.06, 0.05, 0.04), (0.16, 0.1, 0.06), (0.3, 0.2, 0.12), (0.55, 0.42, 0.24), (0.5, 0.5, 0.5), (0.4, 0.17, 0.08))
PALE_SKIN, DARK_SKIN = np.array([0.95, 0.79, 0.69]), np.array([0.28, 0.18, 0.13])


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Hue, saturation and value in [0, 1] as float32 RGB."""
    return np.array(colorsys.hsv_to_rgb(hue % 1.0, saturation, value), dtype=np.float32)


def skin(rng: np.random.Generator) -> Colour:
    """A skin tone from pale to dark."""
    tone = rng.random() ** 1.3
    return ((1 - tone) * PALE_SKIN + tone * DARK_SKIN).astype(np.float32) * rng.uniform(0.93, 1.05, 3).astype(
        np.float32
    )


def hair(rng: np.random.Generator) -> Colour:
    """A hair colour."""
    return np.array(HAIR[rng.integers(len(HAIR))], dtype=np.float32) * np.float32(rng.uniform(0.7, 1.25))


def cloth(rng: np.random.Generator) -> Colour:
    """A colour of clothes: dark, grey or white half of the time, then denim and earth, sometimes bright."""
    kind = rng.random()
    if kind < 0.2:
        return hsv(rng.random(), rng.uniform(0, 0.25), rng.uniform(0.03, 0.22))
    if kind < 0.32:
        return hsv(rng.random(), rng.uniform(0, 0.12), rng.uniform(0.3, 0.7))
    if kind < 0.48:
        return hsv(rng.random(), rng.uniform(0, 0.08), rng.uniform(0.8, 1.0))
    if kind < 0.62:
        return hsv(rng.uniform(0.56, 0.66), rng.uniform(0.25, 0.65), rng.uniform(0.15, 0.6))
    if kind < 0.74:
        return hsv(rng.uniform(0.04, 0.16), rng.uniform(0.2, 0.5), rng.uniform(0.2, 0.75))
    return hsv(rng.choice([rng.uniform(-0.03, 0.03), rng.random()]), rng.uniform(0.4, 0.85), rng.uniform(0.3, 0.9))


def wall(rng: np.random.Generator) -> Colour:
    """Walls, doors, furniture, stone: nearly grey, now and then a colour."""
    if rng.random() < 0.12:
        return hsv(rng.random(), rng.uniform(0.25, 0.6), rng.uniform(0.2, 0.7))
    return hsv(
        rng.choice([rng.uniform(0.04, 0.14), rng.uniform(0.5, 0.65)]), rng.uniform(0, 0.28), rng.uniform(0.12, 0.95)
    )


def sky(rng: np.random.Generator) -> Colour:
    """Blue to overcast sky."""
    return hsv(rng.uniform(0.54, 0.62), rng.uniform(0, 0.5), rng.uniform(0.65, 1.0))


def foliage(rng: np.random.Generator) -> Colour:
    """Leaves and undergrowth."""
    return hsv(rng.uniform(0.16, 0.36), rng.uniform(0.15, 0.6), rng.uniform(0.06, 0.5))


def ground(rng: np.random.Generator) -> Colour:
    """Grass, snow, asphalt, sand or soil, floor boards, water."""
    kind = rng.choice(6, p=[0.26, 0.18, 0.22, 0.14, 0.12, 0.08])
    if kind == 0:
        return hsv(rng.uniform(0.17, 0.36), rng.uniform(0.2, 0.6), rng.uniform(0.25, 0.7))
    if kind == 1:
        return hsv(rng.uniform(0.55, 0.65), rng.uniform(0, 0.08), rng.uniform(0.82, 1.0))
    if kind == 2:
        return hsv(rng.random(), rng.uniform(0, 0.1), rng.uniform(0.2, 0.7))
    if kind == 3:
        return hsv(rng.uniform(0.06, 0.13), rng.uniform(0.15, 0.45), rng.uniform(0.4, 0.9))
    if kind == 4:
        return hsv(rng.uniform(0.04, 0.1), rng.uniform(0.2, 0.55), rng.uniform(0.2, 0.7))
    return hsv(rng.uniform(0.45, 0.6), rng.uniform(0.1, 0.4), rng.uniform(0.3, 0.7))
