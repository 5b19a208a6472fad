"""Checks of a whole configuration before anything is built: every component bound against its signature, and its plain
values against the types that stand there."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import SchemaError

from rscnet.config.build import forbidden, locate
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
    problems = [
        f"{path}: {text}"
        for path, text in found
        if not any(text == same and _copies(path, other) for other, same in found)
    ]
    named = [("input", path) for path in config.inputs()] + [(key, plain[key]) for key in ("boxes", "tracks")]
    problems += [f"{key}: no such file or folder: {path}" for key, path in named if path and not Path(path).exists()]
    if problems:
        raise UserError("\n".join(problems))


def _copies(path: str, other: str) -> bool:
    """Whether `path` is `other` again, further down in the tree: a node that others refer to is there often, but
    its mistake is told once, where the user wrote it."""
    words, others = path.split("."), other.split(".")
    return len(words) > len(others) and words[-1] == others[-1]


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
    is_task = path == "task" and target.startswith("rscnet.tasks.")  # a function, and never named by a file
    if not is_task and (problem := forbidden(target)):
        return [(f"{path}._target_", problem)]
    try:
        function: Callable[..., Any] = locate(target)
    except UserError as error:
        return [(f"{path}._target_", str(error))]
    parameters = _parameters(function)
    known = [name for name, p in parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    open_ended = not parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    problems = []
    for key in node.keys() - SPECIAL:
        if key in known:
            problems += _value_problems(f"{path}.{key}", parameters[key].annotation, node[key])
        elif not open_ended:
            problems.append((f"{path}.{key}", f"{target} has no such argument{suggest(key, known)}"))
    return sorted(problems)


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The parameters of a component, annotations as types where they can be looked up; empty where none are shown."""
    for evaluated in (True, False):
        try:
            return inspect.signature(function, eval_str=evaluated).parameters
        except NameError:  # a type that is imported for type checkers only
            continue
        except (TypeError, ValueError):  # built-in constructors show no signature
            break
    return {}


def _value_problems(path: str, annotation: Any, value: Any) -> Iterator[tuple[str, str]]:
    """What is wrong with a value where a component wants `annotation`; nothing where it fits or nobody can tell."""
    if get_origin(annotation) is Mapping and isinstance(value, Mapping) and "_target_" not in value:
        for key, child in value.items():
            yield from _value_problems(f"{path}.{key}", get_args(annotation)[1], child)
    elif not (annotation is inspect.Parameter.empty or isinstance(annotation, str) or _holds_component(value)):
        try:
            adapter = TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True, allow_inf_nan=False))
            # as JSON: strict with numbers and words, while a list may stand for a tuple and text for a path
            adapter.validate_json(json.dumps(value), strict=True)
        except SchemaError:  # a protocol, which a component alone can be
            if value is not None or NoneType not in get_args(annotation):
                yield path, f"expected {_in_words(annotation)}, got {'null' if value is None else repr(value)}"
        except ValidationError:
            yield path, f"expected {_in_words(annotation)}, got {value!r}"
        except (PydanticUserError, TypeError):  # a type that pydantic does not know
            return


def _holds_component(value: Any) -> bool:
    if isinstance(value, Mapping):
        return "_target_" in value or any(_holds_component(child) for child in value.values())
    return isinstance(value, list) and any(_holds_component(child) for child in value)


def _in_words(annotation: Any) -> str:
    """A type as a user reads it, without the modules of its names."""
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(map(_in_words, get_args(annotation)))
    if get_origin(annotation) is Literal:
        return "one of " + ", ".join(map(repr, get_args(annotation)))
    if annotation is NoneType:
        return "null"
    return re.sub(r"\b[a-z_]\w*\.(?=[\w.])", "", inspect.formatannotation(annotation))
