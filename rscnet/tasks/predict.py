"""Prediction: pictures in; overlays, meshes, parameters and one summary out."""

from __future__ import annotations

import io
import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rscnet import records
from rscnet.config.build import build
from rscnet.config.schema import RunConfig
from rscnet.console import say
from rscnet.data.boxes import BoxFile, PersonBox
from rscnet.data.degradations import resize
from rscnet.data.images import Picture, crop_square, list_images, read_image
from rscnet.errors import UserError
from rscnet.predictor import PersonPrediction, Photo, Predictor
from rscnet.render.export import write_glb, write_obj
from rscnet.render.pictures import overlay, side_view, turntable
from rscnet.render.scene import PALETTE, Renderer
from rscnet.tasks.common import set_up_process
from rscnet.tasks.predict_texture import Texturing, texturer_for
from rscnet.tasks.predict_video import predict_video
from rscnet.trained import shipped
from rscnet.video.frames import is_video

SUMMARY, OVERLAY, SIDE, OBJ, GLB, PARAMETERS = (
    "summary.json", "overlay.png", "side.png", "mesh.obj", "mesh.glb", "parameters.npz",
)  # fmt: skip


def run(config: RunConfig) -> None:
    """Predicts the people of a picture or a folder of pictures and writes what `docs/predict.md` describes.

    A picture that fails does not stop the others.

    Raises:
        UserError: what is missing or wrong before anything is predicted; else, at the end, one line for each picture
            that failed.
    """
    if config.checkpoint is None:
        names = ", ".join(shipped()) or "none"
        raise UserError(f"checkpoint: missing; expected checkpoint=<file | run folder | name>, shipped are: {names}")
    if config.input is None:
        raise UserError("input: missing; expected input=<picture | folder of pictures | video>")
    if is_video(config.input, config.fps):
        _predict_video(config)
        return
    _refuse_video_words(config)
    images = list_images(config.input)
    boxes = None if config.boxes is None else BoxFile(config.boxes)
    set_up_process(config)
    renderer: Renderer = build(config.plain()["render"], "render")
    again = not config.legacy.demo_bilinear
    predictor = _predictor(config, config.prediction.mirror and again, config.prediction.focus and again)
    output = output_folder(config)
    texturing = Texturing(
        texturer_for(config, predictor), config.prediction.textured_views, config.prediction.one_person
    )
    job = PredictionJob(
        predictor, renderer, output, config.prediction.picture_size, config.prediction.turntable, texturing
    )
    origin = _origin(config, predictor)
    try:
        output.mkdir(parents=True, exist_ok=True)
        try:
            job.process(images, boxes)
            job.write_fused()
        finally:  # whatever happens, what was written is listed
            records.write_json(output / SUMMARY, {**origin, **job.summary()})
    except OSError as error:
        raise UserError(f"output: cannot write into {output}: {error.strerror or error}") from None
    people = sum(len(entry["people"]) for entry in job.done)
    left_out = f", skipped without boxes: {_count(len(job.skipped), 'picture', 'pictures')}" if job.skipped else ""
    found = f"{_count(people, 'person', 'people')} in {_count(len(job.done), 'picture', 'pictures')}"
    say(escape(f"{found}{left_out}; written: {output}, listed in {SUMMARY}"))
    if job.failed:
        raise UserError("\n".join(entry["error"] for entry in job.failed))
    if not job.done:
        raise UserError(
            f"{config.boxes}: images.file_name: no entry with people belongs to {config.input}; "
            "expected the names of its pictures"
        )


def _predictor(config: RunConfig, mirror: bool = False, focus: bool = False) -> Predictor:
    device = "cpu" if (config.trainer.model_extra or {}).get("accelerator") == "cpu" else "auto"
    onnx = Path(config.paths.cache) / "onnx" if config.prediction.runtime == "onnx" else None
    return Predictor.from_checkpoint(
        str(config.checkpoint),
        device,
        config.prediction.box_scale,
        config.paths.smpl,
        config.legacy.demo_bilinear,
        onnx,
        mirror,
        focus,
    )


