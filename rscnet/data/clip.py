"""A motion clip: what is said of it at several resolutions beside the truth; side by side in batches, and in files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch

from rscnet.data.npz import read_npz, write_npz
from rscnet.errors import UserError
from rscnet.structures import TensorStruct
from rscnet.temporal.track import Track

_ARRAYS = [f"{part}.{f.name}" for part in ("views", "truth") for f in fields(Track)]
_FEATURES = [name for name in _ARRAYS if name.endswith(".feature")]


@dataclass(frozen=True)
class Clip(TensorStruct):
    """A clip seen `k` times at different resolutions, the first of them full, and what is true of it."""

    views: Track
    truth: Track


def stacked(tracks: Sequence[Track]) -> Track:
    """Tracks of one length side by side."""
    stacked: dict[str, Any] = {}
    for name in (f.name for f in fields(Track)):
        values = [getattr(track, name) for track in tracks]
        stacked[name] = None if values[0] is None else torch.stack(values)
    return Track(**stacked)


def collate(clips: Sequence[Clip], views: int) -> Clip:
    """Clips of one length side by side: views "k b t", truth "b t"."""
    return Clip(
        views=stacked([stacked([clip.views[view] for clip in clips]) for view in range(views)]),
        truth=stacked([clip.truth for clip in clips]),
    )


def write_clip(path: Path, clip: Clip) -> None:
    """Writes an npz, in place only when it is whole.

    Raises:
        UserError: a folder that cannot be written.
    """
    tensors = {name: attrgetter(name)(clip) for name in _ARRAYS}
    arrays = {name: tensor.numpy() for name, tensor in tensors.items() if tensor is not None}
    try:
        write_npz(path, arrays, compressed=False)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error}); see paths.cache") from None


def read_clip(path: Path) -> Clip:
    """A clip that `write_clip` wrote.

    Raises:
        UserError: a damaged file, with the folder to delete.
    """
    whole = f"a whole clip; delete {path.parent}, it will be made again"
    arrays = read_npz(path, whole, [name for name in _ARRAYS if name not in _FEATURES], _FEATURES)
    parts: dict[str, dict[str, Any]] = {"views": {}, "truth": {}}
    for key, value in arrays.items():
        part, name = key.split(".")
        parts[part][name] = torch.from_numpy(value)
    return Clip(Track(**parts["views"]), Track(**parts["truth"]))
