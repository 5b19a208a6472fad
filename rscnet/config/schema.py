"""The typed schema of a composed configuration: what may stand where, and which values make sense together."""

from __future__ import annotations

import difflib
import os
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, ValidationError, model_validator

from rscnet.config.stages import stage_problem
from rscnet.config.trainer import trainer_problem
from rscnet.data.boxes import LARGEST_SCALE
from rscnet.errors import UserError
from rscnet.resolution import ResolutionSet


class Strict(BaseModel):
    """A node whose keys are all known."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, protected_namespaces=(),
        ser_json_inf_nan="constants",  # else nan becomes null, and the mistake has another name
    )  # fmt: skip


class Component(BaseModel):
    """A node that `build` turns into an object; its keys are checked against the target's signature in pre-flight."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)
    target: str = Field(alias="_target_")


class Paths(Strict):
    """Folders; relative ones are relative to where the command runs."""

    output: str
    cache: str
    smpl: str | None = None
    data: str | None = None
    market1501: str | None = None
    results: str | None = None
    motions: str | None = None


class People(Strict):
    """How many embedded people are rendered for each split, and how many of them one cache file holds; among `gallery`
    of them `contrastive_pretrain` searches."""

    train: int = Field(ge=1)
    val: int = Field(ge=1)
    test: int = Field(ge=1)
    shard: int = Field(ge=1)
    gallery: int = Field(1001, ge=2)


class EncoderSize(Strict):
    """The ResNet of the body network."""

    depth: int
    width: float = Field(gt=0)
    own_norm: bool
    own_rate: float = Field(gt=0, allow_inf_nan=False)


class TextureSize(Strict):
    """The texture network, its UV map and training, the embedded people that it is trained on, and what judges it."""

    width: float = Field(gt=0)
    uv_size: int = Field(ge=16, multiple_of=16)
    lr: float = Field(gt=0)
    epochs: float = Field(gt=0)
    batch_scale: float = Field(gt=0)
    visible: bool
    light: Component | None
    output: str
    people: People
    judges: dict[str, Component | None]


class Clips(Strict):
    """How many embedded motion clips each split has, and how many frames a clip."""

    train: int = Field(ge=1)
    val: int = Field(ge=1)
    test: int = Field(ge=1)
    frames: int = Field(ge=4)


class ResolutionConfig(Component):
    """The resolution ranges of training and the sizes of evaluation."""

    ranges: list[tuple[int, int]]
    eval: list[int]


class InitAllow(Strict):
    """Patterns of state-dict keys that `init_from` may leave untouched or ignore."""

    missing: list[str] = []
    unexpected: list[str] = []


class Schedule(Strict):
    """Learning rate over the run: linear warm-up, then constant or cosine down to zero."""

    mode: Literal["constant", "cosine"]
    warmup: float = Field(ge=0, lt=1)


class External(Strict):
    """Another program's model, for model=external."""

    callable: str | None


class Evaluation(Strict):
    """What `train` and `evaluate` compare with."""

    rivals: dict[str, str | None]
    panel_samples: int = Field(ge=0)
    split: Literal["val", "test"]
    looks: Literal["once", "predict"]
    backends: dict[str, Component | None] = {}


class VideoPrediction(Strict):
    """What `predict` does with videos."""

    overlay: bool
    height: int = Field(ge=32)
    focal: float | None = Field(gt=0)
    people_shown: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    max_gap: float = Field(ge=0)
    texture_frames: int = Field(ge=1)
    min_iou: float = Field(ge=0, lt=1)
    detector: Component | None


class Prediction(Strict):
    """What `predict` reads and writes."""

    box_scale: float = Field(gt=0, le=LARGEST_SCALE)
    mirror: bool
    focus: bool
    reframe: bool
    runtime: Literal["torch", "onnx"]
    picture_size: int = Field(ge=16, le=4096)
    turntable: int = Field(ge=0)
    textured_views: int = Field(ge=0)
    one_person: bool
    video: VideoPrediction


class Legacy(Strict):
    """Slips of the released code, each on or off; docs/data.md says what each does."""

    round_keypoints: bool
    bytescale: bool
    accumulate_gain: bool
    bgr_luma: bool
    keep_confidences: bool
    demo_bilinear: bool


class Card(Strict):
    """What an ablation changes (dotted keys and their values), why, and what one expects of it."""

    changes: dict[str, Any]
    why: str


class Report(Strict):
    """How `report` compares methods: with `baseline`, or the first of `baselines` that is among them."""

    baseline: str | None = None
    baselines: list[str] = []


