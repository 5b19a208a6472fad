"""Boxes of people over time: MOT text, COCO files with or without track ids, or one box for the whole clip."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rscnet.data.boxes import Box, box_problem, person_category
from rscnet.data.images import in_order
from rscnet.errors import UserError

TRACK_KEYS = ("track_id", "instance_id")
MOST_FRAMES = 10**8  # larger numbers are names: PoseTrack's frame_id is video and frame in one
MOT_COLUMNS = ("frame", "id", "left", "top", "width", "height")


@dataclass
class PersonTrack:
    """One person: a box for each frame that shows them, frames counted from 0.

    Without boxes they are in every frame, in the box `everywhere`, or filling the frame if that is None.
    """

    id: int
    boxes: dict[int, Box] = field(default_factory=dict)
    everywhere: Box | None = None

    def shown(self, frame: int) -> bool:
        """Whether the frame shows the person."""
        return not self.boxes or frame in self.boxes

    def box(self, frame: int) -> Box | None:
        """Their box in a frame that shows them; None for the whole frame."""
        return self.boxes.get(frame, self.everywhere)


@dataclass
class TrackFile:
    """What a file says of people.

    Attributes:
        tracks: people by their ids, in the order of these.
        loose: boxes without an id by frame, still to be linked.
        skipped: entries that make no sense, a line each; everything else is used.
    """

    tracks: list[PersonTrack] = field(default_factory=list)
    loose: dict[int, list[Box]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Entry:
    where: str  # for messages
    frame: int
    id: int | None
    box: Sequence[float]


def read_tracks(path: str | Path, width: int, height: int, names: Sequence[str] | None = None) -> TrackFile:
    """The boxes of a file, checked against the size of the video's frames.

    MOT text has one box per line: frame (from 1, or from 0 where the file has such a frame), id, left, top, width,
    height, and further columns, of which a seventh of zeros and ones tells what counts, as in MOT's truth; ids below 0
    mean that boxes are not linked. COCO's JSON has `track_id` or `instance_id` in its annotations, or boxes are not
    linked; an image's frame is its `frame_id` (from 0, or from 1 where these are just the numbers of all images), or
    its place in the order of all file names.

    Args:
        names: file names of the frames where the video is a folder; COCO entries belong to them by name.

    Raises:
        UserError: a file that is neither format, or without a single usable box.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"tracks: no such file: {path}; expected MOT text or COCO's JSON")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise UserError(f"tracks: {path}: not a text file; expected MOT text or COCO's JSON") from None
    found = TrackFile()
    entries = _coco(path, text, names, found) if text.lstrip().startswith(("{", "[")) else _mot(path, text, found)
    people: dict[int, PersonTrack] = {}
    for entry in entries:
        if problem := box_problem(entry.box, width, height):
            found.skipped.append(f"{entry.where}: {problem}")
        elif entry.id is None:
            found.loose.setdefault(entry.frame, []).append(_box(entry.box))
        else:
            boxes = people.setdefault(entry.id, PersonTrack(entry.id)).boxes
            if entry.frame in boxes:
                found.skipped.append(f"{entry.where}: person {entry.id} has another box in the same frame")
            boxes.setdefault(entry.frame, _box(entry.box))
    found.tracks = [people[number] for number in sorted(people)]
    if not found.tracks and not found.loose:
        reason = found.skipped[0] if found.skipped else "it is empty"
        raise UserError(f"tracks: {path}: no usable box ({reason})")
    return found


def _mot(path: Path, text: str, found: TrackFile) -> Iterator[_Entry]:
    rows: list[tuple[str, list[float]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        where = f"{path}: line {number}"
        words = line.replace(",", " ").replace(";", " ").split()
        if not words or words[0].startswith("#"):
            continue
        values = [_number(word) for word in words[:7]]
        if (
            len(values) < 6
            or not all(map(math.isfinite, values[:6]))
            or values[0] < 0
            or values[0] % 1
            or values[1] % 1
        ):
            found.skipped.append(f"{where}: expected {', '.join(MOT_COLUMNS)} (frames from 1), got '{line[:60]}'")
            continue
        rows.append((where, values))
    first = min((int(values[0]) for _, values in rows), default=1)
    # MOT's truth marks in the seventh column what is none of its people: cars, mirrors, people behind glass
    flags = [values[6] for _, values in rows if len(values) > 6]
    marked = len(flags) == len(rows) and {0.0} < set(flags) <= {0.0, 1.0}
    if marked:
        found.skipped.append(f"{path}: {flags.count(0.0)} boxes that its seventh column says not to count")
    for where, (frame, number, *box) in rows:
        if not marked or box[4]:
            yield _Entry(where, int(frame) - min(first, 1), int(number) if number >= 0 else None, box[:4])


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return math.nan


def _coco(path: Path, text: str, names: Sequence[str] | None, found: TrackFile) -> Iterator[_Entry]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"tracks: {path}: no valid JSON ({error})") from None
    if not isinstance(content, Mapping) or not all(
        isinstance(content.get(key), list) and all(isinstance(entry, Mapping) for entry in content[key])
        for key in ("images", "annotations")
    ):
        raise UserError(f"tracks: {path}: expected an object with `images` and `annotations` (COCO's format)")
    frames = _frames(path, content["images"], names, found)
    person = person_category(f"tracks: {path}", content.get("categories"))
    for i, entry in enumerate(content["annotations"]):
        if entry.get("iscrowd") or (person is not None and entry.get("category_id", person) != person):
            continue
        where = f"{path}: annotations[{i}] (id {entry.get('id')})"
        frame = frames.get(str(entry.get("image_id")))
        if frame is None:
            found.skipped.append(f"{where}: image_id: {entry.get('image_id')!r} is no frame of the video")
            continue
        number = next((known for key in TRACK_KEYS if (known := _identity(entry.get(key))) is not None), None)
        yield _Entry(where, frame, number, entry.get("bbox", ()))


def _identity(value: Any) -> int | None:
    """A whole number, whichever way it is written."""
    number = _number(str(value))
    return int(number) if math.isfinite(number) and not number % 1 else None


def _frames(
    path: Path, images: Sequence[Mapping[str, Any]], names: Sequence[str] | None, found: TrackFile
) -> dict[str, int]:
    """The frame of each image id."""
    if names is not None:
        place = {name: i for i, name in enumerate(names)}
        known = {str(entry.get("id")): place.get(Path(str(entry.get("file_name"))).name) for entry in images}
        return {number: frame for number, frame in known.items() if frame is not None}
    if all(isinstance(entry.get("frame_id"), int) and entry["frame_id"] < MOST_FRAMES for entry in images):
        numbers = sorted(entry["frame_id"] for entry in images)
        first = 1 if numbers == list(range(1, len(images) + 1)) else 0
        return {str(entry.get("id")): entry["frame_id"] - first for entry in images if entry["frame_id"] >= first}
    order = sorted(images, key=lambda entry: in_order(str(entry.get("file_name"))))
    return {str(entry.get("id")): i for i, entry in enumerate(order)}


def _box(values: Sequence[float]) -> Box:
    left, top, width, height = (float(value) for value in values)
    return left, top, width, height
