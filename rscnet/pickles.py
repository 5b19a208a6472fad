"""Pickles of others as data: every object that a file describes becomes a note of what it names and holds, and notes
are read, never run. A reader says which names it understands; a file that calls for any other is refused."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
from numpy import ndarray

from rscnet.errors import UserError

Meanings = Mapping[str, "Callable[[Note], Any]"]
"""Patterns of the names that a file may call for, with how a note of one is read."""


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


def load_notes(path: Path, meanings: Meanings, kind: str) -> Any:
    """What a pickle holds, with a note for each object that is not a plain Python value.

    Args:
        path: the file.
        meanings: the names that it may call for.
        kind: what the file should be, for messages.

    Raises:
        UserError: the file calls for another name, is truncated, no pickle or cannot be opened.
    """
    try:
        with path.open("rb") as file:
            return load_notes_of(file, path, meanings, kind)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None


def load_notes_of(file: IO[bytes], path: Path, meanings: Meanings, kind: str) -> Any:
    """`load_notes` of a file that is open already; `path` names it in messages."""
    try:
        return _NotingUnpickler(file, path, meanings, kind).load()
    except (UserError, OSError):
        raise
    except Exception as error:  # a damaged pickle may fail in any way
        raise UserError(f"{path}: not a whole pickle ({reason_of(error)}); expected the file as downloaded") from None


def npz_member(archive: np.lib.npyio.NpzFile, name: str, path: Path, meanings: Meanings, kind: str) -> Any:
    """A member of an opened npz: the array, or where it holds objects what the notes of them stand for.

    Raises:
        UserError: it calls for another name than `meanings` has, or is damaged.
        ValueError: its header is damaged, or the meaning of a note is not there.
    """
    assert archive.zip is not None
    with archive.zip.open(f"{name}.npy") as file:
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        if not header(file)[2].hasobject:
            return archive[name]
        return value_of(load_notes_of(file, Path(f"{path}: {name}"), meanings, kind))


class _NotingUnpickler(pickle._Unpickler):
    """Every global that a file names is looked up in `meanings`, never imported.

    The one in Python, since that in C makes room for as many remembered objects as a damaged file says there are;
    bytearrays are read as bytes, since Python makes one of zeros first, as long as the file says.
    """

    dispatch = pickle._Unpickler.dispatch | {pickle.BYTEARRAY8[0]: pickle._Unpickler.dispatch[pickle.BINBYTES8[0]]}

    def __init__(self, file: Any, path: Path, meanings: Meanings, kind: str) -> None:
        super().__init__(file, encoding="latin1")
        self._path, self._meanings, self._kind = path, meanings, kind

    def find_class(self, module: str, name: str, /) -> type[Note]:
        origin = f"{module}.{name}"
        for pattern, meaning in self._meanings.items():
            if re.fullmatch(pattern, origin):
                return type("Note", (Note,), {"origin": origin, "meaning": staticmethod(meaning)})
        raise UserError(
            f"{self._path}: refused, it calls for {origin!r}, which no {self._kind} needs; nothing was run; "
            "expected the file as downloaded from its publisher"
        )


def reason_of(error: Exception) -> str:
    """An exception in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def value_of(item: Any) -> Any:
    """What a note stands for; anything else stands for itself."""
    return type(item).meaning(item) if isinstance(item, Note) else item


def as_bytes(raw: Any) -> bytes:
    """Raw bytes, of Python 2's strings too."""
    raw = value_of(raw)
    return raw.encode("latin1") if isinstance(raw, str) else bytes(raw)


def _encoded(note: Note) -> bytes:
    return as_bytes(note.arguments[0]) if note.arguments else b""


def _dtype(note: Note) -> np.dtype:
    code = note.arguments[0]
    if not isinstance(code, str) or not re.fullmatch(r"[biufcSUO]\d*", code.lstrip("|<>=")):
        raise ValueError(f"elements of type {code!r}")
    return np.dtype(code).newbyteorder(note.state[1] if note.state else "=")


def _from_bytes(shape: Any, dtype: Any, raw: Any, order: Any = "C") -> ndarray:
    dtype = value_of(dtype)
    # raw bytes of an object type would be taken for pointers
    if dtype.hasobject:
        raise ValueError("objects in the place of bytes")
    return np.ndarray(shape, dtype, as_bytes(raw), order=order)


def _array(note: Note) -> ndarray:
    *_, shape, dtype, fortran, raw = note.state
    if not value_of(dtype).hasobject:
        return _from_bytes(shape, dtype, raw, "F" if fortran else "C")
    if not isinstance(raw, list) or len(raw) != np.prod(shape, dtype=int):
        raise ValueError("an array of objects without a list of them")
    objects = np.empty(len(raw), object)
    for i, item in enumerate(raw):
        objects[i] = value_of(item)
    return objects.reshape(shape, order="F" if fortran else "C")


def _buffered_array(note: Note) -> ndarray:
    raw, dtype, shape, order = note.arguments[:4]
    return _from_bytes(shape, dtype, raw, order)


def _scalar(note: Note) -> ndarray:
    dtype, raw = note.arguments
    return _from_bytes((), dtype, raw)


def meaningless(note: Note) -> Any:
    """For names that a file may call for but that hold no value."""
    raise ValueError(f"{note.origin} is not known to hold one")


ARRAYS: Meanings = {
    r"numpy\._?core\.multiarray\._reconstruct": _array,
    r"numpy\._?core\.multiarray\.scalar": _scalar,
    r"numpy\._?core\.numeric\._frombuffer": _buffered_array,
    r"numpy\.dtype": _dtype,
    r"numpy\.ndarray": meaningless,
    r"_codecs\.encode|(__builtin__|builtins)\.(bytes|bytearray)": _encoded,
}
