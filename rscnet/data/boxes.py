"""Person boxes from annotation files in COCO's format, checked entry by entry."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from rscnet.errors import UserError
from rscnet.joints import COCO_17

Box = tuple[float, float, float, float]

PERSON = "person"
LARGEST = 2.0  # of the picture's longer side: nobody's box is larger, so the numbers are in other units
LARGEST_SCALE = 10.0  # of a box: what lies farther around says nothing of the person
OVERHANG = 0.1  # of the picture: a box that ends farther beyond it may be meant as two corners
FARTHEST = 1e9  # pixels: larger numbers, infinities and nan are no places in a picture
SHOWN = 8


@dataclass(frozen=True)
class PersonBox:
    """One annotated person.

    Attributes:
        box: left, top, width and height in pixels of the picture.
        annotation_id: the entry's `id`, or its place in the file where it has none.
        keypoints: COCO's 17 as x, y and visibility (0 unlabelled, 1 hidden, 2 visible); None where there are none.
    """

    box: Box
    annotation_id: int
    keypoints: Float[np.ndarray, "17 3"] | None = None


@dataclass
class PictureBoxes:
    """The people of one picture in a file `source`, and its size where that states it."""

    source: Path
    file_name: str
    width: int | None
    height: int | None
    people: list[PersonBox] = field(default_factory=list)

    def check(self, width: int, height: int) -> None:
        """Refuses boxes that were drawn on a picture of another size than the one at hand.

        Raises:
            UserError: names the entry, the field and both sizes, or the box that does not fit.
        """
        if (self.width or width, self.height or height) != (width, height):
            raise UserError(
                f"{self.source}: images of {self.file_name}: width and height say {self.width} x {self.height}, but "
                f"the picture has {width} x {height} upright pixels; expected boxes of this very picture"
            )
        for person in self.people:
            problem = box_problem(person.box, width, height)
            if problem:
                entry = f"annotation {person.annotation_id} of {self.file_name}"
                raise UserError(f"{self.source}: {entry}: bbox: {problem}")


class BoxFile:
    """The boxes of a COCO file (instances, keypoints, or any with `images` and `annotations`).

    Entries of crowds and, where the file names its categories, of anything but a person are passed over.

    Args:
        path: the JSON file.

    Raises:
        UserError: a file that is no JSON or has faulty entries: one line for each with file, entry and field.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        content = load_coco(self.path)
        problems: list[str] = []
        self.pictures = list(self._read(content, problems))
        if problems:
            rest = [f"{self.path}: and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
            raise UserError("\n".join([f"{self.path}: {problem}" for problem in problems[:SHOWN]] + rest))

    def of(self, image: Path) -> PictureBoxes | None:
        """The entry of a picture: the one whose file name shares the most trailing parts with its path, at least one.

        Raises:
            UserError: several entries share equally many.
        """
        parts = image.resolve().parts
        shared = [_shared_tail(parts, Path(picture.file_name).parts) for picture in self.pictures]
        best = max(shared, default=0)
        if best == 0:
            return None
        found = [picture for picture, count in zip(self.pictures, shared, strict=True) if count == best]
        if len(found) > 1:
            names = ", ".join(picture.file_name for picture in found[:3])
            raise UserError(f"{self.path}: images.file_name: {names} could all be {image}; expected one of that name")
        return found[0]

    def _read(self, content: Mapping[str, Any], problems: list[str]) -> Iterator[PictureBoxes]:
        by_id: dict[str, PictureBoxes] = {}  # some programs write numbers in one list and texts in the other
        faulty: set[str] = set()  # told once, not for each of their annotations too
        for i, entry in enumerate(content["images"]):
            problem = _image_problem(entry, by_id)
            if problem:
                problems.append(f"images[{i}].{problem}")
                faulty |= {str(entry["id"])} if isinstance(entry, Mapping) and "id" in entry else set()
                continue
            width, height = (None if entry.get(key) is None else int(entry[key]) for key in ("width", "height"))
            by_id[str(entry["id"])] = PictureBoxes(self.path, entry["file_name"], width, height)
        faulty -= by_id.keys()
        person = person_category(self.path, content.get("categories"))
        for i, entry in enumerate(content["annotations"]):
            if not isinstance(entry, Mapping):
                problems.append(f"annotations[{i}]: expected an object, got {_short(entry)}")
                continue
            if entry.get("iscrowd") or (person is not None and entry.get("category_id", person) != person):
                continue
            if str(entry.get("image_id")) in faulty:
                continue
            picture = by_id.get(str(entry["image_id"])) if isinstance(entry.get("image_id"), int | str) else None
            problem = _annotation_problem(entry, picture, [] if person is None else ["category_id"])
            if problem:
                problems.append(f"annotations[{i}] (id {_short(entry.get('id'))}): {problem}")
            elif picture is not None:
                keypoints = _keypoints(entry.get("keypoints"))
                picture.people.append(PersonBox(_box(entry["bbox"]), entry.get("id", i), keypoints))
        yield from by_id.values()


def person_category(where: str | Path, categories: Any) -> Any:
    """The id of the category of a COCO file that is named as a person; None where the file has no categories.

    Raises:
        UserError: it has, but none is a person.
    """
    if not categories:
        return None
    listed = categories if isinstance(categories, list) else []
    named = [(entry.get("id"), str(entry.get("name"))) for entry in listed if isinstance(entry, Mapping)]
    found = [number for number, name in named if name.lower() == PERSON]
    if not found:
        raise UserError(f"{where}: categories: none is named '{PERSON}'; name it so, or leave `categories` out")
    return found[0]


def box_problem(box: Sequence[float], width: int | None, height: int | None) -> str | None:
    """What is wrong with a box [left, top, width, height] of a picture of that size; None if nothing is."""
    numbers = isinstance(box, Sequence | np.ndarray) and not isinstance(box, str) and len(box) == 4
    if not numbers or not all(_is_number(value) for value in box):
        return f"expected four finite numbers [left, top, width, height] in pixels, got {_short(box)}"
    left, top, wide, high = (float(value) for value in box)
    if wide <= 0 or high <= 0:
        return f"expected a width and a height above zero, got {_short(box)}"
    if width is None or height is None:
        return None
    if left >= width or top >= height or left + wide <= 0 or top + high <= 0:
        return f"the box {_short(box)} lies outside the picture of {width} x {height} pixels"
    if max(wide, high) > LARGEST * max(width, height):
        return f"the box {_short(box)} is far larger than the picture of {width} x {height} pixels; expected pixels"
    return None


def overhangs(box: Box, width: int, height: int) -> bool:
    """Whether a box ends so far beyond the right or lower edge that it may be meant as [left, top, right, bottom]."""
    left, top, wide, high = box
    return left + wide > (1 + OVERHANG) * width or top + high > (1 + OVERHANG) * height


def load_coco(path: Path) -> Mapping[str, Any]:
    """The content of a file in COCO's format, `images` and `annotations` being lists.

    Raises:
        UserError: a file that is missing, no JSON, or lacks these.
    """
    if not path.is_file():
        raise UserError(f"boxes: no such file: {path}; expected a JSON file in COCO's format")
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: no valid JSON ({error}); expected a file in COCO's format") from None
    if not isinstance(content, Mapping):
        kind = type(content).__name__
        raise UserError(f"{path}: expected an object with `images` and `annotations` (COCO's format), got a {kind}")
    for key in ("images", "annotations"):
        if not isinstance(content.get(key), list):
            got = f"got {_short(content[key])}" if key in content else "it is missing"
            raise UserError(f"{path}: {key}: expected a list (COCO's format), {got}")
    return content


def _image_problem(entry: Any, known: Mapping[Any, Any]) -> str | None:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("id"), int | str):
        return f"id: expected a number or a text, got {_short(entry)}"
    if not isinstance(entry.get("file_name"), str) or not entry["file_name"]:
        return f"file_name: expected a text, got {_short(entry.get('file_name'))}"
    if str(entry["id"]) in known:
        return f"id: {entry['id']} occurs twice; expected one entry for each picture"
    for key in ("width", "height"):
        size = entry.get(key)
        if size is not None and not (_is_number(size) and size > 0 and size == int(size)):
            return f"{key}: expected a whole number above zero, got {_short(entry[key])}"
    return None


