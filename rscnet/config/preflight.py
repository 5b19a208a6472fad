"""Checks of a whole configuration before anything is built: every component bound against its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hydra.utils import get_object

from rscnet.config.build import forbidden
from rscnet.config.schema import RunConfig, suggest
from rscnet.errors import UserError

SPECIAL = {"_target_", "_partial_", "_convert_", "_recursive_", "_args_"}


def preflight(config: RunConfig) -> None:
    """Binds each `_target_` against its signature and looks for the files that the run will read.

    Raises:
        UserError: every problem at once, one line each.
    """
    plain = config.plain()
    found = list(_component_problems(plain, ""))
    # a node that others refer to is in the tree several times; its mistake is told once, where the user wrote it
    problems = [
        f"{path}: {text}"
        for path, text in found
        if not any(path.endswith("." + other) and text == same for other, same in found)
    ]
    named = [("input", path) for path in config.inputs()] + [(key, plain[key]) for key in ("boxes", "tracks")]
    problems += [f"{key}: no such file or folder: {path}" for key, path in named if path and not Path(path).exists()]
    if problems:
        raise UserError("\n".join(problems))


def _component_problems(node: Any, path: str) -> Iterator[tuple[str, str]]:
    """Keys and what is wrong with them."""
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield from _signature_problems(node, path)
        for key, child in node.items():
            yield from _component_problems(child, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list):
        for i, child in enumerate(node):
            yield from _component_problems(child, f"{path}[{i}]")


def _signature_problems(node: Mapping[str, Any], path: str) -> list[tuple[str, str]]:
    target = str(node["_target_"])
    if problem := forbidden(target):
        return [(f"{path}._target_", problem)]
    try:
        function: Callable[..., Any] = get_object(target)
    except Exception as error:
        reason = str(error).splitlines()[0]
        return [(f"{path}._target_", f"cannot import '{target}': {reason}")]
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # built-in constructors show no signature
        return []
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return []
    known = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL]
    given = [key for key in node if key not in SPECIAL]
    return [
        (f"{path}.{key}", f"{target} has no such argument{suggest(key, known)}") for key in given if key not in known
    ]