def _predict_video(config: RunConfig) -> None:
    set_up_process(config)
    output = output_folder(config)
    try:
        predict_video(config, lambda: _predictor(config), output)
    except OSError as error:
        raise UserError(f"output: cannot write into {output}: {error.strerror or error}") from None


def _refuse_video_words(config: RunConfig) -> None:
    for key in ("tracks", "box"):
        if getattr(config, key) is not None:
            raise UserError(
                f"{key}: is for videos, but {config.input} holds pictures; boxes=<COCO json> has people of pictures, "
                "fps=<rate> makes a folder a video"
            )


def output_folder(config: RunConfig) -> Path:
    """Where the configuration says, else `<paths.output>/predict/<name of the input>`."""
    if config.output is not None:
        return Path(config.output)
    source = Path(str(config.input)).resolve()
    return Path(config.paths.output) / "predict" / (source.name if source.is_dir() else source.stem)


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
        skipped: pictures without boxes.
        failed: pictures that could not be read or do not fit their boxes.
        fused: files of the one person whom all pictures show, where that was said.
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
                    say(escape(f"{path.name}: {_count(len(people), 'person', 'people')}"))
            bar.update(task, completed=len(images))

    def write_fused(self) -> None:
        """The person whom all pictures show, where that was said."""
        self.fused = self.texturing.write_fused(self.output, self.renderer)

    def summary(self) -> dict[str, Any]:
        """What was done, skipped and failed so far."""
        fused = {"fused": self.fused} if self.fused else {}
        return {**fused, "images": self.done, "skipped": self.skipped, "failed": self.failed}

    def _photos(
        self, images: Sequence[Path], boxes: BoxFile | None, pending: deque[tuple[Path, list[PersonBox] | None]]
    ) -> Iterator[Photo]:
        """The pictures that can be predicted; the others are noted with the reason."""
        for path in images:
            try:
                entry = None if boxes is None else boxes.of(path)
                if boxes is not None and (entry is None or not entry.people):
                    self.skipped.append({"image": str(path), "reason": f"{boxes.path} holds no boxes of people for it"})
                    say(escape(f"{path.name}: skipped, {self.skipped[-1]['reason']}"))
                    continue
                picture = read_image(path)
                if entry is not None:
                    entry.check(picture.shape[1], picture.shape[0])
            except UserError as error:
                self.failed.append({"image": str(path), "error": str(error)})
                continue
            people = None if entry is None else entry.people
            pending.append((path, people))
            yield picture, None if people is None else [person.box for person in people]

    def _write_picture(
        self, path: Path, name: str, people: Sequence[PersonPrediction], annotated: Sequence[PersonBox] | None
    ) -> dict[str, Any]:
        picture = read_image(path)  # again: keeping the photos of a whole batch would need gigabytes
        faces = self.predictor.faces
        meshes = [person.mesh(faces, PALETTE[k % len(PALETTE)]) for k, person in enumerate(people)]
        _write_png(self.output / name / OVERLAY, overlay(picture, meshes, self.renderer))
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
            _write_png(folder / name, content)
        written = self.texturing.write(folder, picture, person, mesh, self.renderer)
        if not written:
            write_obj(folder / OBJ, mesh)
            write_glb(folder / GLB, mesh)
            written = [OBJ, GLB]
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **person.arrays())  # type: ignore[arg-type]
        _write(folder / PARAMETERS, buffer.getvalue())
        return [*pictures, *written, PARAMETERS]


def _origin(config: RunConfig, predictor: Predictor) -> dict[str, Any]:
    trained = predictor.trained
    return {
        **records.provenance(),
        "checkpoint": str(trained.path),
        "image_size": trained.image_size,
        "ranges": trained.ranges,
        "input": config.input,
        "boxes": config.boxes,
        "box_scale": predictor.box_scale,
        "mirror": predictor.mirror,
        "focus": predictor.focus,
    }


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _write_png(path: Path, picture: Picture) -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    _write(path, buffer.getvalue())


def _write(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    os.replace(temporary, path)
