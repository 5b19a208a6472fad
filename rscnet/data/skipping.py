"""Samples that cannot be read: one clear error, or, with `data.skip_bad`, left out, counted and listed."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from rscnet.console import say
from rscnet.errors import UserError

SKIPPED = "skipped.txt"
MOST = 100  # bad samples in a row are no accident
_Read = TypeVar("_Read")


class SkipList:
    """The list of what was left out, each line once, in a file of the run folder that all processes share.

    Args:
        folder: of the run; without one nothing is written.
    """

    def __init__(self, folder: Path | None) -> None:
        self.path = None if folder is None else folder / SKIPPED
        self._told: set[str] = set()

    def note(self, problem: str) -> None:
        """Adds a line unless it is there."""
        if problem in self._told:
            return
        self._told.add(problem)
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.seek(0)
                if problem not in file.read().splitlines():
                    file.write(problem + "\n")


def read_or_next(read: Callable[[int], _Read], index: int, length: int, skipped: SkipList | None) -> _Read:
    """What `read` gives for an index; where it cannot be read and may be skipped, for the next one that can.

    What stands in depends on the index alone, so a run that is resumed sees the very same.

    Raises:
        UserError: what `read` raises, or too many in a row.
    """
    if skipped is None:
        return read(index)
    problems: list[str] = []
    for offset in range(min(length, MOST)):
        try:
            return read((index + offset) % length)
        except UserError as error:
            problems.append(str(error))
            skipped.note(problems[-1])
    raise UserError(f"data.skip_bad: {len(problems)} samples in a row cannot be read, the first: {problems[0]}")


def readable(read: Callable[[int], object], length: int, skipped: SkipList | None) -> Sequence[int]:
    """The indices that can be read: all of them without a look, or, where bad ones may be skipped, after reading all.

    Raises:
        UserError: none is left.
    """
    if skipped is None:
        return range(length)
    kept = []
    for index in range(length):
        try:
            read(index)
        except UserError as error:
            skipped.note(str(error))
        else:
            kept.append(index)
    if not kept:
        raise UserError(f"data.skip_bad: none of {length} samples can be read; see {skipped.path}")
    return kept


def tell_skipped(folder: Path) -> int:
    """How many samples a run has left out so far; says so where there are any."""
    path = folder / SKIPPED
    count = len(path.read_text().splitlines()) if path.exists() else 0
    if count:
        say(f"data.skip_bad: {count} left out, listed in {path}")
    return count
