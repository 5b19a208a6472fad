"""SMPL's own licensed files, as their owners provide them, in the structure of the embedded body (`docs/smpl.md`)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from jaxtyping import Float, Integer
from numpy import ndarray
from scipy.spatial import KDTree

from rscnet.body.assets import BodyAssets
from rscnet.body.model import BodyModel
from rscnet.body.pickles import read_member, read_pickle
from rscnet.errors import UserError
from rscnet.joints import SMPL_PARENTS

GENDERS = {"neutral": "neutral", "male": "m", "female": "f"}
SUBFOLDERS = ("", "smpl", "models", "smpl/models", "models/smpl")
SHAPES = {
    "v_template": (6890, 3), "f": (13776, 3), "weights": (6890, 24), "shapedirs": (6890, 3, 10),
    "posedirs": (6890, 3, 207), "J_regressor": (24, 6890), "kintree_table": (2, 24),
}  # fmt: skip
SYMMETRY = "vert_sym_idxs"
EXTRAS = {"J_regressor_h36m.npy": (17, 6890), "J_regressor_extra.npy": (9, 6890)}
MEAN_FILE, MEAN_SHAPES = "smpl_mean_params.npz", {"pose": (144,), "shape": (10,), "cam": (3,)}
UV_PATTERN = r".*uv.*\.obj"

SMPL_SOURCE = "SMPL for Python 1.1.0 from https://smpl.is.tue.mpg.de (free registration)"
SPIN_SOURCE = "SPIN's data release, http://visiondata.cis.upenn.edu/spin/data.tar.gz"


def smpl_body(folder: str | None, gender: str = "neutral") -> BodyModel:
    """The licensed body for Hydra's `_target_`; see `load_smpl`.

    Raises:
        UserError: no folder is given, or what `load_smpl` raises.
    """
    if folder is None:
        unset = "paths.smpl: missing; body=smpl expects paths.smpl=<folder>, see docs/smpl.md"
        raise UserError("\n".join([unset, *(_what_to_get("<paths.smpl>", name, gender) for name in _needed(gender))]))
    return BodyModel(load_smpl(folder, gender))


def load_smpl(folder: str | Path, gender: str = "neutral") -> BodyAssets:
    """Body assets from a folder with SMPL's official files and the extras that SPIN published for them.

    Of the shape space the first ten directions are used. `mirror` is the file's own table where it has one, else the
    vertex nearest to the mirrored one: SMPL's mesh is not exactly symmetric. `vt` and `ft` are empty where the folder
    has no UV.

    Args:
        folder: holds the files itself or in `smpl/`, `models/` or one inside the other.
        gender: neutral, male or female.

    Raises:
        UserError: missing files, all at once, one line each with their source; or the first file that is damaged,
            hostile or not what its name says.
    """
    files = SmplFolder(folder)
    paths = files.collect(gender)
    arrays, mean = read_model(paths[gender]), read_mean(paths[MEAN_FILE])
    uv = files.find(UV_PATTERN)
    vt, ft = (np.zeros((0, 2), np.float32), np.zeros((0, 3), np.int64)) if uv is None else read_uv(uv, arrays["f"])
    symmetry = arrays.pop(SYMMETRY, None)
    return BodyAssets(
        **arrays,
        vt=vt,
        ft=ft,
        mirror=nearest_mirror(arrays["v_template"]) if symmetry is None else symmetry,
        part_labels=arrays["weights"].argmax(1),
        **{Path(name).stem: read_regressor(paths[name], shape) for name, shape in EXTRAS.items()},
        mean_pose=mean["pose"],
        mean_shape=mean["shape"],
        mean_cam=mean["cam"],
    )


class SmplFolder:
    """Where the licensed files lie; names are matched in any spelling of upper and lower case."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).expanduser()
        places = [self.folder / name for name in SUBFOLDERS]
        self._files = [path for place in places if place.is_dir() for path in sorted(place.iterdir())]

    def find(self, pattern: str) -> Path | None:
        """The first file whose name matches a regular expression."""
        return next((path for path in self._files if re.fullmatch(pattern, path.name, re.IGNORECASE)), None)

    def find_model(self, gender: str) -> Path | None:
        """The model of one gender: a converted file before a pickle, a newer pickle before an older one."""
        official = [rf"basicmodel_{GENDERS[gender]}_lbs_10_207_0_v1\.{minor}\.0\.pkl" for minor in (1, 0)]
        found = (self.find(pattern) for pattern in (rf"smpl_{gender}\.npz", *official, rf"smpl_{gender}\.pkl"))
        return next((path for path in found if path is not None), None)

    def collect(self, gender: str) -> dict[str, Path]:
        """The files that a body needs: the model under its gender, the others under their names.

        Raises:
            UserError: one line for each missing file: which, from where, and where to put it.
        """
        model, *others = _needed(gender)
        found = {model: self.find_model(gender)} | {name: self.find(re.escape(name)) for name in others}
        problems = [] if self.folder.is_dir() else [f"paths.smpl: no such folder: {self.folder}"]
        problems += [_what_to_get(self.folder, name, gender) for name, path in found.items() if path is None]
        if problems:
            raise UserError("\n".join(problems))
        return {name: path for name, path in found.items() if path is not None}


