"""The record schema of all data sets: annotation files in SPIN's format, one npz with a row for each person."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Int

from rscnet.data.npz import write_npz
from rscnet.errors import UserError
from rscnet.joints import ANNOTATION_24, OPENPOSE_25, SMPL_24
from rscnet.pickles import ARRAYS, npz_member, reason_of, value_of
from rscnet.structures import GENDERS

# Fields with the shape of a row; `maskname` and `partname` name pictures that nothing here reads.
ROWS: dict[str, tuple[int, ...]] = {
    "center": (2,),
    "scale": (),
    "part": (len(ANNOTATION_24), 3),
    "openpose": (len(OPENPOSE_25), 3),
    "pose": (len(SMPL_24) * 3,),
    "shape": (10,),
    "has_smpl": (),
    "S": (len(ANNOTATION_24), 4),
    "frame": (),
}
TEXTS = ("imgname", "gender", "sequence")
SAY_NOTHING = frozenset({"", ".", "/", "image", "images", "img", "frame", "imagefiles", "imagesequence", "imageframes"})
REQUIRED = ("imgname", "center", "scale")

# SPIN writes letters and, where it reads them, counts -1 (unknown), 0 (male), 1 (female).
_GENDERS = {word: i for i, name in enumerate(GENDERS) for word in (name, name[0])}
_GENDERS |= {"": 0, "-1": 0, "0": 1, "1": 2, "none": 0, "u": 0, "unknown": 0}
FOR_ALL = ("has_smpl", "gender")  # one value may stand for all rows


def read_annotations(path: Path, bad: dict[int, str] | None = None) -> dict[str, np.ndarray]:
    """The known fields of an annotation file; `gender` as positions in `GENDERS`, texts as texts.

    Arrays of objects are read without running what they call for.

    Args:
        path: the file.
        bad: where rows are noted whose numbers are not finite or whose box has no size; None refuses them.

    Raises:
        UserError: no npz, or a field that is missing, of another shape or kind, or not finite; names it.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            if not isinstance(content, np.lib.npyio.NpzFile):
                raise UserError(f"{path}: holds a single array, expected an npz with fields {', '.join(REQUIRED)}, ...")
            fields = {name: _field(content, name, path) for name in (*TEXTS, *ROWS) if name in content}
            for name in FOR_ALL:
                if name in fields and "imgname" in fields and fields[name].shape == (1,):
                    fields[name] = np.repeat(fields[name], len(fields["imgname"]))
    except UserError:
        raise
    except Exception as error:  # a damaged archive may fail in any way
        reason = reason_of(error)
        raise UserError(f"{path}: cannot be read as an npz ({reason}); expected a file in SPIN's format") from None
    _check_rows(fields, path, bad)
    _check_finite(fields, path, bad)
    if "gender" in fields:
        fields["gender"] = _genders(fields["gender"], path)
    return fields


def write_annotations(path: Path, fields: Mapping[str, np.ndarray]) -> None:
    """Writes a file that `read_annotations` reads, in place only when it is whole.

    Raises:
        UserError: fields that do not fit together, or a folder that cannot be written.
    """
    known = {name: np.asarray(values) for name, values in fields.items() if name in (*TEXTS, *ROWS)}
    _check_rows(known, path)
    try:
        write_npz(path, fields)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from None


def sequence_names(pictures: Sequence[str] | np.ndarray) -> np.ndarray:
    """What pictures of one sequence share: their path without the number of the frame, without folders that say nothing
    and without what all have in common."""
    parts = [_sequence_parts(PurePosixPath(str(name).replace("\\", "/"))) for name in pictures]
    differ = [len(set(words)) > 1 for words in zip(*parts, strict=False)]
    shared = differ.index(True) if any(differ) else 0
    return np.array(["/".join(words[shared:]) for words in parts])


def _sequence_parts(picture: PurePosixPath) -> tuple[str, ...]:
    stem = picture.stem.rstrip("0123456789").rstrip("_-.")
    return tuple(word for word in (*picture.parts[:-1], stem) if word.lower() not in SAY_NOTHING)


