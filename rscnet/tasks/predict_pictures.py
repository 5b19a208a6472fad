"""Prediction of one picture after the other: overlays, meshes and parameters of each person, listed for the summary."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rscnet.console import say
from rscnet.data.boxes import BoxFile, PersonBox, overhangs
from rscnet.data.degradations import resize
from rscnet.data.images import SUFFIXES, Picture, crop_square, read_image
from rscnet.data.npz import write_npz
from rscnet.errors import UserError
from rscnet.person import PersonPrediction
from rscnet.predictor import Photo, Predictor
from rscnet.render.export import write_glb, write_obj
from rscnet.render.pictures import overlay, side_view, turntable
from rscnet.render.scene import PALETTE, Renderer
from rscnet.tasks.predict_texture import GLB, OBJ, Texturing, write_png

SUMMARY, OVERLAY, SIDE, PARAMETERS = "summary.json", "overlay.png", "side.png", "parameters.npz"


def folder_names(images: Sequence[Path]) -> dict[Path, str]:
    """A folder for each picture: its name without the suffix, or with it where that would not be its own."""
    stems = Counter(path.stem.lower() for path in images)
    taken = {path.name.lower() for path in images} | {SUMMARY}
    shared = {path for path in images if stems[path.stem.lower()] > 1 or path.stem.lower() in taken}
    return {path: path.name if path in shared else path.stem for path in images}


@dataclass
class PredictionJob:
    """One run over many pictures.

    Attributes:
        picture_size: side of the pictures of one person in pixels.
        turntable: pictures around each body.
        texturing: whether and how bodies are textured.
        done: what was predicted, by picture, as the summary lists it.
        skipped: pictures without boxes, or of kinds that are not read.
        failed: pictures that could not be read or do not fit their boxes.
        fused: files of the one person whom all pictures show, where that was said.
        overhanging: boxes that end far beyond their pictures.
    """

    predictor: Predictor
    renderer: Renderer
    output: Path
    picture_size: int
    turntable: int
    texturing: Texturing
    done: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)
    fused: list[str] = field(default_factory=list)
    overhanging: int = 0

    def pass_over(self, paths: Sequence[Path]) -> None:
        """Tells and lists pictures of kinds that are not read."""
        for path in paths:
            self._skip(path, f"{path.suffix} is not read in a folder; expected {', '.join(SUFFIXES)}")

    def process(self, images: Sequence[Path], boxes: BoxFile | None) -> None:
        """Predicts and writes all pictures."""
        names = folder_names(images)
        pending: deque[tuple[Path, list[PersonBox] | None]] = deque()
        terminal = Console().is_terminal
        columns = [TextColumn("predict"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
        with Progress(*columns, disable=not terminal) as bar:
            task = bar.add_task("predict", total=len(images))
            for people in self.predictor.predict_each(self._photos(images, boxes, pending)):
                path, annotated = pending.popleft()
                self.done.append(self._write_picture(path, names[path], people, annotated))
                bar.update(task, completed=len(self.done) + len(self.skipped) + len(self.failed))
                if not terminal:
                    say(f"{path.name}: {count(len(people), 'person', 'people')}")
            bar.update(task, completed=len(images))
        if self.overhanging and boxes is not None:
            some = count(self.overhanging, "box ends", "boxes end")
            say(f"{boxes.path}: {some} far beyond the picture; expected [left, top, width, height]")

    def write_fused(self) -> None:
        """The person whom all pictures show, where that was said."""
        self.fused = self.texturing.write_fused(self.output, self.renderer)

    def summary(self) -> dict[str, Any]:
        """What was done, skipped and failed so far."""
        fused = {"fused": self.fused} if self.fused else {}
        return {**fused, "images": self.done, "skipped": self.skipped, "failed": self.failed}

    def _skip(self, path: Path, reason: str) -> None:
        self.skipped.append({"image": str(path), "reason": reason})
        say(f"{path.name}: skipped, {reason}")

    def _photos(
        self, images: Sequence[Path], boxes: BoxFile | None, pending: deque[tuple[Path, list[PersonBox] | None]]
    ) -> Iterator[Photo]:
        """The pictures that can be predicted; the others are noted with the reason."""
        for path in images:
            try:
                entry = None if boxes is None else boxes.of(path)
                if boxes is not None and (entry is None or not entry.people):
                    self._skip(path, f"{boxes.path} holds no boxes of people for it")
                    continue
                picture = read_image(path)
                if entry is not None:
                    entry.check(picture.shape[1], picture.shape[0])
                    self.texturing.check(entry.people, path)
            except UserError as error:
                self.failed.append({"image": str(path), "error": str(error)})
                continue
            people = None if entry is None else entry.people
            height, width = picture.shape[:2]
            self.overhanging += sum(overhangs(person.box, width, height) for person in people or [])
            pending.append((path, people))
            yield picture, None if people is None else [person.box for person in people]

    def _write_picture(
        self, path: Path, name: str, people: Sequence[PersonPrediction], annotated: Sequence[PersonBox] | None
    ) -> dict[str, Any]:
        picture = read_image(path)  # again: keeping the photos of a whole batch would need gigabytes
        faces = self.predictor.faces
        meshes = [person.mesh(faces, PALETTE[k % len(PALETTE)]) for k, person in enumerate(people)]
        write_png(self.output / name / OVERLAY, overlay(picture, meshes, self.renderer))
        entries = []
        for k, person in enumerate(people):
            folder = Path(name) / f"person_{k}"
            entries.append(
                {
                    "person": k,
                    "annotation_id": None if annotated is None else annotated[k].annotation_id,
                    "box": person.box.tolist(),
                    "crop": person.crop.tolist(),
                    "size": person.size,
                    "scale_index": person.scale_index,
                    "files": [str(folder / file) for file in self._write_person(self.output / folder, picture, person)],
                }
            )
        height, width = picture.shape[:2]
        shown = {"image": str(path), "width": width, "height": height, "overlay": str(Path(name) / OVERLAY)}
        return {**shown, "people": entries}

    def _write_person(self, folder: Path, picture: Picture, person: PersonPrediction) -> list[str]:
        """The files of one person; returns their names."""
        size = self.picture_size
        mesh = person.mesh(self.predictor.faces, crop=(0, 0, size))
        left, top, side = (int(value) for value in person.crop)
        crop = resize(crop_square(picture, left, top, side), size)
        pictures = {OVERLAY: overlay(crop, [mesh], self.renderer), SIDE: side_view(mesh, size, self.renderer)}
        views = turntable(mesh, self.turntable, size, size, self.renderer)
        pictures |= {f"turntable_{i:03d}.png": view for i, view in enumerate(views)}
        for name, content in pictures.items():
            write_png(folder / name, content)
        written = self.texturing.write(folder, picture, person, mesh, self.renderer)
        if not written:
            write_obj(folder / OBJ, mesh)
            write_glb(folder / GLB, mesh)
            written = [OBJ, GLB]
        write_npz(folder / PARAMETERS, person.arrays())
        return [*pictures, *written, PARAMETERS]


def count(number: int, one: str, many: str) -> str:
    """A number with its word."""
    return f"{number} {one if number == 1 else many}"