def _annotation_problem(entry: Mapping[str, Any], picture: PictureBoxes | None, keys: list[str]) -> str | None:
    if picture is None:
        return f"image_id: expected the id of one of `images`, got {_short(entry.get('image_id'))}"
    own = ["id"] if "id" in entry else []  # some programs leave it out
    for key in (*own, *keys):
        if not isinstance(entry.get(key), int):
            return f"{key}: expected a whole number, got {_short(entry.get(key))}"
    if "bbox" not in entry:
        return "bbox: missing, expected [left, top, width, height] in pixels"
    problem = box_problem(entry["bbox"], picture.width, picture.height)
    if problem:
        return f"bbox: {problem}"
    keypoints = entry.get("keypoints")
    count = 3 * len(COCO_17)
    if keypoints and not (
        isinstance(keypoints, list) and len(keypoints) == count and all(_is_number(value) for value in keypoints)
    ):
        return f"keypoints: expected {count} finite numbers (x, y, visibility of 17 joints), got {_short(keypoints)}"
    return None


def _keypoints(values: list[float] | None) -> Float[np.ndarray, "17 3"] | None:
    return np.asarray(values, np.float32).reshape(-1, 3) if values else None


def _box(values: Sequence[float]) -> Box:
    left, top, width, height = (float(value) for value in values)
    return left, top, width, height


def _shared_tail(path: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for a, b in zip(reversed(path), reversed(other), strict=False):
        if a != b:
            break
        count += 1
    return count


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and bool(abs(value) <= FARTHEST)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