def _check_rows(fields: Mapping[str, np.ndarray], path: Path, bad: dict[int, str] | None = None) -> None:
    lacking = [name for name in REQUIRED if name not in fields]
    if lacking:
        raise UserError(f"{path}: {', '.join(lacking)}: missing; expected {', '.join(REQUIRED)} in SPIN's format")
    count = len(fields["imgname"])
    if not count:
        raise UserError(f"{path}: imgname: has no rows, expected one for each person")
    for name, values in fields.items():
        expected = (count, *ROWS.get(name, ()))
        if values.shape != expected:
            raise UserError(f"{path}: {name}: expected shape {expected}, a row for each imgname, got {values.shape}")
    for row in np.flatnonzero(~(fields["scale"] > 0)):
        _refuse(bad, int(row), f"{path}: scale: expected values above zero, row {row} is {fields['scale'][row]}")


def _refuse(bad: dict[int, str] | None, row: int, problem: str) -> None:
    if bad is None:
        raise UserError(problem)
    bad.setdefault(row, problem)


def _check_finite(fields: dict[str, np.ndarray], path: Path, bad: dict[int, str] | None) -> None:
    """Refuses what is not finite, but where it stands for what is not labelled: zeros take its place there."""
    for name, values in fields.items():
        if name in TEXTS or np.isfinite(values).all():
            continue
        if name in ("part", "openpose", "S"):
            unlabelled = ~(values[..., -1:] > 0)
        else:
            unlabelled = np.zeros(values.shape, bool)
            if name in ("pose", "shape") and "has_smpl" in fields:
                unlabelled[fields["has_smpl"] == 0] = True
        fields[name] = values = np.where(unlabelled & ~np.isfinite(values), 0, values)
        for row in np.unique(np.argwhere(~np.isfinite(values))[:, 0]):
            _refuse(bad, int(row), f"{path}: {name}: expected finite numbers, row {row} holds nan or infinity")


def _field(content: np.lib.npyio.NpzFile, name: str, path: Path) -> np.ndarray:
    values = npz_member(content, name, path, ARRAYS, "annotation file")
    if not isinstance(values, np.ndarray) or not (values.ndim or name in FOR_ALL):
        raise UserError(f"{path}: {name}: expected an array with a row for each person")
    values = np.atleast_1d(values)
    if values.dtype.hasobject:
        values = _plain_array(values, name, path)
    row = ROWS.get(name, ())
    if name == "shape" and values.ndim == 2:
        values = values[:, : row[0]]  # of a larger shape space the same first directions
    # as many numbers in other axes, such as 24 x 3 for 72 or one column for one value, are as good
    if values.shape != (len(values), *row) and values[:1].size == math.prod(row):
        values = values.reshape(len(values), *row)
    return _texts(values, name, path) if name in TEXTS else _numbers(values, name, path)


def _plain_array(objects: np.ndarray, name: str, path: Path) -> np.ndarray:
    """An array of objects, brought to the plain array that its rows make."""
    try:
        rows = [_plain(value) for value in objects]
        return np.array(["" if row is None and name in TEXTS else row for row in rows])
    except Exception:
        kind = "texts" if name in TEXTS else "numbers"
        raise UserError(f"{path}: {name}: holds objects, expected {kind}, the same number in each row") from None


def _plain(value: Any) -> Any:
    value = value_of(value)
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else np.asarray(value).tolist()


def _texts(values: np.ndarray, name: str, path: Path) -> np.ndarray:
    if name != "imgname" and values.dtype.kind in "biuf":
        return values.astype(np.int64).astype(str)
    if values.dtype.kind not in "US":
        raise UserError(f"{path}: {name}: expected texts, got {values.dtype}")
    values = np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values
    values.tolist()  # fails here on what is no Unicode
    return values


def _numbers(values: np.ndarray, name: str, path: Path) -> np.ndarray:
    if values.dtype.kind not in "biuf":
        raise UserError(f"{path}: {name}: expected numbers, got {values.dtype}")
    return values


def _genders(words: np.ndarray, path: Path) -> Int[np.ndarray, "n"]:
    found = np.array([_GENDERS.get(str(word).strip().lower(), -1) for word in words])
    if (found < 0).any():
        row = int(np.argmin(found))
        raise UserError(f"{path}: gender: expected m, f or n (or -1, 0, 1 as SPIN counts), row {row} is {words[row]!r}")
    return found
