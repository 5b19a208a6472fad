"""An ablation's card says what it changes, and a run is refused whose name and effective difference disagree."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rscnet.errors import UserError

BASE = "base"
UNSEEN = ("ablation", "card")
"""Keys that name the ablation and change nothing."""


def check_ablation(
    tree: Mapping[str, Any], words: Sequence[str], compose: Callable[[list[str]], dict[str, Any]]
) -> None:
    """Compares a composed tree with that of the same command without its ablation.

    Args:
        tree: composed, interpolations not resolved, so that each change stands in one place.
        words: the command line that it came from.
        compose: makes such a tree out of a command line.

    Raises:
        UserError: the ablation has no card, or the card and the difference disagree; every key that does is named.
    """
    name = tree["ablation"]
    if name == BASE:
        return
    card = tree.get("card") or {}
    declared = card.get("changes")
    if not declared:
        raise UserError(f"ablation={name}: conf/ablation/{name}.yaml has no card.changes that say what it changes")
    without = [word for word in words if not word.startswith("ablation=")]
    found = difference(compose(without), tree)
    problems = [
        f"ablation={name}: its card says {key}={value}, but in this run it "
        + (f"is {found[key]}" if key in found else "is the same as without the ablation")
        for key, value in declared.items()
        if key not in found or found[key] != value
    ]
    problems += [
        f"ablation={name}: also changes {key} to {value}, which its card does not say"
        for key, value in found.items()
        if key not in declared
    ]
    if problems:
        raise UserError("\n".join(problems))


def difference(before: Mapping[str, Any], after: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Dotted keys whose values differ, with the value afterwards; of a key that is gone, None."""
    changed: dict[str, Any] = {}
    for key in dict.fromkeys([*before, *after]):
        full = f"{path}.{key}" if path else str(key)
        old, new = before.get(key), after.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            changed |= difference(old, new, full)
        elif old != new and full not in UNSEEN:
            changed[full] = new
    return changed