def _needed(gender: str) -> list[str]:
    """The model by its gender, then the names of the other files."""
    if gender not in GENDERS:
        raise UserError(f"body.gender: expected one of {', '.join(GENDERS)}, got {gender!r}")
    return [gender, *EXTRAS, MEAN_FILE]


def _what_to_get(folder: str | Path, name: str, gender: str) -> str:
    """The line that names a missing file, its source and its place."""
    official = f"basicmodel_{GENDERS[gender]}_lbs_10_207_0_v1.1.0.pkl"
    model = f"{official} (or its v1.0.0, SMPL_{gender.upper()}.pkl, SMPL_{gender.upper()}.npz)"
    file, source = (model, SMPL_SOURCE) if name == gender else (name, SPIN_SOURCE)
    return f"{folder}: missing {file}; get {source} and put the file there"


def read_model(path: Path) -> dict[str, ndarray]:
    """SMPL's arrays from one model file, npz or pickle, checked and cut to ten shape directions; the table of mirrored
    vertices too, where the file has one. Floats are float32, integers int64, the root's parent is -1.

    Raises:
        UserError: a damaged or hostile file, or one that holds another body than SMPL.
    """
    names = (*SHAPES, SYMMETRY)
    arrays = _read_npz(path, names) if path.suffix.lower() == ".npz" else read_pickle(path, names)
    missing = [name for name in SHAPES if name not in arrays]
    if missing:
        raise UserError(f"{path}: arrays {missing} are missing; expected an SMPL model, get {SMPL_SOURCE}")
    arrays["shapedirs"] = arrays["shapedirs"][..., : SHAPES["shapedirs"][-1]]
    checked = {name: _checked(arrays[name], shape, f"{path}: {name}") for name, shape in SHAPES.items()}
    checked["f"] = _checked_indices(checked["f"], f"{path}: f")
    checked["kintree_table"] = checked["kintree_table"].astype(np.int64)
    checked["kintree_table"][0, 0] = -1  # the file says 2**32 - 1
    if tuple(checked["kintree_table"][0]) != SMPL_PARENTS:
        raise UserError(f"{path}: kintree_table: joints are not connected as SMPL's are; get {SMPL_SOURCE}")
    if SYMMETRY in arrays:
        place = f"{path}: {SYMMETRY}"
        checked[SYMMETRY] = _checked_indices(_checked(arrays[SYMMETRY].ravel(), (6890,), place), place)
    return checked


