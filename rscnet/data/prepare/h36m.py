"""Human3.6M's poses, boxes and videos to annotation files, as far as the site gives them out: no SMPL labels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from jaxtyping import Float

from rscnet.data.crops import SPIN_SCALE
from rscnet.data.npz import read_npz
from rscnet.data.prepare import matlab
from rscnet.data.prepare.frames import extract_frames
from rscnet.data.prepare.people import (
    ANNOTATION_17,
    MILLIMETRES,
    Origin,
    Person,
    PreparedSet,
    annotation_joints,
    box_around,
    require_count,
)  # fmt: skip
from rscnet.errors import UserError
from rscnet.pickles import reason_of

ORIGIN = Origin(
    "Human3.6M",
    "http://vision.imar.ro/human3.6m (registration): Poses D3 Positions mono and D2 Positions, Segments BBoxes MAT, "
    "Videos of S1, S5, S6, S7, S8 (training) and S9, S11 (tests)",
    "registration, academic use only",
    "S<n>/MyPoseFeatures/D3_Positions_mono/*.cdf (or .npz of Pose), S<n>/MyPoseFeatures/D2_Positions/*.cdf, "
    "S<n>/MySegmentsMat/ground_truth_bb/*.mat, S<n>/Videos/*.mp4 or images/S<n>_<action>.<camera>_000001.jpg",
)
SUBJECTS = {"train": (1, 5, 6, 7, 8), "valid": (9, 11)}
FRONTAL = "60457274"
"""The camera of protocol 2."""
# Places of the 17 joints among the 32 of the files.
OF_32 = [11, 6, 7, 8, 1, 2, 3, 12, 24, 14, 15, 17, 18, 19, 25, 26, 27]
MASK_MARGIN = 0.9  # the publisher's boxes are wide squares already


def read(raw: Path, split: str = "train", every: int = 5, extract: bool = False) -> Iterator[PreparedSet]:
    """`h36m_train_protocol1` for training; `h36m_valid_protocol1` and, of the frontal camera, `2` for tests.

    Boxes are the publisher's masks where they are there, else they are drawn around the 2D joints.

    Args:
        raw: the folder.
        split: train or valid.
        every: keeps one frame in so many.
        extract: takes the kept frames out of the videos into images/.

    Raises:
        UserError: poses or boxes are missing or damaged, or `every` is below 1.
    """
    require_count("every", every)
    folders = [raw / f"S{number}" / "MyPoseFeatures" / "D3_Positions_mono" for number in SUBJECTS[split]]
    there = [folder for folder in folders if folder.is_dir()]
    if not there:
        ORIGIN.require(folders[0], "folder of poses")
    people: list[Person] = []
    for folder in there:
        files = sorted(p for p in folder.iterdir() if p.name.endswith((".cdf", ".npz")) and not p.name.startswith("_"))
        for file in files:
            found = list(_sequence(raw, folder.parents[1], file, every))
            people += found
            if extract:
                video = folder.parents[1] / "Videos" / f"{file.stem}.mp4"
                extract_frames(video, {p.frame - 1: raw / p.imgname for p in found if p.frame is not None})
    absent = {f"subjects absent: {f.parents[1].name}": 1 for f in folders if f not in there}
    name = "h36m_train_protocol1" if split == "train" else "h36m_valid_protocol1"
    yield PreparedSet(name, people, raw, absent)
    if split == "valid":
        frontal = [person for person in people if f".{FRONTAL}_" in person.imgname]
        yield PreparedSet("h36m_valid_protocol2", frontal, raw, {"of other cameras": len(people) - len(frontal)})


def _sequence(raw: Path, subject: Path, file: Path, every: int) -> Iterator[Person]:
    words = file.stem.split(".")
    if len(words) != 2:
        raise UserError(f"{file}: expected a name such as 'Directions 1.54138969.cdf'")
    action, camera = words[0].replace(" ", "_"), words[1]
    poses = read_positions(file, 3)[:, OF_32] / MILLIMETRES
    flat = _beside(subject / "MyPoseFeatures" / "D2_Positions", file.stem)
    points = read_positions(flat, 2)[:, OF_32] if flat is not None else None
    masks = subject / "MySegmentsMat" / "ground_truth_bb" / f"{file.stem}.mat"
    if points is None and not masks.is_file():
        raise UserError(f"{masks}: no such boxes, nor D2_Positions; expected one of them: {ORIGIN.layout}")
    with ExitStack() as stack:
        count, mask = stack.enter_context(matlab.cells(masks, "Masks")) if masks.is_file() else (0, None)
        for i in range(0, len(poses), every):
            if mask is not None and i < count:
                center, scale = _mask_box(mask(i), f"{masks}: mask {i}")
            elif points is not None and i < len(points):
                center, scale = box_around(points[i])
            else:
                break  # the files of some sequences are of different lengths
            seen = points is not None and i < len(points)
            yield Person(
                imgname=f"images/{subject.name}_{action}.{camera}_{i + 1:06d}.jpg",
                center=center,
                scale=scale,
                part=annotation_joints(ANNOTATION_17, points[i]) if seen and points is not None else None,
                S=annotation_joints(ANNOTATION_17, poses[i] - poses[i, 0]),
                sequence=f"{subject.name}_{action}.{camera}",
                frame=i + 1,
            )


def _beside(folder: Path, stem: str) -> Path | None:
    return next((path for suffix in (".cdf", ".npz") if (path := folder / f"{stem}{suffix}").is_file()), None)


def _mask_box(mask: np.ndarray, origin: str) -> tuple[Float[np.ndarray, "2"], float]:
    rows, columns = np.nonzero(mask)
    if not len(rows):
        raise UserError(f"{origin}: is empty; expected the person's box")
    low, high = np.array([columns.min(), rows.min()]), np.array([columns.max() + 1, rows.max() + 1])
    return (low + high) / 2, MASK_MARGIN * float((high - low).max()) / SPIN_SCALE


def read_positions(path: Path, dimensions: int) -> Float[np.ndarray, "f 32 d"]:
    """The variable Pose of a CDF file, or of an npz: 32 joints a frame.

    Raises:
        UserError: cdflib is not installed, or a file that is damaged or of another shape.
    """
    expected = f"Pose, 32 joints of {dimensions} a frame"
    try:
        values = read_npz(path, expected, ["Pose"])["Pose"] if path.suffix == ".npz" else _cdf(path).varget("Pose")
        return np.asarray(values, float).reshape(-1, 32, dimensions)
    except UserError:
        raise
    except Exception as error:  # a damaged CDF file may fail in any way
        raise UserError(f"{path}: cannot be read ({reason_of(error)}); expected {expected}") from None


def _cdf(path: Path):
    try:
        import cdflib
    except ImportError:
        raise UserError(f"{path}: is a CDF file; expected cdflib to read it: pip install cdflib") from None
    return cdflib.CDF(path)
