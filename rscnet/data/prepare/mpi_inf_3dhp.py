"""MPI-INF-3DHP's training sequences and test set to annotation files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float

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
    count_reasons,
    inside,
    picture_size,
    require_count,
)  # fmt: skip
from rscnet.errors import UserError

ORIGIN = Origin(
    "MPI-INF-3DHP",
    "https://vcai.mpi-inf.mpg.de/3dhp-dataset (get_dataset.sh, get_testset.sh)",
    "non-commercial research",
    "S<1-8>/Seq<1-2>/annot.mat with imageSequence/video_<n>.avi or imageFrames/video_<n>/frame_000001.jpg; "
    "mpi_inf_3dhp_test_set/TS<1-6>/annot_data.mat with imageSequence/img_000001.jpg",
)
SUBJECTS, SEQUENCES, CAMERAS = range(1, 9), (1, 2), (0, 1, 2, 4, 5, 6, 7, 8)  # cameras at the height of the chest
# Places of the 17 joints, Human3.6M's order, among the 28 of annot.mat and the 17 of annot_data.mat.
OF_28 = [4, 18, 19, 20, 23, 24, 25, 3, 5, 6, 7, 9, 10, 11, 14, 15, 16]
OF_TEST = [14, 11, 12, 13, 8, 9, 10, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]
JOINTS_28 = 28
TRAINING_SIZE = (2048, 2048)
TEST_SIZES = {5: (1920, 1080), 6: (1920, 1080)}  # the outdoor ones; the others as in training


def read_train(raw: Path, every: int = 10, extract: bool = False) -> Iterator[PreparedSet]:
    """Training people whose joints all lie in the picture.

    Args:
        raw: the folder.
        every: keeps one in so many of them, as SPIN does.
        extract: takes the kept frames out of the videos into imageFrames/.

    Raises:
        UserError: annotations are missing or damaged, or a video, or `every` is below 1.
    """
    require_count("every", every)
    folders = [raw / f"S{subject}" / f"Seq{number}" for subject in SUBJECTS for number in SEQUENCES]
    there = [folder for folder in folders if (folder / "annot.mat").is_file()]
    if not there:
        ORIGIN.require(folders[0] / "annot.mat", "annotation file")
    kept, outside = [], 0
    seen = 0
    for folder in there:
        for camera, people in _cameras(folder, raw):
            visible = [person for person in people if isinstance(person, Person)]
            chosen = [person for i, person in enumerate(visible, seen) if i % every == 0]
            seen, outside = seen + len(visible), outside + len(people) - len(visible)
            kept += chosen
            if extract:
                frames = {p.frame - 1: raw / p.imgname for p in chosen if p.frame is not None}
                extract_frames(folder / "imageSequence" / f"video_{camera}.avi", frames)
    reasons = {"with joints outside the picture": outside, f"between every {every}th": seen - len(kept)}
    absent = {f"sequences absent, first {folders[i]}": len(folders) - len(there) for i in _first(folders, there)}
    yield PreparedSet("mpi_inf_3dhp_train", kept, raw, {k: n for k, n in (reasons | absent).items() if n})


def read_test(raw: Path) -> Iterator[PreparedSet]:
    """Valid frames of the test set whose joints all lie in the picture, 3D joints in the universal skeleton.

    Raises:
        UserError: annotations are missing or damaged.
    """
    nested = [raw, raw / "mpi_inf_3dhp_test_set", raw / "mpi_inf_3dhp_test_set" / "mpi_inf_3dhp_test_set"]
    files = [file for folder in nested for file in sorted(folder.glob("TS*/annot_data.mat"))]
    if not files:
        ORIGIN.require(nested[1] / "TS1" / "annot_data.mat", "annotation file")
    found = [person for file in files for person in _test_sequence(file, raw)]
    people = [person for person in found if isinstance(person, Person)]
    yield PreparedSet("mpi_inf_3dhp_test", people, raw, count_reasons(p for p in found if isinstance(p, str)))


def _first(folders: list[Path], there: list[Path]) -> list[int]:
    return [i for i, folder in enumerate(folders) if folder not in there][:1]


def _cameras(folder: Path, raw: Path) -> Iterator[tuple[int, list[Person | str]]]:
    """The frames of each camera; a text for one that cannot be used."""
    file = folder / "annot.mat"
    for camera in CAMERAS:
        points, joints = (_of_camera(file, name, camera, d)[:, OF_28] for name, d in (("annot2", 2), ("annot3", 3)))
        pictures = (folder / "imageFrames" / f"video_{camera}").relative_to(raw).as_posix()
        sequence = f"{folder.parent.name}_{folder.name}_{camera}"
        yield (
            camera,
            [
                _person(f"{pictures}/frame_{i + 1:06d}.jpg", points[i], joints[i], TRAINING_SIZE, sequence, i + 1)
                for i in range(min(len(points), len(joints)))
            ],
        )


def _of_camera(file: Path, name: str, camera: int, dimensions: int) -> Float[np.ndarray, "f 28 d"]:
    with matlab.cells(file, name) as (count, cell):
        if camera >= count:
            return np.zeros((0, JOINTS_28, dimensions))
        try:
            return np.asarray(cell(camera), float).reshape(-1, JOINTS_28, dimensions)
        except ValueError as error:
            raise UserError(f"{file}: {name}: camera {camera}: {error}; expected 28 joints a frame") from None


def _test_sequence(file: Path, raw: Path) -> Iterator[Person | str]:
    annotations = matlab.load(file, "annot2", "univ_annot3", "valid_frame")
    points, joints = (np.asarray(annotations[name], float) for name in ("annot2", "univ_annot3"))
    valid = np.asarray(annotations["valid_frame"]).ravel() > 0
    if points.shape != (2, 17, 1, len(valid)) or joints.shape != (3, 17, 1, len(valid)):
        raise UserError(f"{file}: expected annot2 of 2 x 17 x 1 x {len(valid)} and univ_annot3 of 3 x ..., got "
                        f"{points.shape} and {joints.shape}")  # fmt: skip
    folder = file.parent / "imageSequence"
    pictures = sorted(folder.glob("img_*"))
    if pictures:
        size = picture_size(pictures[0])
    else:
        size = TEST_SIZES.get(int(file.parent.name.removeprefix("TS")), TRAINING_SIZE)
    for i in range(len(valid)):
        if not valid[i]:
            yield "in frames that are not valid"
            continue
        name = (folder / f"img_{i + 1:06d}.jpg").relative_to(raw).as_posix()
        yield _person(name, points[:, OF_TEST, 0, i].T, joints[:, OF_TEST, 0, i].T, size, file.parent.name, i + 1)


def _person(
    imgname: str,
    points: Float[np.ndarray, "17 2"],
    joints: Float[np.ndarray, "17 3"],
    size: tuple[int, int],
    sequence: str,
    frame: int,
) -> Person | str:
    if not inside(points, *size).all():
        return "with joints outside the picture"
    center, scale = box_around(points)
    centred = (joints - joints[0]) / MILLIMETRES
    return Person(
        imgname=imgname,
        center=center,
        scale=scale,
        part=annotation_joints(ANNOTATION_17, points),
        S=annotation_joints(ANNOTATION_17, centred),
        sequence=sequence,
        frame=frame,
    )
