"""MATLAB's files of both kinds, classic and v7.3 (HDF5), with the same axes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from rscnet.errors import UserError

_HDF5 = b"\x89HDF\r\n\x1a\n"
_HDF5_AT = (0, 512)  # MATLAB puts a block of its own before it


def is_hdf5(path: Path) -> bool:
    """Whether a file is HDF5, with MATLAB's header or without."""
    with path.open("rb") as file:
        head = file.read(_HDF5_AT[-1] + len(_HDF5))
    return any(head[at : at + len(_HDF5)] == _HDF5 for at in _HDF5_AT)


def load(path: Path, *names: str, **options: Any) -> dict[str, Any]:
    """Variables of a file, arrays with MATLAB's axes.

    Args:
        path: the file.
        names: of the variables.
        options: of `scipy.io.loadmat`, for classic files.

    Raises:
        UserError: the file is missing, damaged, or lacks a variable.
    """
    try:
        if is_hdf5(path):
            with hdf5(path) as file:
                found = {name: np.asarray(file[name]).T for name in names if name in file}
        else:
            found = loadmat(path, variable_names=names, **options)
    except (OSError, ValueError, TypeError, KeyError, EOFError, MatReadError, NotImplementedError) as error:
        raise UserError(f"{path}: cannot be read as a MATLAB file ({error}); expected it as downloaded") from None
    lacking = [name for name in names if name not in found]
    if lacking:
        raise UserError(f"{path}: {', '.join(lacking)}: missing; expected the variables {', '.join(names)}")
    return {name: found[name] for name in names}


@contextmanager
def cells(path: Path, name: str) -> Iterator[tuple[int, Callable[[int], np.ndarray]]]:
    """How many cells a cell array has, and the reader of one, with MATLAB's axes; of v7.3 only that one is read.

    Raises:
        UserError: as `load`.
    """
    if not path.is_file() or not is_hdf5(path):
        content = load(path, name)[name].ravel()
        yield len(content), lambda i: np.asarray(content[i])
        return
    with hdf5(path) as file:
        if name not in file:
            raise UserError(f"{path}: {name}: missing; expected a cell array of that name")
        content = np.asarray(file[name]).ravel()
        yield len(content), lambda i: np.asarray(file[content[i]]).T


@contextmanager
def hdf5(path: Path) -> Iterator[Any]:
    """An open HDF5 file.

    Raises:
        UserError: h5py is not installed, or the file is damaged.
    """
    try:
        import h5py
    except ImportError:
        raise UserError(f"{path}: is an HDF5 file; expected h5py to read it: pip install h5py") from None
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise UserError(f"{path}: cannot be read as HDF5 ({error}); expected it as downloaded") from None
    with file:
        yield file
