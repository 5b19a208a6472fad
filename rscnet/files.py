"""Files on disk: whole, or not there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

SHIPPED = Path(__file__).resolve().parent / "weights"  # of the package, found by name


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside the target and rename, so that no reader ever sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
