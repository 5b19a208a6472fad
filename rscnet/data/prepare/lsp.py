"""Leeds Sports Pose and its extended training set, `joints.mat` and pictures, to annotation files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float

from rscnet.data.prepare import matlab
from rscnet.data.prepare.people import (
    Origin,
    Person,
    PreparedSet,
    annotation_joints,
    box_around,
    count_reasons,
    inside,
    picture_size,
)  # fmt: skip
from rscnet.errors import UserError
from rscnet.joints import ANNOTATION_24, LSP_14

LSP = Origin(
    "Leeds Sports Pose",
    "https://sam.johnson.io/research/lsp.html (lsp_dataset_original.zip for training, lsp_dataset.zip for tests)",
    "non-commercial research",
    "joints.mat and images/im0001.jpg ...",
)
EXTENDED = Origin(
    "Leeds Sports Pose Extended, high resolution",
    "http://datasets.d2.mpi-inf.mpg.de/hr-lspet/hr-lspet.zip",
    "non-commercial research",
    "joints.mat and im00001.png ... beside it or in images/",
)
NAMES = ANNOTATION_24[: len(LSP_14)]
SETS = {"train": "lsp_dataset_original_train", "test": "lsp_dataset_test"}
TRAINING = 1000  # the first so many of LSP's 2000 pictures; the rest is for tests
SUFFIXES = (".jpg", ".jpeg", ".png")


def read(raw: Path, split: str = "train") -> Iterator[PreparedSet]:
    """LSP's training or test half; every joint counts, hidden ones are annotated too.

    Raises:
        UserError: joints or pictures are missing.
    """
    joints = read_joints(LSP.require(raw / "joints.mat", "file of joints"))
    rows = range(min(TRAINING, len(joints))) if split == "train" else range(TRAINING, len(joints))
    folder = "images/" if (raw / "images").is_dir() or not (raw / "im0001.jpg").is_file() else ""
    people = [_person(f"{folder}im{row + 1:04d}.jpg", joints[row, :, :2], np.ones(len(NAMES))) for row in rows]
    yield PreparedSet(SETS[split], people, raw, {})


def read_extended(raw: Path) -> Iterator[PreparedSet]:
    """The extended set. Joints that are not visible count where they lie in the picture: elsewhere they are no labels.

    Raises:
        UserError: joints or pictures are missing or damaged, or there is not one picture for each person.
    """
    joints = read_joints(EXTENDED.require(raw / "joints.mat", "file of joints"))
    files = sorted(path for path in [*raw.glob("im*"), *raw.glob("images/im*")] if path.suffix.lower() in SUFFIXES)
    # pictures are in the order of their numbers; some numbers are not there, and then neither are their joints
    numbers = [int(match[0]) if (match := re.search(r"\d+", path.stem)) else 0 for path in files]
    if len(files) != len(joints) and max(numbers, default=0) <= len(joints):
        joints = joints[[number - 1 for number in numbers]]
    if len(files) != len(joints):
        raise UserError(f"{raw}: joints.mat has {len(joints)} people, expected as many im*.png, found {len(files)}")
    people, reasons = [], []
    for file, person in zip(files, joints, strict=True):
        counts = (person[:, 2] > 0) | inside(person[:, :2] - 1, *picture_size(file))
        found = _person(file.relative_to(raw).as_posix(), person[:, :2], counts) if counts.sum() > 1 else None
        people += [found] if found else []
        reasons.append(None if found else "with fewer than two joints")
    yield PreparedSet("hr-lspet_train", people, raw, count_reasons(reasons))


def read_joints(path: Path) -> Float[np.ndarray, "n 14 3"]:
    """x, y and the third value of all people, whichever axes the file has.

    Raises:
        UserError: no such file, or one of another shape.
    """
    joints = np.asarray(matlab.load(path, "joints")["joints"], float)
    if joints.shape[:2] == (3, len(LSP_14)):
        joints = joints.transpose(1, 0, 2)
    if joints.ndim != 3 or joints.shape[:2] != (len(LSP_14), 3):
        raise UserError(f"{path}: joints: expected 14 x 3 x n or 3 x 14 x n, got {joints.shape}")
    return joints.transpose(2, 0, 1)


def _person(imgname: str, points: Float[np.ndarray, "14 2"], counts: np.ndarray) -> Person:
    center, scale = box_around(points[counts > 0])
    return Person(imgname, center, scale, part=annotation_joints(NAMES, points, counts))