class RunConfig(Strict):
    """The whole composed tree."""

    name: str
    ablation: str
    card: Card | None
    preset: str
    task: Component
    seed: int = Field(ge=0, lt=2**32)
    fresh: bool
    image_size: int = Field(ge=32, multiple_of=2)
    stage_epochs: dict[str, PositiveFloat]
    people: People
    clips: Clips
    encoder: EncoderSize
    dropout: float = Field(ge=0, lt=1)
    keypoint_head: Component | None
    keypoint_loss: Component | None
    distance_loss: Component | None
    texglo: TextureSize
    workers: int = Field(ge=0)
    eval_batch_size: int = Field(ge=1)
    threads: int = Field(ge=0)
    checkpoint: str | None
    start: str
    averaging: Component | None
    init_from: str | None
    init_allow: InitAllow
    external: External
    input: str | None
    texture: str | None
    boxes: str | None
    tracks: str | None
    box: list[float] | None
    fps: float | None = Field(gt=0)
    output: str | None
    paths: Paths
    data: Component
    body: Component
    resolution: ResolutionConfig
    legacy: Legacy
    degradation: Component
    augmentation: Component
    model: Component
    loss: Component
    curriculum: Component
    optimizer: Component
    schedule: Schedule
    trainer: Component
    callbacks: dict[str, Component | None]
    logger: dict[str, Component | None]
    render: Component
    temporal: Component
    evaluation: Evaluation
    prediction: Prediction
    report: Report

    @model_validator(mode="after")
    def _consistent(self) -> RunConfig:
        curriculum, loss, model = (node.model_extra or {} for node in (self.curriculum, self.loss, self.model))
        network = model.get("network") or {}
        if problem := trainer_problem(self.trainer.model_extra or {}, network.get("encoder") or {}):
            raise ValueError(problem)
        if self.keypoint_loss is not None and self.keypoint_head is None:
            raise ValueError("keypoint_loss: needs keypoint_head, whose maps it compares; set both or neither")
        if self.keypoint_loss is None and self.keypoint_head and (self.keypoint_head.model_extra or {}).get("parts"):
            raise ValueError("keypoint_head.parts: nothing teaches parts without keypoint_loss; expected 0")
        if loss.get("contrastive") is not None and "projector" in network and network["projector"] is None:
            raise ValueError(
                "model.network.projector: the contrastive loss compares its features; set loss.contrastive=null too"
            )
        kind = self.model.target.rsplit(".", 1)[-1]
        if self.evaluation.looks != "once" and kind in ("ExternalModule", "TemporalModule", "TexGloModule"):
            raise ValueError(f"evaluation.looks: {self.evaluation.looks} is for body networks, with {kind} use once")
        if kind == "ExternalModule" and not self.task.target.endswith("evaluate.run"):
            raise ValueError("model: another program's model can only be evaluated; add task=evaluate")
        resolution = ResolutionSet(self.resolution.ranges, self.resolution.eval)
        if problem := stage_problem(curriculum, loss, model, len(resolution)):
            raise ValueError(problem)
        if resolution.full_size > self.image_size:
            raise ValueError(
                f"resolution.ranges: full resolution is {resolution.full_size} px, more than the network's input "
                f"image_size={self.image_size}; use resolution=compact with 112 px, resolution=paper with 224 px"
            )
        return self

    def inputs(self) -> list[str]:
        """The paths that `input` names: one, or several separated by commas, in brackets or not."""
        if self.input is None or os.path.exists(self.input):  # unlike Path, also of a list too long for a path
            return [] if self.input is None else [self.input]
        return [path.strip() for path in self.input.strip("[]").split(",")]

    def plain(self) -> dict[str, Any]:
        """Dictionaries, lists, strings and numbers only, with `_target_` keys: what checkpoints and files hold."""
        return self.model_dump(by_alias=True, mode="json")


def validate(tree: dict[str, Any]) -> RunConfig:
    """The typed configuration.

    Raises:
        UserError: every problem at once, one line each, with the nearest known key where one is misspelt.
    """
    try:
        return RunConfig.model_validate(tree)
    except ValidationError as error:
        raise UserError("\n".join(_describe(problem) for problem in error.errors())) from None


def suggest(wrong: str, known: list[str]) -> str:
    """ ", did you mean ...?" or nothing."""
    near = difflib.get_close_matches(wrong, known, n=1)
    return f", did you mean '{near[0]}'?" if near else f"; known are {', '.join(sorted(known))}"


def _describe(problem: Any) -> str:
    location = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = list(RunConfig.model_fields) if len(problem["loc"]) == 1 else []
        return f"{location}: unknown key" + (suggest(str(problem["loc"][-1]), known) if known else "")
    if problem["type"] == "missing":
        return f"{location}: missing, expected a value"
    text = problem["msg"].removeprefix("Value error, ")
    got = f" (got {problem['input']!r})" if problem["loc"] and not isinstance(problem["input"], dict) else ""
    return f"{location}: {text}{got}" if location else text
