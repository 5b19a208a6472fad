"""What all raw formats share: where a set comes from, its people one by one, and the annotation file that they make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image

from rscnet.data.crops import SPIN_SCALE
from rscnet.errors import UserError
from rscnet.joints import ANNOTATION_24, OPENPOSE_25

MARGIN = 1.2
"""Side of a box over the longer side of what it is drawn around, as SPIN has it."""
MILLIMETRES = 1000.0
"""In a metre."""

# Human3.6M's 17 joints, which MPI-INF-3DHP has too, by their names among the annotation joints.
ANNOTATION_17 = (
    "pelvis_mpii", "left_hip_lsp", "left_knee", "left_ankle", "right_hip_lsp", "right_knee", "right_ankle",
    "spine_h36m", "neck_lsp", "jaw_h36m", "head_h36m", "left_shoulder", "left_elbow", "left_wrist", "right_shoulder",
    "right_elbow", "right_wrist",
)  # fmt: skip


@dataclass(frozen=True)
class Origin:
    """Where a data set comes from.

    Attributes:
        title: its name.
        url: where to get it.
        licence: in a few words.
        layout: the files that are read, relative to the raw folder.
    """

    title: str
    url: str
    licence: str
    layout: str

    def require(self, path: Path, what: str) -> Path:
        """The path, if it is there.

        Raises:
            UserError: names it, what it is and where to get it.
        """
        if path.exists():
            return path
        raise UserError(f"{path}: no such {what}; expected {self.title} unpacked there: {self.layout}; from {self.url}")


@dataclass(frozen=True)
class Person:
    """A row of an annotation file, fields as `rscnet.data.annotations` describes them; None where unknown."""

    imgname: str
    center: Float[np.ndarray, "2"]
    scale: float
    part: Float[np.ndarray, "24 3"] | None = None
    openpose: Float[np.ndarray, "25 3"] | None = None
    S: Float[np.ndarray, "24 4"] | None = None
    pose: Float[np.ndarray, "72"] | None = None
    shape: Float[np.ndarray, "10"] | None = None
    gender: str | None = None
    sequence: str | None = None
    frame: int | None = None


@dataclass(frozen=True)
class PreparedSet:
    """One annotation file to be.

    Attributes:
        name: of the file, without its ending.
        people: its rows.
        pictures: the folder that `imgname` is relative to.
        passed_over: how many people of the raw files are left out, by reason.
    """

    name: str
    people: list[Person]
    pictures: Path
    passed_over: dict[str, int]

    def columns(self) -> dict[str, np.ndarray]:
        """The fields that the people have, stacked; joints of those who lack them have no confidence.

        Raises:
            UserError: nobody is left.
        """
        if not self.people:
            reasons = ", ".join(f"{count} {reason}" for reason, count in self.passed_over.items()) or "none there"
            raise UserError(f"{self.pictures}: {self.name}: nobody to write ({reasons}); check the raw files")
        found = {}
        for name in (field.name for field in fields(Person)):
            values = [getattr(person, name) for person in self.people]
            known = next((value for value in values if value is not None), None)
            if known is not None:
                found[name] = np.array([np.zeros_like(known) if value is None else value for value in values])
        return found


def box_around(points: Float[np.ndarray, "n 2"], margin: float = MARGIN) -> tuple[Float[np.ndarray, "2"], float]:
    """Centre and `scale` of the square around points in pixels, wider by a margin; the scale is 0 for one point."""
    low, high = points.min(axis=0), points.max(axis=0)
    return (low + high) / 2, margin * float((high - low).max()) / SPIN_SCALE


def annotation_joints(
    names: Sequence[str], points: Float[np.ndarray, "n d"], confidence: Any = 1.0, table: Sequence[str] = ANNOTATION_24
) -> Float[np.ndarray, "m e"]:
    """Points with confidences at their places among the annotation joints (or another table), zeros elsewhere.

    Args:
        names: of the points; those that the table lacks are left out.
        points: in pixels or metres.
        confidence: one for each point or for all.
        table: names of the rows.
    """
    rows = np.zeros((len(table), points.shape[1] + 1), np.float32)
    labelled = np.column_stack([points, np.broadcast_to(np.asarray(confidence, float), len(points))])
    for name, row in zip(names, labelled, strict=True):
        if name in table and row[-1] > 0:
            rows[table.index(name)] = row
    return rows


def openpose_joints(
    names: Sequence[str], points: Float[np.ndarray, "n 2"], confidence: Any
) -> Float[np.ndarray, "25 3"]:
    """Points with confidences at their places among OpenPose's 25."""
    return annotation_joints(names, points, confidence, OPENPOSE_25)


def inside(points: Float[np.ndarray, "n 2"], width: int, height: int) -> Bool[np.ndarray, "n"]:
    """Which points lie in a picture."""
    return np.all((points >= 0) & (points < (width, height)), axis=1)


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture file.

    Raises:
        UserError: damaged, or no picture.
    """
    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"{path}: cannot be read ({error}); expected a picture, download it again") from None


def require_count(name: str, number: int) -> None:
    """Refuses numbers below 1.

    Raises:
        UserError: names the option.
    """
    if number < 1:
        raise UserError(f"{name}: expected 1 or more, got {number}")


def count_reasons(reasons: Iterable[str | None]) -> dict[str, int]:
    """How often each reason was given."""
    found: dict[str, int] = {}
    for reason in reasons:
        if reason is not None:
            found[reason] = found.get(reason, 0) + 1
    return found
