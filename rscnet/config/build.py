"""The one place that turns configuration nodes into objects."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from rscnet.errors import UserError

# Nothing but classes of these packages and a few functions may be called, whatever a configuration says
ALLOWED_PREFIXES = ("rscnet.", "torch.optim.", "torch.nn.", "pytorch_lightning.", "torchmetrics.", "albumentations.")
# a weights file brings its own configuration, which may describe networks and bodies alone
SAVED_PREFIXES = ("rscnet.models.", "rscnet.body.", "rscnet.render.light.", "torch.nn.")
# other functions write files, or call what they are told to
FACTORIES = (
    "rscnet.body.model.embedded_body",
    "rscnet.body.licensed.smpl_body",
    "rscnet.models.rscnet.build_rscnet",
    "rscnet.trained.feature_network",
)


def locate(target: str) -> Any:
    """The object at a dotted name.

    Raises:
        UserError: there is none, with the nearest name, or its module cannot be imported.
    """
    parts = target.split(".")
    for end in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:end])
        try:
            found: Any = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name and f"{name}.".startswith(f"{error.name}."):
                continue
            raise UserError(f"cannot import '{name}': {error}") from None
        except Exception as error:
            raise UserError(f"cannot import '{name}': {type(error).__name__}: {error}") from error
        for part in parts[end:]:
            if not hasattr(found, part):
                near = difflib.get_close_matches(part, dir(found), n=1)
                hint = f", did you mean '{near[0]}'?" if near else ""
                raise UserError(f"cannot import '{target}': {name} has no '{part}'{hint}")
            found, name = getattr(found, part), f"{name}.{part}"
        return found
    raise UserError(f"cannot import '{target}': there is no module '{parts[0]}'")


def forbidden(target: object, packages: tuple[str, ...] = ALLOWED_PREFIXES) -> str | None:
    """Why a `_target_` may not be called, or None."""
    if str(target).startswith(packages) and _makes_components(str(target), packages):
        return None
    classes, functions = ", ".join(prefix + "*" for prefix in packages), ", ".join(_factories(packages))
    return f"'{target}' is not allowed; expected a class of {classes}, or one of {functions}"


def _factories(packages: tuple[str, ...]) -> list[str]:
    return [name for name in FACTORIES if name.startswith(packages)]


def _makes_components(target: str, packages: tuple[str, ...]) -> bool:
    """Whether a name leads to a class of an allowed package, not through one to what it imports, or to a factory."""
    try:
        found = locate(target)
    except UserError:  # no such thing: whoever builds it says so
        return True
    is_own = inspect.isclass(found) and f"{found.__module__}.".startswith(packages)
    return target in _factories(packages) or is_own


def check_targets(node: Any, path: str = "", packages: tuple[str, ...] = ALLOWED_PREFIXES) -> None:
    """Refuses a `_target_` outside the packages that may be named.

    Raises:
        UserError: names the key and the target.
    """
    if isinstance(node, Mapping):
        if "_target_" in node and (problem := forbidden(node["_target_"], packages)):
            raise UserError(f"{path or 'config'}._target_: {problem}")
        for key, child in node.items():
            check_targets(child, f"{path}.{key}" if path else str(key), packages)
    elif isinstance(node, list | tuple):
        for i, child in enumerate(node):
            check_targets(child, f"{path}[{i}]", packages)


def build(node: Mapping[str, Any], path: str = "", **arguments: Any) -> Any:
    """The object that a node with `_target_` describes, its children first.

    Args:
        node: a resolved configuration node.
        path: the node's key, for messages.
        arguments: further arguments of the constructor, which win over the node's.

    Raises:
        UserError: a target that is not allowed or cannot be constructed; the message names the key.
    """
    check_targets(node, path)
    try:
        if not arguments:
            return instantiate(dict(node), _convert_="all")
        # objects go in by a call of their own: instantiate would copy them and build what looks like a node in them
        return _call(instantiate({**node, "_partial_": True}, _convert_="all"), arguments)
    except InstantiationException as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, UserError):
                raise cause from None
            cause = cause.__cause__
        reason = " ".join(str(error.__cause__ or error).split())
        raise UserError(f"{path or node.get('_target_')}: cannot be built: {reason}") from error


def build_saved(node: Mapping[str, Any], path: str) -> Any:
    """The network or body that a weights file describes, which may name nothing else.

    Raises:
        UserError: as `build`.
    """
    check_targets(node, path, SAVED_PREFIXES)
    return build(node, path)


def _call(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """What the function returns; its failure is told as Hydra tells those of its own calls."""
    try:
        return function(**arguments)
    except Exception as error:
        raise InstantiationException(str(error)) from error
