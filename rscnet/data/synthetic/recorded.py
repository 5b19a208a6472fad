"""Recorded motions as a source for embedded clips: AMASS' npz (z up) and 3DPW's sequence pickles (their poses only).

Nothing of them ships; docs/video.md says where users get them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation, Slerp

from rscnet.body.pickles import MEANINGS
from rscnet.data.npz import read_npz
from rscnet.data.synthetic.motion import Motion
from rscnet.data.synthetic.poses import forward_kinematics
from rscnet.errors import UserError
from rscnet.pickles import load_notes, reason_of, value_of

BODY = 22  # joints before the hands, which SMPL, SMPL+H and SMPL-X share
RATES = ("mocap_framerate", "mocap_frame_rate")  # SMPL+H's files, SMPL-X's files
PW3D_FPS = 30.0
AS_DOWNLOADED = "a file of AMASS or 3DPW as downloaded"
LIFTED = 0.05  # metres that the lowest joint rises in a step without leaving the ground
SPLITS = {"train": ("train",), "val": ("validation", "val"), "test": ("test",)}
Z_UP = np.array([0.0, 0.0, 1.0])
NAMES = ("recorded", "recorded", "recorded", "recorded")  # in place of library entries


@dataclass(frozen=True)
class Recording:
    """One person's motion with y up: axis-angles of SMPL's 24 joints, translation in metres, frames per second."""

    poses: Float[np.ndarray, "t 24 3"]
    translation: Float[np.ndarray, "t 3"]
    fps: float


class RecordedMotions:
    """Passages of recordings below a folder.

    Args:
        folder: holds `*.npz` of AMASS or `*.pkl` of 3DPW at any depth; other npz (AMASS' shapes) are passed over.
        split: "train", "val" or "test". A folder with subfolders `train`, `validation` and `test` says itself what
            belongs to each; otherwise every tenth file is validation's and the next one test's.
    """

    def __init__(self, folder: str | None, split: str) -> None:
        self.folder, self.split = None if folder is None else Path(folder), split

    def missing(self) -> list[str]:
        """What is lacking, a line for each."""
        if self.folder is None:
            return ["paths.motions: not set; expected a folder of AMASS' npz or 3DPW's pkl files, see docs/video.md"]
        if not self.files():
            return [f"{self.folder}: no motions of the {self.split} split; expected AMASS' npz or 3DPW's pkl files"]
        return []

    def files(self) -> list[Path]:
        """The split's files, sorted."""
        assert self.folder is not None
        given = [self.folder / name for name in SPLITS[self.split] if (self.folder / name).is_dir()]
        if given:
            return _motion_files(given[0])
        found = _motion_files(self.folder)
        place = {"val": 8, "test": 9}.get(self.split)
        return [path for i, path in enumerate(found) if (i % 10 == place if place else i % 10 < 8)]

    @property
    def digest(self) -> str:
        """Names and sizes of the files, which clips made of them depend on."""
        listed = "\n".join(f"{path.relative_to(self.folder or '.')} {path.stat().st_size}" for path in self.files())
        return hashlib.blake2b(listed.encode(), digest_size=6).hexdigest()

    def passage(
        self, random: np.random.Generator, rest_joints: Float[np.ndarray, "24 3"], frames: int, fps: float
    ) -> Motion:
        """A passage of some recording, drawn by `random`.

        Raises:
            UserError: a damaged file, or no recording that is long enough.
        """
        files = self.files()
        for number in random.permutation(len(files)):
            long_enough = [r for r in read_recordings(files[number]) if len(r.poses) / r.fps >= frames / fps]
            if long_enough:
                recording = long_enough[int(random.integers(len(long_enough)))]
                start = random.uniform(0, len(recording.poses) / recording.fps - frames / fps)
                return as_motion(recording, rest_joints, start + np.arange(frames) / fps)
        raise UserError(f"{self.folder}: no recording of the {self.split} split is {frames / fps:.1f} seconds long")


def read_recordings(path: Path) -> list[Recording]:
    """Everybody's motion in one file; none in an npz that holds no poses.

    Raises:
        UserError: a damaged file, or one whose fields do not fit together.
    """
    try:
        return _pickled(path) if path.suffix == ".pkl" else _archived(path)
    except UserError:
        raise
    except Exception as error:  # what a damaged file holds may fail in any way
        raise UserError(f"{path}: cannot be read ({reason_of(error)}); expected {AS_DOWNLOADED}") from None


def as_motion(recording: Recording, rest_joints: Float[np.ndarray, "24 3"], times: Float[np.ndarray, "t"]) -> Motion:
    """The recording at these seconds, facing +z at the origin at first."""
    given = np.arange(len(recording.poses)) / recording.fps
    times = times.clip(0, given[-1])
    poses = np.stack(
        [Slerp(given, Rotation.from_rotvec(recording.poses[:, joint]))(times).as_rotvec() for joint in range(24)], 1
    )
    way = np.stack([np.interp(times, given, recording.translation[:, axis]) for axis in range(3)], 1)
    root = Rotation.from_rotvec(poses[:, 0])
    ahead = root[0].apply([0.0, 0.0, 1.0])
    turn = Rotation.from_euler("y", -np.arctan2(ahead[0], ahead[2]))
    poses[:, 0] = (turn * root).as_rotvec()
    lowest = way[:, 1] + [forward_kinematics(pose, rest_joints)[:, 1].min() for pose in poses]
    travel = turn.apply(way - way[0]) * [1.0, 0.0, 1.0]
    airborne = (lowest - lowest.min() - LIFTED).clip(min=0)
    return Motion("recorded", poses, travel, airborne, NAMES)


def _motion_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in (".npz", ".pkl") and path.name != "shape.npz")


