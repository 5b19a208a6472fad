"""Files in the formats of SMPL's licensed ones, with the embedded body inside: what Python 2 would have written."""

import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from rscnet.body import BodyAssets

MODEL = "basicModel_neutral_lbs_10_207_0_v1.0.0.pkl"


class Ch:
    """A chumpy object as it is pickled: its attributes, some of them of its own bookkeeping."""

    def __init__(self, x: Any) -> None:
        self.__dict__.update(x=x, _dirty_vars=set(), _itr=None, _depends_on_deps={}, _make_dense=False)


class Select:
    """chumpy's view of some elements of another object."""

    def __init__(self, a: Any, idxs: Any, preferred_shape: Any) -> None:
        self.__dict__.update(a=a, idxs=idxs, preferred_shape=preferred_shape, _dirty_vars=set(), _itr=None)


Ch.__module__, Select.__module__ = "chumpy.ch", "chumpy.reordering"
MODULES_OF_PYTHON_2 = {
    "numpy._core.multiarray": "numpy.core.multiarray", "scipy.sparse._csc": "scipy.sparse.csc",
    "scipy.sparse._csr": "scipy.sparse.csr", "copyreg": "copy_reg", "builtins": "__builtin__",
}  # fmt: skip


class Python2Pickler(pickle._Pickler):  # type: ignore[name-defined]
    """Writes text and bytes alike as Python 2's strings, and modules by their old names, importable here or not."""

    dispatch = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def save_string(self, obj: bytes | str) -> None:
        raw = obj.encode("latin1") if isinstance(obj, str) else obj
        self.write(b"T" + struct.pack("<i", len(raw)) + raw if self.bin else b"S" + repr(raw)[1:].encode() + b"\n")
        self.memoize(obj)

    def save_global(self, obj: Any, name: str | None = None) -> None:
        module = obj.__module__
        self.write(f"c{MODULES_OF_PYTHON_2.get(module, module)}\n{name or obj.__qualname__}\n".encode())
        self.memoize(obj)

    dispatch[bytes], dispatch[str], dispatch[type] = save_string, save_string, save_global


def write_python2_pickle(path: Path, content: Any, protocol: int = 2) -> Path:
    """Pickles as Python 2 did."""
    with path.open("wb") as file:
        Python2Pickler(file, protocol).dump(content)
    return path


def model_content(assets: BodyAssets) -> dict[str, Any]:
    """The dictionary of an official SMPL file, chumpy and scipy objects where these have them."""
    padded = np.concatenate([assets.shapedirs, np.ones((6890, 3, 2), np.float32)], axis=2)  # more than ten directions
    kintree = assets.kintree_table.astype(np.uint32)  # wraps the root's parent to 2 ** 32 - 1
    return {
        "v_template": Ch(assets.v_template.astype(np.float64)), "f": assets.f.astype(np.uint32),
        "weights": assets.weights.astype(np.float64), "posedirs": Ch(assets.posedirs),
        "shapedirs": Select(Ch(padded), np.arange(padded.size), padded.shape),
        "J_regressor": sparse.csc_matrix(assets.J_regressor.astype(np.float64)), "kintree_table": kintree,
        "bs_style": "lbs", "bs_type": "lrotmin", "pose_training_info": {"gender": "neutral"},
    }  # fmt: skip


def write_extras(folder: Path, assets: BodyAssets, uv: bool = True) -> None:
    """SPIN's regressors and mean parameters, and the UV map."""
    np.save(folder / "J_regressor_h36m.npy", assets.J_regressor_h36m.astype(np.float64))
    np.save(folder / "J_regressor_extra.npy", assets.J_regressor_extra.astype(np.float64))
    mean = {"pose": assets.mean_pose, "shape": assets.mean_shape, "cam": assets.mean_cam}
    np.savez(folder / "smpl_mean_params.npz", **mean)
    if uv:
        # other order of faces and other first corners than the model's
        faces, corners = np.roll(assets.f[::-1], 1, axis=1) + 1, np.roll(assets.ft[::-1], 1, axis=1) + 1
        lines = [f"vt {u:.7f} {v:.7f}" for u, v in assets.vt.tolist()]
        pairs = zip(faces.tolist(), corners.tolist(), strict=True)
        lines += ["f " + " ".join(f"{v}/{t}" for v, t in zip(*pair, strict=True)) for pair in pairs]
        (folder / "smpl_uv.obj").write_text("\n".join(lines))


def write_smpl(folder: Path, assets: BodyAssets, uv: bool = True) -> Path:
    """A complete folder for `paths.smpl`."""
    write_python2_pickle(folder / MODEL, model_content(assets))
    write_extras(folder, assets, uv)
    return folder
