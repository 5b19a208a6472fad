"""Backgrounds of nothing in particular: heaps of shapes, rods and hoops of all sizes that hide each other.

Such "dead leaves" have the edges and the spectrum of photographs (Lee, Mumford and Huang, Occlusion Models for Natural
Images, 2001), and networks learn from them what holds for photographs (Baradad et al., Learning to See by Looking at
Noise, 2021). Rods and hoops are as thin as limbs: fences, furniture, bicycles.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import Float32, Int

from rscnet.data.synthetic import colours
from rscnet.data.synthetic.colours import Picture

LEAVES = (10, 90)  # least and greatest number of shapes
SMALLEST, LARGEST = 0.02, 0.5  # half the length of a leaf in sides of the picture
MOST_FRAMES = 7  # things of rods


def clutter(rng: np.random.Generator, size: int, scene: Picture) -> Picture:
    """A picture in [0, 1] of a heap of things, half of the time before `scene`, sharp or blurred."""
    palette = _palette(rng)
    if rng.random() < 0.5:
        picture, count = scene.copy(), int(rng.integers(1, LEAVES[1] // 2))
    else:
        corners = palette[rng.integers(len(palette), size=4)].reshape(2, 2, 3)
        picture = cv2.resize(corners, (size, size), interpolation=cv2.INTER_LINEAR)
        count = int(rng.integers(LEAVES[0], LEAVES[1] + 1))
    radii = size * np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST), count))
    for radius in np.sort(radii)[::-1] if rng.random() < 0.5 else radii:
        cv2.fillPoly(picture, [_outline(rng, radius, size)], _tone(rng, palette))
    for _ in range(int(rng.integers(0, MOST_FRAMES + 1)) if rng.random() < 0.7 else 0):
        _FRAMES[int(rng.integers(len(_FRAMES)))](rng, picture, _tone(rng, palette))
    picture = picture * _grain(rng, size)
    if rng.random() < 0.4:
        picture = cv2.GaussianBlur(picture, (0, 0), size * float(rng.uniform(0.002, 0.02)))
    return np.clip(picture, 0, 1).astype(np.float32)


def _palette(rng: np.random.Generator) -> Float32[np.ndarray, "k 3"]:
    """A few colours, from grey to gaudy, some of them of clothes and skin."""
    palette = rng.uniform(0, 1, (int(rng.integers(2, 9)), 3))
    palette = palette.mean(1, keepdims=True) + rng.uniform(0, 0.6) * (palette - palette.mean(1, keepdims=True))
    for i in np.flatnonzero(rng.random(len(palette)) < 0.3):
        palette[i] = colours.skin(rng) if rng.random() < 0.3 else colours.cloth(rng)
    return palette.astype(np.float32)


def _tone(rng: np.random.Generator, palette: Float32[np.ndarray, "k 3"]) -> list[float]:
    return (palette[rng.integers(len(palette))] + rng.normal(0, 0.05, 3)).clip(0, 1).tolist()


def _outline(rng: np.random.Generator, radius: float, size: int) -> Int[np.ndarray, "k 2"]:
    """Corners in whole pixels of a rectangle, a polygon or an ellipse somewhere in the picture."""
    kind, stretch, turn = int(rng.integers(3)), np.exp(rng.uniform(-3, 0)), rng.uniform(0, np.pi)
    if kind == 0:
        points = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)
        turn = turn if rng.random() < 0.4 else rng.choice([0, np.pi / 2])  # most things that people make stand
    else:
        corners = int(rng.integers(3, 8)) if kind == 1 else 16
        angles = np.sort(rng.uniform(0, 2 * np.pi, corners)) if kind == 1 else np.arange(16) * np.pi / 8
        points = np.stack([np.cos(angles), np.sin(angles)], 1)
    points = radius * points * [1, stretch] @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return np.rint(points + rng.uniform(-0.1, 1.1, 2) * size).astype(np.int32)


def _rods(rng: np.random.Generator, picture: Picture, tone: list[float]) -> None:
    """A few rods, one hung on the other."""
    size = len(picture)
    corners = np.cumsum(rng.normal(0, 0.2, (int(rng.integers(2, 7)), 2)), axis=0) + rng.uniform(0, 1, 2)
    cv2.polylines(picture, [np.rint(corners * size).astype(np.int32)], rng.random() < 0.3, tone, _thick(rng, size))


def _hoop(rng: np.random.Generator, picture: Picture, tone: list[float]) -> None:
    """A ring as one sees it aslant, often with spokes."""
    size = len(picture)
    at = (rng.uniform(0, 1, 2) * size).astype(int).tolist()
    radius, turn = rng.uniform(0.04, 0.3) * size, rng.uniform(0, 180)
    axes = np.maximum(radius * np.array([1, rng.uniform(0.3, 1)]), 1).astype(int).tolist()
    cv2.ellipse(picture, at, axes, turn, 0, 360, tone, _thick(rng, size))
    for angle in rng.uniform(0, 360, int(rng.integers(0, 9))):
        rim = cv2.ellipse2Poly(at, axes, int(turn), int(angle), int(angle) + 1, 1)[0]
        cv2.line(picture, at, (int(rim[0]), int(rim[1])), tone, 1)


def _grid(rng: np.random.Generator, picture: Picture, tone: list[float]) -> None:
    """Bars side by side: a fence, blinds, shelves, the panes of a window."""
    size = len(picture)
    (left, top), (wide, high) = rng.uniform(-0.2, 0.8, 2) * size, rng.uniform(0.2, 1.0, 2) * size
    step, thick, lean = rng.uniform(0.04, 0.2) * size, _thick(rng, size), rng.normal(0, 0.05) * size
    ways = rng.choice(3)  # upright, lying, both
    if ways != 1:
        for x in np.arange(left, left + wide, step):
            cv2.line(picture, (int(x), int(top)), (int(x + lean), int(top + high)), tone, thick)
    if ways != 0:
        for y in np.arange(top, top + high, step):
            cv2.line(picture, (int(left), int(y)), (int(left + wide), int(y + lean)), tone, thick)


_FRAMES: tuple[Callable[[np.random.Generator, Picture, list[float]], None], ...] = (_rods, _hoop, _grid)


def _thick(rng: np.random.Generator, size: int) -> int:
    """Pixels across a rod: a wire to a limb."""
    return max(1, round(size * float(np.exp(rng.uniform(np.log(0.006), np.log(0.06))))))


def _grain(rng: np.random.Generator, size: int) -> Float32[np.ndarray, "s s 1"]:
    """Factors of brightness about 1: noise of several scales, each as strong as chance has it."""
    factor = np.ones((size, size), np.float32)
    for cells, strongest in ((4, 0.2), (16, 0.15), (size // 2, 0.1), (size, 0.05)):
        noise = rng.normal(0, rng.uniform(0, strongest), (cells, cells)).astype(np.float32)
        factor += cv2.resize(noise, (size, size), interpolation=cv2.INTER_LINEAR)
    return factor[..., None]
