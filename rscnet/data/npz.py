"""Arrays of npz files: whole and named, or one message; nothing in them is ever run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from rscnet.errors import UserError
from rscnet.files import write_atomically
from rscnet.pickles import reason_of


def read_npz(
    path: Path, expected: str, needed: Collection[str] = (), optional: Collection[str] | None = ()
) -> dict[str, np.ndarray]:
    """The named arrays of an npz; no others are read, and nothing is unpickled.

    Args:
        path: the file.
        expected: what it should be and what to do where it is not; ends every message.
        needed: arrays that it must have.
        optional: arrays that are read where it has them; None reads all.

    Raises:
        UserError: the file is missing, damaged or another kind of file, or lacks a needed array.
    """
    try:
        content = np.load(path, allow_pickle=False)
        if not isinstance(content, np.lib.npyio.NpzFile):
            raise UserError(f"{path}: holds a single array; expected {expected}")
        with content:
            lacking = [name for name in needed if name not in content]
            if lacking:
                raise UserError(f"{path}: {', '.join(lacking)}: missing; expected {expected}")
            wanted = content.files if optional is None else {*needed, *optional}
            return {name: content[name] for name in content.files if name in wanted}
    except UserError:
        raise
    except Exception as error:  # zip, header and compression fail each in their own way
        reason = error.strerror if isinstance(error, OSError) and error.strerror else reason_of(error)
        raise UserError(f"{path}: cannot be read ({reason}); expected {expected}") from None


def write_npz(path: Path, arrays: Mapping[str, np.ndarray], compressed: bool = True) -> None:
    """Writes named arrays, the file whole or not at all.

    Raises:
        OSError: a folder that cannot be written.
    """
    save = np.savez_compressed if compressed else np.savez

    def write(file: Path) -> None:
        with open(file, "wb") as handle:  # numpy would add .npz to another name
            save(handle, **arrays)  # type: ignore[arg-type]

    write_atomically(path, write)