def _archived(path: Path) -> list[Recording]:
    """AMASS: `poses` of SMPL, SMPL+H or SMPL-X, z up; hands are left at rest."""
    content = read_npz(path, AS_DOWNLOADED, optional=("poses", "trans", *RATES))
    if "poses" not in content:
        return []
    rate = next((float(content[name]) for name in RATES if name in content), 0.0)
    poses, translation = np.asarray(content["poses"], float), np.asarray(content.get("trans", ()), float)
    if not rate > 0 or poses.ndim != 2 or poses.shape[1] < 3 * BODY or translation.shape != (len(poses), 3):
        raise UserError(
            f"{path}: expected poses (t, 66 or more), trans (t, 3) and mocap_framerate above 0, "
            f"got {poses.shape}, {translation.shape} and {rate}"
        )
    return [_upright(poses, translation, rate, Z_UP)]


def _pickled(path: Path) -> list[Recording]:
    """3DPW: everybody's `poses` and `trans`, in a world whose axis nearest to the people's spines points up."""
    content = load_notes(path, MEANINGS, "3DPW sequence")
    if not isinstance(content, Mapping) or not {"poses", "trans"} <= content.keys():
        raise UserError(f"{path}: poses, trans: missing; expected a sequence of 3DPW as downloaded")
    people: list[Any] = [
        [np.array(value_of(rows), float) for rows in value_of(content[name])] for name in ("poses", "trans")
    ]
    spine = np.mean([Rotation.from_rotvec(poses[:, :3]).apply([0.0, 1.0, 0.0]).mean(0) for poses in people[0]], axis=0)
    axis = int(np.abs(spine).argmax())
    up = np.eye(3)[axis] * np.sign(spine[axis])
    return [_upright(poses, way, PW3D_FPS, up) for poses, way in zip(*people, strict=True)]


def _upright(
    poses: Float[np.ndarray, "t c"], translation: Float[np.ndarray, "t 3"], fps: float, up: Float[np.ndarray, "3"]
) -> Recording:
    turn = Rotation.align_vectors(np.array([[0.0, 1.0, 0.0]]), up[None])[0]
    body = np.zeros((len(poses), 24, 3))
    body[:, :BODY] = poses[:, : 3 * BODY].reshape(-1, BODY, 3)
    body[:, 0] = (turn * Rotation.from_rotvec(body[:, 0])).as_rotvec()
    return Recording(body, turn.apply(translation), fps)
