"""A moving skeleton as BVH (Biovision hierarchy): y up, centimetres, rotations as Euler angles in degrees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from rscnet.files import write_atomically
from rscnet.joints import SMPL_24, SMPL_PARENTS

CENTIMETRES = 100.0
ORDER = "ZXY"  # of the channels: R = Rz Rx Ry, the order that most programs write
END = 0.5  # length of the last bones over that of the bones before them


def write_bvh(
    path: str | Path,
    joints: Float[np.ndarray, "24 3"],
    quaternions: Float[np.ndarray, "t 24 4"],
    pelvis: Float[np.ndarray, "t 3"],
    fps: float,
) -> None:
    """Write SMPL's 24 joints over time.

    Args:
        path: where to write; an existing file is replaced in one step.
        joints: of the rest pose in metres (y up).
        quaternions: (w, x, y, z) of the joints relative to their parents, the pelvis' in a frame with y up.
        pelvis: its place in metres in that frame.
        fps: frames per second.
    """
    order = list(_depth_first(0))
    angles = Rotation.from_quat(np.roll(quaternions[:, order], -1, axis=-1).reshape(-1, 4)).as_euler(
        ORDER, degrees=True
    )
    rows = np.concatenate([CENTIMETRES * pelvis, angles.reshape(len(pelvis), -1)], axis=1)
    lines = ["HIERARCHY", *_joint(0, joints, 0), "MOTION", f"Frames: {len(rows)}", f"Frame Time: {1 / fps:.8f}"]
    lines += [" ".join(f"{value:.5f}" for value in row) for row in rows]
    write_atomically(Path(path), lambda file: file.write_text("\n".join(lines) + "\n"))


def _children(joint: int) -> list[int]:
    return [other for other, parent in enumerate(SMPL_PARENTS) if parent == joint]


def _depth_first(joint: int) -> Iterator[int]:
    yield joint
    for child in _children(joint):
        yield from _depth_first(child)


def _joint(joint: int, joints: Float[np.ndarray, "24 3"], depth: int) -> Iterator[str]:
    """Lines of a joint and everything below it."""
    tab, parent = "  " * depth, SMPL_PARENTS[joint]
    offset = joints[joint] - (joints[parent] if parent >= 0 else joints[joint])
    turns = " ".join(f"{axis}rotation" for axis in ORDER)
    places = "Xposition Yposition Zposition "
    yield f"{tab}{'ROOT' if parent < 0 else 'JOINT'} {SMPL_24[joint]}"
    yield f"{tab}{{"
    yield f"{tab}  OFFSET {_numbers(offset)}"
    yield f"{tab}  CHANNELS {6 if parent < 0 else 3} {places if parent < 0 else ''}{turns}"
    for child in _children(joint):
        yield from _joint(child, joints, depth + 1)
    if not _children(joint):
        yield from (f"{tab}  End Site", f"{tab}  {{", f"{tab}    OFFSET {_numbers(END * offset)}", f"{tab}  }}")
    yield f"{tab}}}"


def _numbers(metres: Float[np.ndarray, "3"]) -> str:
    return " ".join(f"{CENTIMETRES * value:.5f}" for value in metres)
