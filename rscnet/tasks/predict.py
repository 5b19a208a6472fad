"""Prediction: pictures or a video in; what they show and one summary out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rscnet import records
from rscnet.config.build import build
from rscnet.config.schema import RunConfig
from rscnet.console import say
from rscnet.data.boxes import BoxFile
from rscnet.data.images import list_images, other_pictures
from rscnet.errors import UserError
from rscnet.predictor import Predictor
from rscnet.render.scene import Renderer
from rscnet.tasks.common import set_up_process
from rscnet.tasks.predict_pictures import SUMMARY, PredictionJob, count
from rscnet.tasks.predict_texture import Texturing, texturer_for
from rscnet.tasks.predict_video import predict_video
from rscnet.trained import shipped
from rscnet.video.frames import is_video


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
        _refuse_picture_words(config)
        _predict_video(config)
        return
    _refuse_video_words(config)
    images = list_images(config.input)
    boxes = None if config.boxes is None else BoxFile(config.boxes)
    set_up_process(config)
    renderer: Renderer = build(config.plain()["render"], "render")
    looks = config.prediction
    once = config.legacy.demo_bilinear
    predictor = _predictor(config, *(asked and not once for asked in (looks.mirror, looks.focus, looks.reframe)))
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
            job.pass_over(other_pictures(config.input))
            job.write_fused()
        finally:  # whatever happens, what was written is listed
            records.write_json(output / SUMMARY, {**origin, **job.summary()})
    except OSError as error:
        raise UserError(f"output: cannot write into {output}: {error.strerror or error}") from None
    people = sum(len(entry["people"]) for entry in job.done)
    left_out = f", skipped: {count(len(job.skipped), 'picture', 'pictures')}" if job.skipped else ""
    found = f"{count(people, 'person', 'people')} in {count(len(job.done), 'picture', 'pictures')}"
    say(f"{found}{left_out}; written: {output}, listed in {SUMMARY}")
    if job.failed:
        raise UserError("\n".join(entry["error"] for entry in job.failed))
    if not job.done:
        raise UserError(
            f"{config.boxes}: no boxes of people for {config.input}; expected the names of its pictures in "
            "images.file_name and annotations of people, not of crowds"
        )


def _predictor(config: RunConfig, mirror: bool = False, focus: bool = False, reframe: bool = False) -> Predictor:
    asked = str((config.trainer.model_extra or {}).get("accelerator") or "auto")
    device = "cuda" if asked == "gpu" else asked
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
        reframe,
    )


def _predict_video(config: RunConfig) -> None:
    set_up_process(config)
    output = output_folder(config)
    try:
        predict_video(config, lambda: _predictor(config), output)
    except OSError as error:
        raise UserError(f"output: cannot write into {output}: {error.strerror or error}") from None


def _refuse_picture_words(config: RunConfig) -> None:
    for key in ("turntable", "one_person"):
        if getattr(config.prediction, key):
            raise UserError(f"prediction.{key}: is for pictures, but {config.input} is a video; leave it out")


def _refuse_video_words(config: RunConfig) -> None:
    for key in ("tracks", "box"):
        if getattr(config, key) is not None:
            raise UserError(
                f"{key}: is for videos, but {config.input} holds pictures; boxes=<COCO json> has people of pictures, "
                "fps=<rate> makes a folder a video"
            )
    if config.fps is not None:
        raise UserError(f"fps: is for videos and folders of frames, but {config.input} is a picture; leave it out")


def output_folder(config: RunConfig) -> Path:
    """Where the configuration says, else `<paths.output>/predict/<name of the input>`."""
    if config.output is not None:
        return Path(config.output)
    source = Path(str(config.input)).resolve()
    return Path(config.paths.output) / "predict" / (source.name if source.is_dir() else source.stem)


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
        "reframe": predictor.reframe,
    }