def read_regressor(path: Path, shape: tuple[int, ...]) -> Float[ndarray, "j 6890"]:
    """A joint regressor from an npy file.

    Raises:
        UserError: a damaged file, or one of another shape.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path}: not a readable npy file ({error}); get {SPIN_SOURCE}") from None
    return _checked(array, shape, str(path))


def read_mean(path: Path) -> dict[str, ndarray]:
    """Mean pose (24 x 6D), shape and camera from SPIN's file.

    Raises:
        UserError: a damaged file, or one that lacks an array.
    """
    arrays = _read_npz(path, MEAN_SHAPES)
    missing = [name for name in MEAN_SHAPES if name not in arrays]
    if missing:
        raise UserError(f"{path}: arrays {missing} are missing; get {SPIN_SOURCE}")
    return {name: _checked(arrays[name].ravel(), shape, f"{path}: {name}") for name, shape in MEAN_SHAPES.items()}


def read_uv(path: Path, faces: Integer[ndarray, "f 3"]) -> tuple[Float[ndarray, "t 2"], Integer[ndarray, "f 3"]]:
    """UV coordinates (v upwards) and, per face corner of the model, their indices, from an OBJ of the same mesh.

    The OBJ may list the faces in another order, or begin them at another corner.

    Raises:
        UserError: an OBJ without UV, that cannot be read, or of another mesh.
    """
    try:
        words = [line.split() for line in path.read_text("utf-8").splitlines()]
        vt = np.array([line[1:3] for line in words if line[:1] == ["vt"]], np.float32).reshape(-1, 2)
        corners = [[corner.split("/")[:2] for corner in line[1:]] for line in words if line[:1] == ["f"]]
        vertex, uv = np.moveaxis(np.array(corners, np.int64), 2, 0) - 1
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not an OBJ of triangles with UV ({error}); expected SMPL's own UV map") from None
    own, other = _by_vertex(faces), _by_vertex(vertex)
    same = vertex.shape == faces.shape and np.array_equal(
        np.take_along_axis(faces, own[1], 1)[own[0]], np.take_along_axis(vertex, other[1], 1)[other[0]]
    )
    if not same or uv.min() < 0 or uv.max() >= len(vt):
        raise UserError(f"{path}: its faces are not those of SMPL's mesh; expected the UV map from {SMPL_SOURCE}")
    ft = np.empty_like(uv)
    ft[own[0][:, None], own[1][own[0]]] = np.take_along_axis(uv, other[1], 1)[other[0]]
    return vt, ft


def nearest_mirror(vertices: Float[ndarray, "v 3"]) -> Integer[ndarray, "v"]:
    """For each vertex the one nearest to its mirror image across x = 0."""
    return np.asarray(KDTree(vertices).query(vertices * np.array([-1, 1, 1]))[1], np.int64)


def _by_vertex(faces: Integer[ndarray, "f 3"]) -> tuple[Integer[ndarray, "f"], Integer[ndarray, "f 3"]]:
    """The order of faces, and of the corners of each, by vertex number."""
    corner = np.argsort(faces, axis=1)
    return np.lexsort(np.take_along_axis(faces, corner, 1).T[::-1]), corner


def _read_npz(path: Path, names: tuple[str, ...] | dict[str, tuple[int, ...]]) -> dict[str, ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: read_member(archive, name, path) for name in names if name in archive.files}
    except UserError:
        raise
    except Exception as error:  # zip, header and compression fail each in their own way
        hint = "expected an npz of plain arrays; scripts/convert_smpl.py writes one from the licensed pickle"
        raise UserError(f"{path}: cannot be read ({error}); {hint}") from None


def _checked(array: ndarray, shape: tuple[int, ...], place: str) -> ndarray:
    if array.shape != shape:
        raise UserError(f"{place}: has shape {array.shape}, expected SMPL's {shape}; is it another body's file?")
    if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
        raise UserError(f"{place}: expected finite numbers only; is the file damaged?")
    return np.ascontiguousarray(array, np.float32 if array.dtype.kind == "f" else np.int64)


def _checked_indices(array: ndarray, place: str) -> Integer[ndarray, "..."]:
    if array.min() < 0 or array.max() >= SHAPES["v_template"][0]:
        raise UserError(f"{place}: numbers vertices that do not exist; is the file damaged?")
    return array.astype(np.int64)
