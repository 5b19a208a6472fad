"""Strict loading and safe saving of weights; nothing here ever unpickles code."""

from __future__ import annotations

import fnmatch
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from rscnet.errors import UserError
from rscnet.files import write_atomically
from rscnet.models.normalisation import BY_SCALE, ScaleNorm

State = dict[str, Tensor]
Allowed = Mapping[str, Sequence[str]]
"""Patterns of keys that may be `missing` in a file, all or none of each pattern's, or `unexpected` by the network, as
`init_allow` gives them."""

# Names under which other programs keep the weights inside a checkpoint: Lightning, the official releases.
WRAPPERS = ("state_dict", "model", "model_state_dict")
LISTED = 8


class _Aside:
    """Stands for what programs save beside weights, such as numbers of NumPy and arguments: none of it is made."""

    def __new__(cls, *_: Any) -> _Aside:
        return object.__new__(cls)

    def __setstate__(self, _: Any) -> None:
        return


ASIDE = [
    *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
    *("numpy.ndarray", "numpy.dtype", "_codecs.encode", "argparse.Namespace", "pathlib.PosixPath"),
]


def load_weights(path: str | Path) -> tuple[State, dict[str, Any]]:
    """Weights and metadata of a `.safetensors` file or of a torch checkpoint (`.ckpt`, `.pt`, bare or wrapped).

    Everything is loaded to the CPU. Metadata are what the file holds beside the weights.

    Raises:
        UserError: a file that is missing, damaged, holds code, or holds no weights.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: there is no such weights file; check the path")
    try:
        state, metadata = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    except pickle.UnpicklingError as error:
        called = re.search(r"GLOBAL (\S+) was not", str(error))
        what = f"it calls for {called[1]}" if called else "expected .ckpt, .pt or .safetensors"
        raise UserError(f"{path}: holds more than plain weights or is damaged, and is not loaded ({what})") from error
    except Exception as error:  # a damaged file may fail in any way
        raise UserError(f"{path}: damaged or not a weights file ({_first_line(error)}); fetch it again") from error
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"{path}: holds no state dict (a mapping of names to tensors)")
    return state, metadata


def _read_safetensors(path: Path) -> tuple[State, dict[str, Any]]:
    with safe_open(path, framework="pt", device="cpu") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118


def _read_torch(path: Path) -> tuple[State, dict[str, Any]]:
    if zipfile.is_zipfile(path):  # torch compares no checksums: a flipped bit would be a wrong weight
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():
                raise ValueError(f"wrong checksum of {damaged}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a damaged file torch has more to say than one line
        with torch.serialization.safe_globals([(_Aside, name) for name in ASIDE]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(content, Mapping):
        raise ValueError("not a mapping")
    for wrapper in WRAPPERS:
        if isinstance(content.get(wrapper), Mapping):
            return dict(content[wrapper]), {name: value for name, value in content.items() if name != wrapper}
    return dict(content), {}


def load_strict(module: nn.Module, state: Mapping[str, Tensor], source: str | Path = "state dict") -> None:
    """Load a state dict that must fit the module exactly; the module is untouched if it does not.

    Raises:
        UserError: missing, unexpected or mis-shaped keys, listed.
    """
    expected = module.state_dict()
    missing = [name for name in expected if name not in state]
    unexpected = [name for name in state if name not in expected]
    shaped = [
        f"{name} {list(state[name].shape)} instead of {list(expected[name].shape)}"
        for name in expected
        if name in state and state[name].shape != expected[name].shape
    ]
    faults = [("missing", missing), ("unexpected", unexpected), ("of another shape", shaped)]
    if any(names for _, names in faults):
        listed = "; ".join(f"{len(names)} {kind}: {shortened(names)}" for kind, names in faults if names)
        raise UserError(f"{source}: weights do not fit {type(module).__name__}: {listed}")
    module.load_state_dict(state)


def save_safetensors(path: str | Path, module: nn.Module, metadata: Mapping[str, str], half: bool = False) -> None:
    """Write a module's state dict; the file appears complete or not at all.

    With `half` matrices and kernels are rounded to float16; vectors and batch normalisation keep their type.
    """
    # safetensors refuses tensors that share memory
    state = {name: value.detach().cpu().clone().contiguous() for name, value in module.state_dict().items()}
    if half:
        norms = [place for place, part in module.named_modules() if isinstance(part, ScaleNorm)]
        kept = {f"{place}.{name}".lstrip(".") for place in norms for name in BY_SCALE}
        state = {name: value if value.ndim < 2 or name in kept else value.half() for name, value in state.items()}
    write_atomically(Path(path), lambda partial: save_file(state, partial, metadata=dict(metadata)))


def absent_parts(
    expected: Iterable[str], present: Iterable[str], patterns: Sequence[str], source: str | Path
) -> list[str]:
    """The expected keys that are not present and need not be: a pattern stands for a part that is absent as a whole.

    Raises:
        UserError: a part that is there, but not all of it.
    """
    present = set(present)
    missing = [key for key in expected if key not in present]
    whole = [pattern for pattern in patterns if not any(matches(key, [pattern]) for key in present)]
    absent = [key for key in missing if matches(key, whole)]
    torn = [key for key in missing if key not in absent and matches(key, patterns)]
    if torn:
        raise UserError(
            f"{source}: {len(torn)} missing: {shortened(torn)}; the file holds other keys of their part, and "
            "init_allow.missing lets a part be missing only as a whole; name these keys in it if they may be new"
        )
    return absent


def matches(key: str, patterns: Sequence[str]) -> bool:
    """Whether a key fits one of the patterns, `*` standing for anything."""
    return any(fnmatch.fnmatchcase(key, pattern) for pattern in patterns)


def shortened(names: Iterable[str]) -> str:
    """The first few names, and how many more there are."""
    names = list(names)
    rest = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + rest


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__
