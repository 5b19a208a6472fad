"""Backgrounds with the structure of places: ground and sky, buildings, rooms, foliage, water, and people far away."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import UInt8

from rscnet.data.synthetic import colours
from rscnet.data.synthetic.colours import Picture

Canvas = UInt8[np.ndarray, "s s 3"]


def background(rng: np.random.Generator, size: int, from_above: bool = False) -> Picture:
    """A picture in [0, 1] without the person, `size` pixels square; seen from above it is mostly ground."""
    horizon = rng.uniform(0.05, 0.75) * size
    scenes = (_open_ground, _street, _room, _ground_only, _foliage, _water)
    likely = [0.05, 0.05, 0.1, 0.75, 0.03, 0.02] if from_above else [0.28, 0.24, 0.2, 0.12, 0.09, 0.07]
    scene = scenes[rng.choice(len(scenes), p=likely)]
    canvas = np.empty((size, size, 3), np.uint8)
    scene(rng, canvas, int(horizon))
    if rng.random() < 0.35:
        for _ in range(int(rng.integers(1, 5))):
            _bystander(rng, canvas, horizon)
    picture = canvas.astype(np.float32) / 255
    picture += texture_noise(rng, size)
    blur = rng.choice([0.0, rng.uniform(0.3, 1.0), rng.uniform(1.0, 2.5)], p=[0.3, 0.45, 0.25]) * size / 112
    if blur > 0.2:
        picture = cv2.GaussianBlur(picture, (0, 0), blur)
    return np.clip(picture, 0, 1)


def texture_noise(rng: np.random.Generator, size: int) -> Picture:
    """Sum of smooth noises from coarse to fine, mostly grey, zero in the mean."""
    total = np.zeros((size, size, 3), np.float32)
    strength = rng.uniform(0.3, 1.0)
    for cells, amplitude in ((4, 0.12), (14, 0.08), (size // 2, 0.045)):
        if rng.random() < 0.75:
            grid = rng.random((cells, cells, 1), dtype=np.float32) + 0.2 * rng.random(
                (cells, cells, 3), dtype=np.float32
            )
            stretched = cv2.resize(grid - grid.mean(), (size, size), interpolation=cv2.INTER_CUBIC)
            total += np.float32(strength * rng.uniform(0, amplitude) * 2) * stretched
    return total


def _rgb(colour: colours.Colour, brightness: float = 1.0) -> tuple[float, float, float]:
    r, g, b = (float(min(max(c * brightness, 0), 1) * 255) for c in colour)
    return r, g, b


def _gradient(canvas: Canvas, first: int, last: int, start: colours.Colour, end: colours.Colour) -> None:
    rows = max(last - first, 0)
    if rows:
        share = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
        canvas[first:last] = (np.clip((1 - share) * start + share * end, 0, 1) * 255).astype(np.uint8)[:, None]


def _lay_ground(rng: np.random.Generator, canvas: Canvas, horizon: int, base: colours.Colour | None = None) -> None:
    """Ground from the horizon down, with patches, and lines as on pitches, roads and tracks in the snow."""
    size = len(canvas)
    base = colours.ground(rng) if base is None else base
    _gradient(canvas, horizon, size, base * rng.uniform(0.8, 1.1), base * rng.uniform(0.85, 1.15))
    for _ in range(int(rng.integers(0, 6))):
        centre = (int(rng.uniform(0, size)), int(rng.uniform(horizon, size + 1)))
        axes = (int(rng.uniform(2, size / 2)), int(rng.uniform(1, size / 10)))
        if centre[1] - axes[1] > horizon:
            cv2.ellipse(canvas, centre, axes, 0, 0, 360, _rgb(base, rng.uniform(0.75, 1.2)), -1, cv2.LINE_AA)
    if rng.random() < 0.3:
        line = _rgb(np.float32(rng.choice([0.95, 0.2])) * np.ones(3) if rng.random() < 0.8 else colours.cloth(rng))
        for _ in range(int(rng.integers(1, 4))):
            y = rng.uniform(horizon, size, 2)
            cv2.line(
                canvas, (0, int(y[0])), (size, int(y[1])), line, int(rng.integers(1, max(2, size // 40))), cv2.LINE_AA
            )


def _box(
    rng: np.random.Generator, canvas: Canvas, base_y: float, height: float, width: float, colour: colours.Colour
) -> None:
    """An upright block standing on row `base_y`, often with windows, doors or shelves."""
    size = len(canvas)
    x0 = int(rng.uniform(-0.2, 1) * size)
    x1, y0, y1 = int(x0 + width), int(base_y - height), int(base_y)
    cv2.rectangle(canvas, (x0, y0), (x1, y1), _rgb(colour), -1)
    if rng.random() < 0.6:
        cell_x, cell_y = rng.uniform(0.06, 0.2) * size, rng.uniform(0.06, 0.25) * size
        pane = _rgb(colours.wall(rng) if rng.random() < 0.5 else colour, rng.uniform(0.3, 1.4))
        filled = rng.uniform(0.4, 0.8)
        for x in np.arange(x0 + 0.2 * cell_x, x1 - filled * cell_x, cell_x):
            for y in np.arange(y0 + 0.2 * cell_y, y1 - filled * cell_y, cell_y):
                cv2.rectangle(canvas, (int(x), int(y)), (int(x + filled * cell_x), int(y + filled * cell_y)), pane, -1)


def _poles(rng: np.random.Generator, canvas: Canvas, base_y: float, most: int) -> None:
    size = len(canvas)
    for _ in range(int(rng.integers(0, most))):
        x, thick = int(rng.uniform(0, size)), int(rng.integers(1, max(2, size // 25)))
        top = (int(x + rng.normal(0, 0.02) * size), int(base_y - rng.uniform(0.2, 0.9) * size))
        cv2.line(canvas, (x, int(base_y)), top, _rgb(colours.wall(rng), 0.8), thick, cv2.LINE_AA)


def _trees(rng: np.random.Generator, canvas: Canvas, base_y: float, count: int) -> None:
    size = len(canvas)
    for _ in range(count):
        centre = (int(rng.uniform(0, size)), int(base_y - rng.uniform(0, 0.2) * size))
        radius, leaf = rng.uniform(0.03, 0.16) * size, colours.foliage(rng)
        for _ in range(4):
            at = (int(centre[0] + rng.normal(0, 0.6) * radius), int(centre[1] + rng.normal(0, 0.6) * radius))
            axes = (int(radius * rng.uniform(0.3, 1)), int(radius * rng.uniform(0.3, 1)))
            cv2.ellipse(canvas, at, axes, 0, 0, 360, _rgb(leaf, rng.uniform(0.6, 1.4)), -1, cv2.LINE_AA)


def _open_ground(rng: np.random.Generator, canvas: Canvas, horizon: int) -> None:
    """Meadow, pitch, beach or snow under the sky, with hills, a line of trees, a fence or poles."""
    size, air = len(canvas), colours.sky(rng)
    _gradient(canvas, 0, horizon, air, air * 0.5 + 0.5)
    ground = colours.ground(rng)
    if rng.random() < 0.4:
        heights = horizon - rng.uniform(0, 0.25, 5) * size
        outline = np.stack([np.linspace(0, size, 5), heights], 1)
        corners = np.concatenate([outline, [[size, horizon], [0, horizon]]]).astype(np.int32)
        hill = ground * 0.9 + 0.08 if rng.random() < 0.5 else colours.foliage(rng) * 0.5 + 0.25
        cv2.fillPoly(canvas, [corners], _rgb(hill), cv2.LINE_AA)
    if rng.random() < 0.5:
        _trees(rng, canvas, horizon, int(rng.integers(2, 12)))
    if rng.random() < 0.25:
        board = int(rng.uniform(0.03, 0.15) * size)
        cv2.rectangle(canvas, (0, horizon - board), (size, horizon), _rgb(colours.wall(rng)), -1)
    _lay_ground(rng, canvas, horizon, ground)
    _poles(rng, canvas, horizon + rng.uniform(0, 0.2) * size, 4)


def _street(rng: np.random.Generator, canvas: Canvas, horizon: int) -> None:
    """House fronts above asphalt or paving, with cars and poles."""
    size, air = len(canvas), colours.sky(rng)
    _gradient(canvas, 0, size, air, air)
    base = max(horizon, size // 3)
    for _ in range(int(rng.integers(2, 6))):
        _box(rng, canvas, base, rng.uniform(0.4, 1.1) * size, rng.uniform(0.3, 1) * size, colours.wall(rng))
    if rng.random() < 0.3:
        _trees(rng, canvas, base, int(rng.integers(1, 5)))
    grey = colours.hsv(rng.random(), rng.uniform(0, 0.12), rng.uniform(0.25, 0.85))
    _lay_ground(rng, canvas, base, grey if rng.random() < 0.75 else None)
    for _ in range(int(rng.choice([0, 1, 2]))):
        _car(rng, canvas, base + rng.uniform(0, 0.15) * size)
    _poles(rng, canvas, base + rng.uniform(0, 0.25) * size, 4)


def _car(rng: np.random.Generator, canvas: Canvas, base_y: float) -> None:
    size = len(canvas)
    x, width = rng.uniform(-0.2, 1) * size, rng.uniform(0.25, 0.6) * size
    height, paint = 0.3 * width, _rgb(colours.cloth(rng))
    shape = np.array([[0, 0], [0, 0.55], [0.18, 0.6], [0.3, 1], [0.7, 1], [0.85, 0.6], [1, 0.5], [1, 0]])
    cv2.fillPoly(canvas, [(shape * (width, -height) + (x, base_y)).astype(np.int32)], paint, cv2.LINE_AA)
    glass = np.array([[0.24, 0.6], [0.33, 0.92], [0.67, 0.92], [0.79, 0.6]])
    cv2.fillPoly(canvas, [(glass * (width, -height) + (x, base_y)).astype(np.int32)], (40, 45, 50), cv2.LINE_AA)
    for wheel in (0.2, 0.8):
        cv2.circle(
            canvas, (int(x + wheel * width), int(base_y)), max(1, int(0.09 * width)), (25, 25, 25), -1, cv2.LINE_AA
        )


def _room(rng: np.random.Generator, canvas: Canvas, horizon: int) -> None:
    """A wall and a floor with doors, pictures and furniture."""
    size, wall = len(canvas), colours.wall(rng)
    base = max(horizon, size // 3)
    _gradient(canvas, 0, base, wall * rng.uniform(0.85, 1.1), wall * rng.uniform(0.85, 1.1))
    if rng.random() < 0.4:
        corner = int(rng.uniform(0, size))
        canvas[:base, corner:] = (canvas[:base, corner:] * rng.uniform(0.7, 0.95)).astype(np.uint8)
    for _ in range(int(rng.integers(0, 4))):
        lift = rng.uniform(0, 0.5) * size if rng.random() < 0.5 else 0
        _box(rng, canvas, base - lift, rng.uniform(0.1, 0.7) * size, rng.uniform(0.08, 0.4) * size, colours.wall(rng))
    floor = colours.wall(rng) * 0.8 if rng.random() < 0.6 else None
    _lay_ground(rng, canvas, base, floor)
    for _ in range(int(rng.integers(0, 3))):
        low = base + rng.uniform(0, 0.35) * size
        _box(rng, canvas, low, rng.uniform(0.08, 0.35) * size, rng.uniform(0.1, 0.5) * size, colours.wall(rng) * 0.8)


def _ground_only(rng: np.random.Generator, canvas: Canvas, horizon: int) -> None:
    """Nothing but ground, as seen from above: grass, snow, paving with joints."""
    size = len(canvas)
    base = colours.ground(rng)
    _lay_ground(rng, canvas, 0, base)
    if rng.random() < 0.3:
        step, tilt = rng.uniform(0.08, 0.3) * size, rng.uniform(-0.4, 0.4)
        joint = _rgb(base, rng.choice([0.8, 0.9, 1.1]))
        for offset in np.arange(-size, 2 * size, step):
            cv2.line(canvas, (0, int(offset)), (size, int(offset + tilt * size)), joint, 1, cv2.LINE_AA)
            cv2.line(canvas, (int(offset), 0), (int(offset - tilt * size), size), joint, 1, cv2.LINE_AA)


def _foliage(rng: np.random.Generator, canvas: Canvas, horizon: int) -> None:
    """Bushes and trees close behind."""
    size, dark = len(canvas), colours.foliage(rng) * 0.6
    canvas[:] = np.array(_rgb(dark), np.uint8)
    _trees(rng, canvas, size * rng.uniform(0.3, 0.6), int(rng.integers(10, 22)))
    if rng.random() < 0.7:
        _lay_ground(rng, canvas, max(horizon, size // 2))


def _water(rng: np.random.Generator, canvas: Canvas, horizon: int) -> None:
    """Water with long ripples, a far shore, and perhaps a boat or a quay."""
    size = len(canvas)
    tone, air = colours.hsv(rng.uniform(0.45, 0.6), rng.uniform(0.05, 0.4), rng.uniform(0.3, 0.75)), colours.sky(rng)
    _gradient(canvas, 0, horizon, air, air)
    _gradient(canvas, horizon, size, tone * 1.15, tone * 0.9)
    for _ in range(12):
        y, x = int(rng.uniform(horizon, size)), int(rng.uniform(-0.3, 1) * size)
        cv2.line(
            canvas,
            (x, y),
            (x + int(rng.uniform(0.1, 0.5) * size), y),
            _rgb(tone, rng.uniform(0.8, 1.35)),
            1,
            cv2.LINE_AA,
        )
    if rng.random() < 0.5:
        _box(
            rng,
            canvas,
            size * rng.uniform(0.6, 1.1),
            size * rng.uniform(0.1, 0.3),
            size * rng.uniform(0.5, 1.2),
            colours.wall(rng),
        )
    if rng.random() < 0.5:
        _lay_ground(rng, canvas, int(size * rng.uniform(0.7, 0.95)))


def _bystander(rng: np.random.Generator, canvas: Canvas, horizon: float) -> None:
    """The silhouette of a person further away."""
    size = len(canvas)
    tall = rng.uniform(0.12, 0.55) * size
    x, foot = rng.uniform(0, size), min(horizon + tall * rng.uniform(0.3, 0.8), 1.1 * size)
    top, legs, skin = _rgb(colours.cloth(rng)), _rgb(colours.cloth(rng)), _rgb(colours.skin(rng), 0.9)
    wide = rng.uniform(0.09, 0.14) * tall
    for side in (-1, 1):
        hip, ankle = (
            (int(x + side * wide * 0.4), int(foot - 0.5 * tall)),
            (int(x + side * wide * rng.uniform(0.2, 1.1)), int(foot)),
        )
        cv2.line(canvas, hip, ankle, legs, max(1, int(0.08 * tall)), cv2.LINE_AA)
        hand = (int(x + side * wide * rng.uniform(1, 1.8)), int(foot - rng.uniform(0.4, 0.65) * tall))
        cv2.line(
            canvas, (int(x + side * wide), int(foot - 0.8 * tall)), hand, top, max(1, int(0.05 * tall)), cv2.LINE_AA
        )
    cv2.ellipse(
        canvas,
        (int(x), int(foot - 0.66 * tall)),
        (max(1, int(wide)), max(1, int(0.19 * tall))),
        0,
        0,
        360,
        top,
        -1,
        cv2.LINE_AA,
    )
    cv2.circle(canvas, (int(x), int(foot - 0.93 * tall)), max(1, int(0.065 * tall)), skin, -1, cv2.LINE_AA)
