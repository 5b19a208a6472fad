"""Tiny data sets in SPIN's format: noise pictures and annotations with known geometry."""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 90, 70


def encoded_pictures(count: int, width: int = WIDTH, height: int = HEIGHT) -> list[bytes]:
    """PNG pictures, each of one colour of its own."""
    found = []
    for i in range(count):
        file = BytesIO()
        Image.new("RGB", (width, height), (10 * i + 5, 100, 200)).save(file, "PNG")
        found.append(file.getvalue())
    return found


def annotations(count: int) -> dict[str, np.ndarray]:
    """All fields for `count` people; keypoints lie in the picture."""
    random = np.random.default_rng(0)
    inside = random.uniform((5, 5, 0), (WIDTH - 5, HEIGHT - 5, 1), (count, 49, 3))
    return {
        "imgname": np.array([f"images/{i}.png" for i in range(count)]),
        "center": random.uniform((40, 30), (50, 40), (count, 2)),
        "scale": random.uniform(0.2, 0.4, count),
        "openpose": inside[:, :25],
        "part": inside[:, 25:],
        "pose": random.normal(0, 0.3, (count, 72)),
        "shape": random.normal(0, 1, (count, 10)),
        "has_smpl": np.ones(count, np.uint8),
        "S": random.normal(0, 0.5, (count, 24, 4)),
        "gender": np.array(["m"] * count),
        "maskname": np.array([""] * count),
        "partname": np.array([""] * count),
    }


def write_set(folder: Path, name: str, count: int, **changes: np.ndarray | None) -> list[bytes]:
    """`<name>.npz` with its folder of pictures; None leaves a field out."""
    fields = {key: value for key, value in (annotations(count) | changes).items() if value is not None}
    np.savez(folder / f"{name}.npz", **fields)  # type: ignore[arg-type]
    pictures = encoded_pictures(count)
    (folder / name / "images").mkdir(parents=True)
    for i, picture in enumerate(pictures):
        (folder / name / "images" / f"{i}.png").write_bytes(picture)
    return pictures
