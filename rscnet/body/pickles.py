"""Arrays out of the pickles of licensed body files, written by Python 2 with numpy, scipy and chumpy, running none of
these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray
from scipy import sparse

from rscnet.errors import UserError
from rscnet.pickles import ARRAYS, Meanings, Note, load_notes, meaningless, npz_member, reason_of, value_of


def read_pickle(path: Path, names: Iterable[str]) -> dict[str, ndarray]:
    """The arrays that a pickled dictionary holds under `names`, sparse ones made dense; absent names are left out.

    Raises:
        UserError: the file names something that is not a numpy array, a scipy matrix or a chumpy object, is truncated
            or no pickle, holds no dictionary, or one of the arrays cannot be read.
    """
    content = load_notes(path, MEANINGS, "body file")
    if not isinstance(content, Mapping):
        raise UserError(f"{path}: holds a {type(content).__name__}, expected a dictionary of arrays")
    return {name: _read(content[name], name, path) for name in names if name in content}


def read_member(archive: np.lib.npyio.NpzFile, name: str, path: Path) -> ndarray:
    """A member of an npz; a sparse matrix that numpy could only keep as an object is made dense.

    Raises:
        UserError: as `read_pickle`.
    """
    content = npz_member(archive, name, path, MEANINGS, "body file")
    return _read(content.item() if content.dtype.hasobject and content.shape == () else content, name, path)


def _read(value: Any, name: str, path: Path) -> ndarray:
    try:
        array = np.asarray(value_of(value))
    except Exception as error:
        raise UserError(f"{path}: {name}: cannot be read as an array ({reason_of(error)})") from None
    if array.dtype.kind not in "biuf":
        raise UserError(f"{path}: {name}: holds {array.dtype}, expected an array of numbers")
    return array


def _sparse(note: Note) -> ndarray:
    state = note.state
    shape = state["_shape"] if "_shape" in state else state["shape"]
    if ".coo_" in note.origin:
        places = [state["row"], state["col"]] if "row" in state else value_of(state["coords"])
        places = tuple(np.asarray(value_of(place)) for place in places)
        return sparse.coo_matrix((np.asarray(value_of(state["data"])), places), shape=shape).toarray()
    kind = sparse.csc_matrix if ".csc_" in note.origin else sparse.csr_matrix
    parts = tuple(np.asarray(value_of(state[part])) for part in ("data", "indices", "indptr"))
    matrix = kind(parts, shape=shape)
    # scipy trusts indices, and would write wherever they point; of a matrix that ends at 0 it checks none
    matrix.check_format(full_check=True)
    if (np.diff(matrix.indptr) < 0).any():
        raise ValueError("starts of rows or columns that fall")
    return matrix.toarray()


def _reconstructed(note: Note) -> Any:
    made: Note = note.arguments[0]()
    made.state = note.state
    return value_of(made)


def _chumpy(note: Note) -> ndarray:
    state, name = note.state, note.origin.rpartition(".")[2]
    if name == "Ch":
        return np.asarray(value_of(state["x"]))
    if name == "Select":
        chosen = np.asarray(value_of(state["a"])).ravel()[np.asarray(value_of(state["idxs"]))]
        return chosen.reshape(value_of(state.get("preferred_shape", chosen.shape)))
    return meaningless(note)


MEANINGS: Meanings = {
    **ARRAYS,
    r"scipy\.sparse(\._?(cs[cr]|coo))?\.(cs[cr]|coo)_(matrix|array)": _sparse,
    r"chumpy(\.\w+)*": _chumpy,
    r"copy_?reg\._reconstructor": _reconstructed,
    # no array is made of these, but they stand beside one in the state of others
    r"(__builtin__|builtins)\.(object|set)": meaningless,
}
