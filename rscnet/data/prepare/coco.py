"""COCO's person keypoints (2014 or 2017) to annotation files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rscnet.data.boxes import box_problem, load_coco
from rscnet.data.crops import SPIN_SCALE
from rscnet.data.prepare.people import MARGIN, Origin, Person, PreparedSet, annotation_joints, count_reasons
from rscnet.errors import UserError
from rscnet.joints import COCO_17

ORIGIN = Origin(
    "COCO",
    "https://cocodataset.org (2014 Train images, 2014 Train/Val annotations)",
    "annotations CC BY 4.0; pictures under their Flickr authors' terms",
    "annotations/person_keypoints_<split>.json and pictures in <split>/, such as train2014/",
)
# COCO's hips stand for LSP's, as in SPIN.
NAMES = tuple(f"{name}_lsp" if name.endswith("_hip") else name for name in COCO_17)
LIMBS = slice(COCO_17.index("left_shoulder"), len(COCO_17))


def read(raw: Path, split: str | None = None, min_joints: int = 12) -> Iterator[PreparedSet]:
    """The sets of a raw folder.

    Args:
        raw: the folder, or one annotation file.
        split: such as train2014; by default all that are there.
        min_joints: a person counts who has so many of the 12 joints of arms and legs labelled.

    Raises:
        UserError: no annotation file, or a damaged one.
    """
    if raw.is_file():
        files, folder = [raw], raw.parent
    else:
        folder = raw
        pattern = f"person_keypoints_{split or '*'}.json"
        files = sorted([*raw.glob(f"annotations/{pattern}"), *raw.glob(pattern)])
        if not files:
            ORIGIN.require(raw / "annotations" / f"person_keypoints_{split or 'train2014'}.json", "annotation file")
    for file in files:
        yield _read_file(file, folder, min_joints)


def _read_file(file: Path, folder: Path, min_joints: int) -> PreparedSet:
    content = load_coco(file)
    split = file.stem.removeprefix("person_keypoints_")
    # `imgname` leads from the raw folder, as in SPIN's files
    in_folder = (folder / split).is_dir() or file.parent.name == "annotations"
    prefix = f"{split}/" if in_folder else ""
    images = [image for image in content["images"] if isinstance(image, Mapping)]
    names = {str(image.get("id")): prefix + str(image.get("file_name")).removeprefix(prefix) for image in images}
    people, reasons = [], []
    for i, entry in enumerate(content["annotations"]):
        try:
            person, reason = _person(entry, names, min_joints)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{file}: annotations[{i}]: {error!r}; expected COCO's keypoints of a person") from None
        people += [person] if person else []
        reasons.append(reason)
    return PreparedSet(set_name(split), people, folder, count_reasons(reasons))


def set_name(split: str) -> str:
    """coco_2014_train for train2014; other splits keep their name."""
    match = re.fullmatch(r"([a-z]+)(\d{4})", split)
    return f"coco_{match[2]}_{match[1]}" if match else f"coco_{split}"


def _person(entry: Mapping[str, Any], names: Mapping[Any, Any], min_joints: int) -> tuple[Person | None, str | None]:
    if entry.get("iscrowd"):
        return None, "crowds"
    keypoints = np.asarray(entry.get("keypoints") or np.zeros(3 * len(NAMES)), float).reshape(len(NAMES), 3)
    labelled = keypoints[:, 2] > 0
    if labelled[LIMBS].sum() < min_joints:
        return None, f"with fewer than {min_joints} joints of arms and legs labelled"
    if box_problem(entry["bbox"], None, None):
        return None, "without a box"
    left, top, width, height = (float(value) for value in entry["bbox"])
    return Person(
        imgname=names[str(entry["image_id"])],
        center=np.array([left + width / 2, top + height / 2]),
        scale=MARGIN * max(width, height) / SPIN_SCALE,
        part=annotation_joints(NAMES, keypoints[:, :2], labelled),
    ), None
