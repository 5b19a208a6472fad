"""Prediction of videos: frames and boxes over time in; an overlay, motions of several formats and one summary out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from rscnet import records
from rscnet.config.build import build
from rscnet.config.schema import RunConfig
from rscnet.console import say
from rscnet.data.boxes import box_problem
from rscnet.data.npz import write_npz
from rscnet.errors import UserError
from rscnet.predictor import Predictor
from rscnet.render.scene import Renderer, TextureMap
from rscnet.tasks.predict_texture import TEXTURE, texturer_for, write_png
from rscnet.temporal.track import TemporalBackend
from rscnet.video.detector import Detector
from rscnet.video.frames import FrameFolder, Video, open_video
from rscnet.video.linking import link
from rscnet.video.motion import PersonMotion
from rscnet.video.overlay import OverlayPainter
from rscnet.video.people import MotionJob
from rscnet.video.textures import track_textures
from rscnet.video.tracks import PersonTrack, TrackFile, read_tracks
from rscnet.video.writer import VideoWriter

OVERLAY, MOTION = "overlay.mp4", "motion.npz"
SHOWN = 8  # lines of one kind on the terminal; the summary has all


def predict_video(config: RunConfig, load: Callable[[], Predictor], output: Path) -> None:
    """Predicts the people of a video and writes what `docs/video.md` describes.

    Args:
        config: the run's.
        load: makes the predictor, once the inputs are known to be good.
        output: folder to write into.

    Raises:
        UserError: nothing to read, no usable box; or, at the end, one line for whatever part of the video could not be
            read, when the rest is written.
    """
    plain, settings = config.plain(), config.prediction.video
    video = open_video(str(config.input), config.fps)
    found = find_people(config, video)
    backend: TemporalBackend = build(plain["temporal"], "temporal")
    renderer: Renderer = build(plain["render"], "render")
    predictor = load()
    job = MotionJob(predictor, backend, settings.batch_size, settings.max_gap, settings.focal)
    started = time.monotonic()
    with _bar() as bar:
        task = bar.add_task("predict", total=None)
        people = job.run(video, found.tracks, lambda: bar.advance(task))
    seconds = {"predict": time.monotonic() - started}
    skipped = found.skipped + _never_shown(found.tracks, people, job.frames)
    _warn(video, skipped)
    problems = list(video.problems)
    summary: dict[str, Any] = {
        "video": {"path": str(video.path), "fps": video.fps, "width": video.width, "height": video.height},
        "frames": job.frames, "temporal": plain["temporal"], "overlay": None, "people": [], "skipped": skipped,
        "failed": problems,
    }  # fmt: skip
    try:
        textures: dict[int, TextureMap] = {}
        if people and (texturer := texturer_for(config, predictor)):
            started = time.monotonic()
            textures = track_textures(video, people, predictor.body, texturer, settings.texture_frames)
            seconds["texture"] = time.monotonic() - started
        for person in people:
            summary["people"].append(_write_person(output, person, predictor, textures.get(person.id)))
        if settings.overlay and people:
            started = time.monotonic()
            painter = OverlayPainter(people, predictor.body, renderer, settings.height, settings.people_shown)
            _write_overlay(output / OVERLAY, video, painter, job.frames)
            summary["overlay"] = OVERLAY
            seconds["render"] = time.monotonic() - started
    finally:  # what was written is listed, also where Ctrl-C or a full disk ends it
        rates = {name: round(job.frames / max(value, 1e-9), 2) for name, value in seconds.items()}
        records.write_json(
            output / "summary.json", {**origin(config, predictor), **summary, "frames_per_second": rates}
        )
    count = f"{len(people)} {'person' if len(people) == 1 else 'people'} in {job.frames} frames"
    say(f"{count}; written: {output}, listed in summary.json")
    if problems:
        raise UserError("\n".join(problems))
    if not people:
        key = next((key for key in ("tracks", "boxes") if getattr(config, key)), None)
        given = f"{key}: {getattr(config, key)}" if key else "prediction.video.detector"
        raise UserError(f"{given}: none of its boxes is in a frame of {video.path}")


def find_people(config: RunConfig, video: Video) -> TrackFile:
    """The people to predict: from a file, from one box, from a detector, or one person who fills the frame.

    Raises:
        UserError: more than one of these, or none usable.
    """
    settings = config.prediction.video
    given = [key for key in ("tracks", "boxes", "box") if getattr(config, key) is not None]
    if len(given) > 1:
        raise UserError(f"{given[1]}: {' and '.join(given)} say twice who is in the video; expected one of them")
    if config.box is not None:
        if problem := box_problem(config.box, video.width, video.height):
            raise UserError(f"box: {problem}")
        left, top, width, height = config.box
        return TrackFile([PersonTrack(0, everywhere=(left, top, width, height))])
    source = config.tracks or config.boxes
    if source is not None:
        names = [file.name for file in video.files] if isinstance(video, FrameFolder) else None
        found = read_tracks(source, video.width, video.height, names)
    elif settings.detector is not None:
        detector: Detector = build(config.plain()["prediction"]["video"]["detector"], "prediction.video.detector")
        loose = {i: detector(frame) for i, frame in enumerate(video) if frame is not None}
        found = TrackFile(loose=loose)
    else:
        return TrackFile([PersonTrack(0)])
    linked = link(found.loose, round(settings.max_gap * video.fps), settings.min_iou)
    free = 1 + max((track.id for track in found.tracks), default=-1)
    for track in linked:
        track.id += free
    return TrackFile([*found.tracks, *linked], {}, found.skipped)


def origin(config: RunConfig, predictor: Predictor) -> dict[str, Any]:
    """Code, command, weights and input, as the summary begins."""
    return {
        **records.provenance(), "checkpoint": str(predictor.trained.path), "input": config.input,
        "tracks": config.tracks or config.boxes, "box": config.box, "box_scale": predictor.box_scale,
    }  # fmt: skip


def _warn(video: Video, skipped: Sequence[str]) -> None:
    """Says what is passed over, and that frames come unevenly if they do."""
    for line in skipped[:SHOWN]:
        say(f"passed over: {line}")
    if len(skipped) > SHOWN:
        say(f"passed over: and {len(skipped) - SHOWN} more, see summary.json")
    if video.unevenness > 1 / video.fps:
        say(_uneven(video))


def _uneven(video: Video) -> str:
    return (
        f"uneven frames: {video.path} has them up to {video.unevenness:.2f} s off its mean rate of {video.fps:.4g} per "
        f"second, which motion is timed by; `ffmpeg -i {video.path.name} -vf fps={round(video.fps)} even.mp4` mends it"
    )


def _never_shown(tracks: Sequence[PersonTrack], people: Sequence[PersonMotion], frames: int) -> list[str]:
    """Boxes beyond the end of the video, and people whom no readable frame shows, a line each."""
    lines = []
    for track in tracks:
        late = [frame for frame in track.boxes if frame >= frames]
        if late:
            lines.append(
                f"person {track.id}: {len(late)} boxes from frame {min(late)} on; the video has {frames} frames"
            )
    seen = {person.id for person in people}
    return lines + [f"person {track.id}: no readable frame shows them" for track in tracks if track.id not in seen]


def _write_person(
    output: Path, person: PersonMotion, predictor: Predictor, texture: TextureMap | None
) -> dict[str, Any]:
    folder = output / f"person_{person.id}"
    write_npz(folder / MOTION, person.arrays(predictor.body))
    files = [MOTION, *person.write_animations(folder, predictor.body, texture)]
    if texture is not None:
        write_png(folder / TEXTURE, texture.as_bytes())
        files.append(TEXTURE)
    seen = int(person.track.valid.sum())
    sides = person.track.crops[person.track.valid, 2]
    return {
        "id": person.id,
        "first_frame": person.first,
        "last_frame": person.last,
        "frames_seen": seen,
        "frames_interpolated": int(person.interpolated.sum()),
        "frames_out_of_sight": len(person.track.valid) - seen - int(person.interpolated.sum()),
        "size": {"smallest": float(sides.min()), "largest": float(sides.max())},
        "files": [f"{folder.name}/{file}" for file in files],
    }


def _write_overlay(path: Path, video: Video, painter: OverlayPainter, frames: int) -> None:
    """The second pass over the video; a frame that cannot be read repeats the one before."""
    picture = np.zeros((video.height, video.width, 3), np.uint8)
    with _bar() as bar:
        task = bar.add_task("draw", total=frames)
        first = painter(0, picture)
        with VideoWriter(path, video.fps, *first.shape[:2]) as writer:
            for number, frame in enumerate(video):
                picture = picture if frame is None else frame
                writer.write(painter(number, picture))
                bar.advance(task)


def _bar() -> Progress:
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed} frames"),
        TimeElapsedColumn(),
    ]
    return Progress(*columns, disable=not Console().is_terminal, transient=True)
