"""What every prepare script does: read the raw folder, write annotation files, show where the pictures are, count."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int

from rscnet.data.annotations import write_annotations
from rscnet.data.image_stores import ImageFolder, usual_names
from rscnet.data.npz import read_npz
from rscnet.data.prepare.people import Origin, Person, PreparedSet
from rscnet.errors import UserError
from rscnet.failures import guarded
from rscnet.joints import SMPL_24

POSE = 3 * len(SMPL_24)
FLAGS = ("has_smpl", "valid_fit")
FITS = "SPIN's fits: pose, shape, has_smpl"
Reader = Callable[[argparse.Namespace], Iterable[PreparedSet]]


def arguments_for(origin: Origin, makes: str) -> argparse.ArgumentParser:
    """The command line that all scripts share; a script adds its own words.

    Args:
        origin: where the raw files come from.
        makes: the annotation files that the script writes.
    """
    parser = argparse.ArgumentParser(
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=f"{origin.title}: raw download to annotation files in SPIN's format (docs/data.md).\n\n"
        f"writes:  {makes}\nget:     {origin.url}\nlicence: {origin.licence}\nlayout:  {origin.layout}",
    )
    parser.add_argument("raw", type=Path, help="folder of the raw download")
    parser.add_argument("--out", type=Path, required=True, help="what paths.data names; is made where it is not")
    parser.add_argument(
        "--fits",
        type=Path,
        help="SPIN's fits of this set: its annotation file, or an npz or npy with rows in this order",
    )
    return parser


@guarded
def run(parser: argparse.ArgumentParser, reader: Reader, words: list[str] | None = None) -> None:
    """Reads, writes and counts."""
    given = parser.parse_args(words)
    if not given.raw.exists():
        raise UserError(f"{given.raw}: no such folder; expected the raw download, see --help")
    for prepared in reader(given):
        _write(prepared, given.out, given.fits)


def _write(prepared: PreparedSet, out: Path, fits: Path | None) -> None:
    path, columns = out / f"{prepared.name}.npz", prepared.columns()
    if fits is not None:
        columns |= read_fits(fits, prepared.people)
    write_annotations(path, columns)
    names = sorted(set(columns["imgname"].tolist()))
    print(f"{path}: {len(prepared.people)} people in {len(names)} pictures; fields {', '.join(columns)}")
    for reason, count in prepared.passed_over.items():
        print(f"  left out: {count} {reason}")
    pictures = ImageFolder(prepared.pictures)
    pictures.open(names)
    missing = [name for name in names if not pictures.path(name).is_file()]
    if missing:
        print(f"  pictures missing: {len(missing)} of {len(names)}, first {pictures.path(missing[0])}")
    _link(out, prepared)


def _link(out: Path, prepared: PreparedSet) -> None:
    """The pictures under the name that `data=spin` looks for, unless there are any; an earlier link is made anew."""
    link, target = out / prepared.name, prepared.pictures.resolve()
    before = _pictures(out, prepared.name)
    if (link.is_symlink() and link.resolve() != target) or before is None:
        try:
            link.unlink(missing_ok=True)
            link.symlink_to(target, target_is_directory=True)
        except OSError as error:
            print(f"  no link could be made ({error.strerror}): name the pictures by data.train.images or copy them")
            return
    used = _pictures(out, prepared.name) or link
    print(f"  pictures: {used}{f' -> {used.resolve()}' if used.is_symlink() else ' (there before)'}")


def _pictures(out: Path, name: str) -> Path | None:
    """What `data=spin` takes for the pictures of a set."""
    return next((out / usual for usual in usual_names(name) if (out / usual).exists()), None)


def read_fits(path: Path, people: Sequence[Person]) -> dict[str, np.ndarray]:
    """SPIN's fits of a set: `pose`, `shape` and `has_smpl`.

    Files that name their pictures, as SPIN's annotation files do, are matched by picture and nearest centre, and people
    whom they lack have no labels; of others the rows are those of the people.

    Args:
        path: an npz with `pose`, `shape` and `has_smpl` or `valid_fit`, or an npy of pose and shape side by side.
        people: of the set.

    Raises:
        UserError: no such file, or one of another kind or length.
    """
    content = _fields(path)
    pose, shape = content["pose"], content["shape"]
    flag = next((content[key] for key in FLAGS if key in content), np.ones(pose.shape[:1])).reshape(-1)
    names = content.get("imgname")
    count = len(people) if names is None else names.size
    shapes = (pose.shape, shape.shape, flag.shape)
    if shapes != ((count, POSE), (count, 10), (count,)):
        raise UserError(f"{path}: expected a pose of {POSE} and a shape of 10 for each of {count} people, got {shapes}")
    if names is None:
        return {"pose": pose, "shape": shape, "has_smpl": flag.astype(np.uint8)}
    if content.get("center", names).shape != (count, 2):
        raise UserError(f"{path}: center: expected two numbers for each of the {count} people of imgname")
    rows = _matches(names.ravel(), content["center"], people)
    return {"pose": pose[rows], "shape": shape[rows], "has_smpl": (flag[rows] * (rows >= 0)).astype(np.uint8)}


def _fields(path: Path) -> dict[str, np.ndarray]:
    if path.suffix != ".npy":
        return read_npz(path, FITS, ["pose", "shape"], [*FLAGS, "imgname", "center"])
    try:
        rows = np.load(path, allow_pickle=False)
        return {"pose": rows[:, :POSE], "shape": rows[:, POSE:]}
    except (OSError, ValueError, EOFError, IndexError) as error:
        raise UserError(f"{path}: cannot be read ({error}); expected {FITS}") from None


def _matches(names: np.ndarray, centers: np.ndarray, people: Sequence[Person]) -> Int[np.ndarray, "n"]:
    """For each person the row with the same picture and the nearest centre, -1 without one."""
    by_name: dict[str, list[int]] = {}
    for row, name in enumerate(names.tolist()):
        by_name.setdefault(str(name), []).append(row)
    found = np.full(len(people), -1)
    for i, person in enumerate(people):
        rows = by_name.get(person.imgname, [])
        if rows:
            found[i] = rows[int(np.argmin(np.abs(centers[rows] - person.center).sum(axis=1)))]
    return found
