"""Arrays out of the pickles of licensed body files, written by Python 2 with numpy, scipy and chumpy, running none of
these: every object that a file describes becomes a note of what it names and holds, and notes are read as data."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy import ndarray
from scipy import sparse

from rscnet.errors import UserError


class Note:
    """What a pickle says of one object: the arguments that it is made from and its state. Doing so runs nothing."""

    origin: ClassVar[str]
    meaning: ClassVar[Callable[[Note], Any]]  # reads the note
    arguments: tuple[Any, ...]
    state: Any

    def __new__(cls, *arguments: Any) -> Note:
        note = object.__new__(cls)
        note.arguments, note.state = arguments, None
        return note

    def __setstate__(self, state: Any) -> None:
        self.state = state


def read_pickle(path: Path, names: Iterable[str]) -> dict[str, ndarray]:
    """The arrays that a pickled dictionary holds under `names`, sparse ones made dense; absent names are left out.

    Raises:
        UserError: the file names something that is not a numpy array, a scipy matrix or a chumpy object, is truncated
            or no pickle, holds no dictionary, or one of the arrays cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = _NotingUnpickler(file, path).load()
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
    except Exception as error:  # a damaged pickle may fail in any way
        raise UserError(f"{path}: not a whole pickle ({_reason(error)}); expected the file as downloaded") from None
    if not isinstance(content, Mapping):
        raise UserError(f"{path}: holds a {type(content).__name__}, expected a dictionary of arrays")
    return {name: _read(content[name], name, path) for name in names if name in content}


class _NotingUnpickler(pickle.Unpickler):
    """Every global that a file names is looked up in `MEANINGS`, never imported."""

    def __init__(self, file: Any, path: Path) -> None:
        super().__init__(file, encoding="latin1")
        self._path = path

    def find_class(self, module: str, name: str, /) -> type[Note]:
        origin = f"{module}.{name}"
        for pattern, meaning in MEANINGS.items():
            if re.fullmatch(pattern, origin):
                return type("Note", (Note,), {"origin": origin, "meaning": staticmethod(meaning)})
        raise UserError(
            f"{self._path}: refused, it calls for {origin!r}, which no body file needs; nothing was run; "
            "expected the file as downloaded from its publisher"
        )


def _read(value: Any, name: str, path: Path) -> ndarray:
    try:
        array = np.asarray(_value(value))
    except Exception as error:
        raise UserError(f"{path}: {name}: cannot be read as an array ({_reason(error)})") from None
    if array.dtype.kind not in "biuf":
        raise UserError(f"{path}: {name}: holds {array.dtype}, expected an array of numbers")
    return array


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _value(item: Any) -> Any:
    """What a note stands for; anything else stands for itself."""
    return type(item).meaning(item) if isinstance(item, Note) else item


def _bytes(raw: Any) -> bytes:
    raw = _value(raw)
    return raw.encode("latin1") if isinstance(raw, str) else bytes(raw)


def _encoded(note: Note) -> bytes:
    return _bytes(note.arguments[0]) if note.arguments else b""


def _dtype(note: Note) -> np.dtype:
    code = note.arguments[0]
    # an object type would make pointers of what the file holds
    if not isinstance(code, str) or not re.fullmatch(r"[biufc]\d{1,2}", code):
        raise ValueError(f"elements of type {code!r}")
    return np.dtype(code).newbyteorder(note.state[1] if note.state else "=")


def _array(note: Note) -> ndarray:
    *_, shape, dtype, fortran, raw = note.state
    return np.ndarray(shape, _value(dtype), _bytes(raw), order="F" if fortran else "C")


def _buffered_array(note: Note) -> ndarray:
    raw, dtype, shape, order = note.arguments[:4]
    return np.ndarray(shape, _value(dtype), _bytes(raw), order=order)


def _scalar(note: Note) -> ndarray:
    dtype, raw = note.arguments
    return np.ndarray((), _value(dtype), _bytes(raw))


def _sparse(note: Note) -> ndarray:
    state = note.state
    kind = sparse.csc_matrix if ".csc_" in note.origin else sparse.csr_matrix
    parts = tuple(np.asarray(_value(state[part])) for part in ("data", "indices", "indptr"))
    matrix = kind(parts, shape=state["_shape"] if "_shape" in state else state["shape"])
    matrix.check_format(full_check=True)  # scipy trusts indices, and would write wherever they point
    return matrix.toarray()


def _reconstructed(note: Note) -> Any:
    made: Note = note.arguments[0]()
    made.state = note.state
    return _value(made)


def _chumpy(note: Note) -> ndarray:
    state, name = note.state, note.origin.rpartition(".")[2]
    if name == "Ch":
        return np.asarray(_value(state["x"]))
    if name == "Select":
        chosen = np.asarray(_value(state["a"])).ravel()[np.asarray(_value(state["idxs"]))]
        return chosen.reshape(_value(state.get("preferred_shape", chosen.shape)))
    return _meaningless(note)


def _meaningless(note: Note) -> Any:
    raise ValueError(f"{note.origin} is not known to hold one")


MEANINGS: dict[str, Callable[[Note], Any]] = {
    r"numpy\._?core\.multiarray\._reconstruct": _array,
    r"numpy\._?core\.multiarray\.scalar": _scalar,
    r"numpy\._?core\.numeric\._frombuffer": _buffered_array,
    r"numpy\.dtype": _dtype,
    r"numpy\.ndarray": _meaningless,
    r"scipy\.sparse(\._?cs[cr])?\.cs[cr]_(matrix|array)": _sparse,
    r"chumpy(\.\w+)*": _chumpy,
    r"_codecs\.encode|(__builtin__|builtins)\.bytes": _encoded,
    r"copy_?reg\._reconstructor": _reconstructed,
    # no array is made of these, but they stand beside one in the state of others
    r"(__builtin__|builtins)\.(object|set)": _meaningless,
}
