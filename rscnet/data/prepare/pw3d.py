"""3DPW's sequence pickles, written by Python 2, to annotation files; nothing that they name is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from rscnet.body.pickles import MEANINGS
from rscnet.data.prepare.people import (
    Origin,
    Person,
    PreparedSet,
    annotation_joints,
    box_around,
    count_reasons,
    openpose_joints,
)  # fmt: skip
from rscnet.errors import UserError
from rscnet.pickles import load_notes, value_of

ORIGIN = Origin(
    "3DPW",
    "https://virtualhumans.mpi-inf.mpg.de/3DPW (imageFiles.zip, sequenceFiles.zip)",
    "non-commercial research",
    "sequenceFiles/{train,validation,test}/*.pkl and imageFiles/<sequence>/image_00000.jpg ...",
)
SPLITS = ("train", "validation", "test")
# The 2D detections are OpenPose's 18 of COCO.
NAMES = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "right_eye", "left_eye",
    "right_ear", "left_ear",
)  # fmt: skip
# their neck lies elsewhere than LSP's; hips stand for LSP's, as those of COCO
PART_NAMES = tuple({"neck": "", "right_hip": "right_hip_lsp", "left_hip": "left_hip_lsp"}.get(n, n) for n in NAMES)
NEEDED = ("poses", "betas", "cam_poses", "campose_valid", "genders", "sequence")


def read(raw: Path, splits: tuple[str, ...] = ("test",)) -> Iterator[PreparedSet]:
    """One set for each split: people in frames where the camera's pose is valid.

    Raises:
        UserError: no sequences, or a file that is damaged, calls for anything, or lacks a field.
    """
    folder = raw if (raw / "sequenceFiles").is_dir() or not (raw / "3DPW").is_dir() else raw / "3DPW"
    for split in splits:
        below = ORIGIN.require(folder / "sequenceFiles" / split, "folder of sequences")
        files = sorted(below.glob("*.pkl"))
        if not files:
            raise UserError(f"{below}: no sequences; expected {ORIGIN.layout}; from {ORIGIN.url}")
        found = [person for file in files for person in read_sequence(file)]
        people = [person for person in found if isinstance(person, Person)]
        yield PreparedSet(f"3dpw_{split}", people, folder, count_reasons(p for p in found if isinstance(p, str)))


def read_sequence(path: Path) -> Iterator[Person | str]:
    """The people of one pickle frame by frame; a text says why one is left out.

    Raises:
        UserError: as `read`.
    """
    content = load_notes(path, MEANINGS, "3DPW sequence")
    lacking = [name for name in NEEDED if not isinstance(content, Mapping) or name not in content]
    if lacking:
        raise UserError(f"{path}: {', '.join(lacking)}: missing; expected a sequence of 3DPW as downloaded")
    try:
        fields = {name: _plain(value) for name, value in content.items() if name in (*NEEDED, *_FOR_BOXES)}
        for number in range(len(fields["poses"])):
            yield from _person_frames(fields, number)
    except (TypeError, ValueError, IndexError, AttributeError, KeyError) as error:
        raise UserError(f"{path}: cannot be read ({error}); expected a sequence of 3DPW as downloaded") from None


_FOR_BOXES = ("poses2d", "jointPositions", "cam_intrinsics")


def _plain(value: Any) -> Any:
    value = value_of(value)
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _text(value: Any) -> str:
    value = np.asarray(value).item()
    return value.decode() if isinstance(value, bytes) else str(value)


def _person_frames(fields: dict[str, Any], number: int) -> Iterator[Person | str]:
    poses = np.asarray(fields["poses"][number], float)
    betas = np.asarray(fields["betas"][number], float).ravel()[:10]
    valid, cameras = np.asarray(fields["campose_valid"][number]).ravel() > 0, np.asarray(fields["cam_poses"], float)
    sequence, gender = _text(fields["sequence"]), _text(fields["genders"][number])
    orient = np.zeros((len(poses), 3))
    in_camera = Rotation.from_matrix(cameras[valid, :3, :3]) * Rotation.from_rotvec(poses[valid, :3])
    orient[valid] = in_camera.as_rotvec()
    for frame in range(len(poses)):
        if not valid[frame]:
            yield "with an invalid camera"
            continue
        detected = _detections(fields, number, frame)
        around = detected[detected[:, 2] > 0, :2]
        around = around if len(around) > 1 else _projected(fields, number, frame)
        if len(around) < 2:
            yield "without 2D joints"
            continue
        center, scale = box_around(around)
        yield Person(
            imgname=f"imageFiles/{sequence}/image_{frame:05d}.jpg",
            center=center,
            scale=scale,
            part=annotation_joints(PART_NAMES, detected[:, :2], detected[:, 2]),
            openpose=openpose_joints(NAMES, detected[:, :2], detected[:, 2]),
            pose=np.concatenate([orient[frame], poses[frame, 3:]]).astype(np.float32),
            shape=betas.astype(np.float32),
            gender=gender,
            sequence=sequence,
            frame=frame,
        )


def _detections(fields: dict[str, Any], number: int, frame: int) -> Float[np.ndarray, "18 3"]:
    if "poses2d" not in fields:
        return np.zeros((len(NAMES), 3))
    return np.asarray(fields["poses2d"][number][frame], float).reshape(3, len(NAMES)).T


def _projected(fields: dict[str, Any], number: int, frame: int) -> Float[np.ndarray, "n 2"]:
    """The SMPL joints in the picture, for frames where nothing was detected; none where the file lacks them."""
    if not {"jointPositions", "cam_intrinsics"} <= fields.keys():
        return np.zeros((0, 2))
    joints = np.asarray(fields["jointPositions"][number][frame], float).reshape(-1, 3)
    camera, intrinsics = np.asarray(fields["cam_poses"][frame], float), np.asarray(fields["cam_intrinsics"], float)
    seen = (joints @ camera[:3, :3].T + camera[:3, 3]) @ intrinsics.T
    return seen[:, :2] / seen[:, 2:]
