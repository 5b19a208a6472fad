"""What failures of the machine mean to a user: one line each, and what to do."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

from rscnet.errors import UserError

AGAIN = "the same command goes on from the last checkpoint"
_Words = ParamSpec("_Words")
_Result = TypeVar("_Result")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG)


def failure_line(error: BaseException, again: str = AGAIN) -> str | None:
    """The line for a failure that is the machine's or the user's and not ours; None for any other.

    Args:
        error: the failure.
        again: what follows when the disk has room again.
    """
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and error.errno in _FULL:
        return f"{error.filename or 'a file'}: the disk is full ({error.strerror}); make room, {again}"
    if isinstance(error, OSError) and error.errno in _REFUSED:
        return f"{error.filename}: cannot be read or written ({error.strerror}); expected a place that may be"
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in text:
        return (
            f"out of memory ({text[:120] or 'no reason given'}); lower curriculum.batch_scale, eval_batch_size or "
            f"workers; {AGAIN} where only workers or eval_batch_size were changed"
        )
    if isinstance(error, RuntimeError) and (found := re.search(r"DataLoader worker .*?exited unexpectedly", text)):
        return f"{found[0]}: a loader process died, often for want of memory; try fewer workers, {AGAIN}"
    if isinstance(error, RuntimeError) and (found := re.search(r"DataLoader worker \(pid \d+\) is killed.*?\.", text)):
        return f"{found[0]} A loader process died, often for want of memory; try fewer workers, {AGAIN}"
    return None


def lines_of(error: Exception, again: str = AGAIN) -> list[str]:
    """What the user is told of an error that ends the program; nothing where it is a fault of ours.

    A mistake that a loader process found comes without the stack trace that its loader adds.
    """
    if not isinstance(error, UserError):
        line = failure_line(error, again)
        return [] if line is None else [line]
    text = str(error)
    if text.startswith("Caught "):
        text = text.rsplit("UserError: ", 1)[-1]
    return [line for line in text.splitlines() if line.strip()]


def guarded(main: Callable[_Words, _Result]) -> Callable[_Words, _Result]:
    """A script's command line: a user's mistake or a failure of the machine is `error: ` lines and exit code 1."""

    @wraps(main)
    def run(*words: _Words.args, **named: _Words.kwargs) -> _Result:
        try:
            return main(*words, **named)
        except Exception as error:
            lines = lines_of(error, "then start it again")
            if not lines:
                raise
            raise SystemExit("\n".join(f"error: {line}" for line in lines)) from None

    return run
