"""What differs between configurations, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# who ran it, where, and how it is called: no difference between methods
ASIDE = frozenset(
    {
        "name",
        "ablation",
        "card",
        "group",
        "seed",
        "fresh",
        "paths",
        "input",
        "boxes",
        "output",
        "checkpoint",
        "logger",
        "threads",
    }
)
PLACES = frozenset({"cache_dir", "folder"})  # at any depth
ABSENT = object()


def differences(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Keys whose values differ, with the value of each configuration; a component that one lacks is one line.

    Nodes that others refer to stand in a composed tree several times; each difference is told once, where users set it.
    """
    trees = [{key: value for key, value in config.items() if key not in ASIDE} for config in configs]
    trees = [{**tree, "data": {**tree.get("data", {}), "seed": None}} for tree in trees]
    found = dict(_walk("", trees))
    repeated = {path for path in found for other in found if _refers(path, other) and [*found[path]] == [*found[other]]}
    return {path: values for path, values in found.items() if path not in repeated}


def _refers(path: str, other: str) -> bool:
    """Whether `path` is the copy of `other` inside a component that refers to it."""
    if path.startswith("model.objective."):
        return other == "loss." + path.removeprefix("model.objective.")
    return path != other and path.endswith("." + other)


def _walk(path: str, nodes: Sequence[Any]) -> list[tuple[str, list[str]]]:
    if all(isinstance(node, Mapping) for node in nodes):
        keys = dict.fromkeys(key for node in nodes for key in node if key not in PLACES)
        return [
            line
            for key in keys
            for line in _walk(f"{path}.{key}" if path else str(key), [node.get(key, ABSENT) for node in nodes])
        ]
    shown = [_shown(node) for node in nodes]
    return [] if all(node == nodes[0] for node in nodes) or len(set(shown)) == 1 else [(path, shown)]


def _shown(node: Any) -> str:
    if node is ABSENT or node is None:
        return "–"
    if isinstance(node, Mapping):
        if "_target_" in node:
            return str(node["_target_"]).rsplit(".", 1)[-1]
        return ", ".join(f"{key}={_shown(value)}" for key, value in node.items())
    return str(node)
