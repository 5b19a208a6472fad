"""Body data in SMPL's format, extended by a UV atlas, part labels, joint regressors and mean parameters."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Integer
from numpy import ndarray

from rscnet.errors import UserError

EMBEDDED_FILE = "assets/embedded_body.npz"


@dataclass(frozen=True)
class BodyAssets:
    """Everything that a body model is made of.

    Lengths are metres in SMPL's rest frame: y up, +x the subject's left, z the facing direction. Names and layouts are
    those of SMPL's own file (Loper et al. 2015), so that licensed and embedded bodies fill the same structure.

    `kintree_table` holds parent and own index of the 24 joints, -1 for the root's parent. `vt` counts v upwards; `ft`
    indexes it per face corner; both are empty for a body without UV. `mirror[i]` is the vertex opposite to vertex i.
    `part_labels` is the SMPL joint that moves the vertex most. The regressors for Human3.6M's 17 and the nine extra
    joints follow `rscnet.joints`.
    `mean_pose` is 24 x 6D, each the first two columns of a rotation matrix, row by row (Zhou et al. 2019; spec 2.4),
    root included in the camera frame; `mean_cam` is weak perspective [s, tx, ty].
    """

    v_template: Float[ndarray, "v 3"]
    f: Integer[ndarray, "f 3"]
    weights: Float[ndarray, "v 24"]
    shapedirs: Float[ndarray, "v 3 10"]
    posedirs: Float[ndarray, "v 3 207"]
    J_regressor: Float[ndarray, "24 v"]
    kintree_table: Integer[ndarray, "2 24"]
    vt: Float[ndarray, "t 2"]
    ft: Integer[ndarray, "f 3"]
    mirror: Integer[ndarray, "v"]
    part_labels: Integer[ndarray, "v"]
    J_regressor_h36m: Float[ndarray, "17 v"]
    J_regressor_extra: Float[ndarray, "9 v"]
    mean_pose: Float[ndarray, "144"]
    mean_shape: Float[ndarray, "10"]
    mean_cam: Float[ndarray, "3"]

    SMPL_KEYS: ClassVar[tuple[str, ...]] = (
        "v_template", "f", "weights", "shapedirs", "posedirs", "J_regressor", "kintree_table",
    )  # fmt: skip

    def digest(self) -> str:
        """16 hexadecimal digits of everything that shapes, moves, divides or textures the body (not its mean)."""
        digest = hashlib.blake2b(digest_size=8)
        for field in sorted(fields(self), key=lambda field: field.name):
            if not field.name.startswith("mean_"):
                digest.update(field.name.encode() + np.ascontiguousarray(getattr(self, field.name)).tobytes())
        return digest.hexdigest()

    def smpl_dict(self) -> dict[str, Any]:
        """The keys of an SMPL model file, as plain arrays that smplx reads."""
        return {key: getattr(self, key) for key in self.SMPL_KEYS} | {"bs_style": "lbs", "bs_type": "lrotmin"}


def load_embedded() -> BodyAssets:
    """The body that ships inside the package (built by scripts/build_body.py, no licence but ours)."""
    return load_npz(Path(str(files("rscnet.body").joinpath(EMBEDDED_FILE))))


def load_npz(path: Path) -> BodyAssets:
    """Body assets from an npz file with one array per field of `BodyAssets`.

    Raises:
        UserError: the file is missing or lacks a field.
    """
    if not path.is_file():
        raise UserError(f"{path}: body file not found; rebuild it with `python scripts/build_body.py`")
    names = [field.name for field in fields(BodyAssets)]
    with np.load(path, allow_pickle=False) as archive:
        missing = sorted(set(names) - set(archive.files))
        if missing:
            raise UserError(f"{path}: arrays {missing} are missing; rebuild it with `python scripts/build_body.py`")
        return BodyAssets(**{name: _widened(archive[name]) for name in names})


def _widened(array: ndarray) -> ndarray:
    """Storage types back to the ones that computations use: float32 and int64."""
    return array.astype(np.float32 if array.dtype.kind == "f" else np.int64)
