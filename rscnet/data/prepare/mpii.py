"""MPII Human Pose to annotation files: the publisher's MATLAB file, or what the field made of it (JSON, HDF5)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from rscnet.data.prepare import matlab
from rscnet.data.prepare.people import Origin, Person, PreparedSet, annotation_joints, count_reasons
from rscnet.errors import UserError

ORIGIN = Origin(
    "MPII Human Pose",
    "http://human-pose.mpi-inf.mpg.de (mpii_human_pose_v1.tar.gz and mpii_human_pose_v1_u12_2.zip)",
    "annotations simplified BSD; pictures for non-commercial research",
    "images/ and mpii_human_pose_v1_u12_1.mat, or train.h5, train.json, trainval.json or mpii_annotations.json",
)
NAMES = (
    "right_ankle", "right_knee", "right_hip_lsp", "left_hip_lsp", "left_knee", "left_ankle", "pelvis_mpii",
    "thorax_mpii", "neck_lsp", "head_top_lsp", "right_wrist", "right_elbow", "right_shoulder", "left_shoulder",
    "left_elbow", "left_wrist",
)  # fmt: skip
# SPIN reads train.h5, the training people without the field's 2958 for validation; the MATLAB file has both.
PATTERNS = (
    "train.h5", "train.json", "trainval.json", "mpii_train*.json", "mpii_annotations.json",
    "mpii_human_pose_v1_u12_*.mat",
)  # fmt: skip
BELOW = ("", "annot", "annotations", "mpii_human_pose_v1_u12_2", "mpii_human_pose_v1_u12_1")


@dataclass(frozen=True)
class Annotated:
    """A person as MPII has them: the box is 200 `scale` pixels, joints that are not labelled are not above zero.

    Raises:
        ValueError: another number of joints.
    """

    image: str
    center: Float[np.ndarray, "2"]
    scale: float
    joints: Float[np.ndarray, "16 2"]

    def __post_init__(self) -> None:
        shapes = self.center.shape, self.joints.shape
        if shapes != ((2,), (len(NAMES), 2)):
            raise ValueError(f"expected a center of 2 and {len(NAMES)} joints, got {shapes} of {self.image}")


def read(raw: Path, min_joints: int = len(NAMES)) -> Iterator[PreparedSet]:
    """The training people.

    Args:
        raw: the folder, or one annotation file.
        min_joints: a person counts who has so many of the 16 joints.

    Raises:
        UserError: no annotation file, or a damaged one.
    """
    file, folder = _find(raw)
    try:
        found = list(_READERS[file.suffix](file))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise UserError(f"{file}: unknown structure ({error!r}); expected one of {', '.join(PATTERNS)}") from None
    people, reasons = [], []
    for one in found:
        labelled = np.all(one.joints > 0, axis=1)
        reason = f"with fewer than {min_joints} joints" if labelled.sum() < min_joints else None
        reason = reason or (None if one.scale > 0 else "without a scale")
        reasons.append(reason)
        if reason is None:
            part = annotation_joints(NAMES, one.joints, labelled)
            people.append(Person(f"images/{Path(one.image).name}", one.center, one.scale, part=part))
    yield PreparedSet("mpii_train", people, folder, count_reasons(reasons))


def _find(raw: Path) -> tuple[Path, Path]:
    if raw.is_file():
        return raw, raw.parent
    for pattern in PATTERNS:
        for below in BELOW:
            for path in sorted((raw / below).glob(pattern)):
                return path, raw
    return ORIGIN.require(raw / "mpii_human_pose_v1_u12_1.mat", "annotation file"), raw


def _from_hdf5(path: Path) -> Iterator[Annotated]:
    """The stacked hourglass' train.h5."""
    with matlab.hdf5(path) as file:
        columns = [np.asarray(file[name]) for name in ("imgname", "center", "scale", "part")]
    for name, center, scale, joints in zip(*columns, strict=True):
        # texts, or the codes of their letters
        text = name.decode() if isinstance(name, bytes) else "".join(chr(int(code)) for code in name if code)
        yield Annotated(text, center.astype(float), float(scale), joints.astype(float))


def _from_json(path: Path) -> Iterator[Annotated]:
    """A list of people, as HRNet's train.json or the convolutional pose machines' mpii_annotations.json has them."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: no valid JSON ({error}); expected MPII's people") from None
    for entry in content["root"] if isinstance(content, Mapping) else content:
        if entry.get("dataset", "MPI").upper().startswith("MPI") and not float(entry.get("isValidation", 0)):
            joints = np.asarray(entry.get("joints", entry.get("joint_self")), float)
            seen = np.asarray(entry["joints_vis"], float) > 0 if "joints_vis" in entry else np.all(joints > 0, axis=1)
            yield Annotated(
                entry.get("image") or entry["img_paths"],
                np.asarray(entry.get("center", entry.get("objpos")), float),
                float(entry.get("scale", entry.get("scale_provided"))),
                joints[:, :2] * seen[:, None],
            )


def _from_matlab(path: Path) -> Iterator[Annotated]:
    """The publisher's structure RELEASE; people without joints are passed over, fields may be absent or empty."""
    release = matlab.load(path, "RELEASE", struct_as_record=False, squeeze_me=True)["RELEASE"]
    for training, entry in zip(np.atleast_1d(release.img_train), np.atleast_1d(release.annolist), strict=True):
        for person in np.atleast_1d(getattr(entry, "annorect", [])) if training else []:
            one = _released(person, str(entry.image.name))
            if one is not None:
                yield one


def _released(person: Any, image: str) -> Annotated | None:
    points = getattr(getattr(person, "annopoints", None), "point", [])
    scale: Any = getattr(person, "scale", [])
    position: Any = getattr(person, "objpos", None)
    if not np.size(points) or not np.size(scale) or not np.size(getattr(position, "x", [])):
        return None
    joints = np.zeros((len(NAMES), 2))
    for point in np.atleast_1d(points):
        joints[int(point.id)] = point.x, point.y
    return Annotated(image, np.array([position.x, position.y], float), float(scale), joints)


_READERS: dict[str, Any] = {".h5": _from_hdf5, ".json": _from_json, ".mat": _from_matlab}
