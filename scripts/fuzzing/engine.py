"""Reads damaged files one after the other and watches: other errors than our own, hangs, and code that is run."""

from __future__ import annotations

import random
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rscnet.errors import UserError

from .targets import TARGETS, Target

LONGEST = 10.0  # seconds for one file
# what a reader of data never does; Python tells of each (PEP 578)
FORBIDDEN = (
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.remove", "os.rename", "os.rmdir", "os.kill",
    "subprocess.Popen", "socket.connect", "pickle.find_class", "shutil.", "webbrowser.", "ctypes.dlopen",
)  # fmt: skip


class Hang(BaseException):
    """A file took too long; no reader catches it."""


class CodeRun(BaseException):
    """A file made the reader do what data may not; no reader catches it."""


@dataclass
class Tally:
    """What became of the files of one target."""

    target: str
    inputs: int = 0
    refused: int = 0
    read: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    faults: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        return asdict(self)


_watching = False


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event.startswith(FORBIDDEN):
        raise CodeRun(f"{event} {arguments!r}"[:200])


def _too_long(number: int, frame: object) -> None:
    raise Hang


def watch() -> None:
    """Turns the watch on for the rest of this process."""
    sys.addaudithook(_audit)


@contextmanager
def _under_watch() -> Iterator[None]:
    global _watching
    handler = signal.signal(signal.SIGALRM, _too_long)
    timer = signal.setitimer(signal.ITIMER_REAL, LONGEST)
    _watching = True
    try:
        yield
    finally:
        _watching = False
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, handler)


def attack(target: Target, path: Path, content: bytes, tally: Tally) -> str | None:
    """Lets the reader have one file.

    Returns:
        What went wrong; None where the file was read or refused by our own error.
    """
    path.write_bytes(content)
    began = time.perf_counter()
    fault = None
    try:
        with _under_watch():
            target.read(path)
        tally.read += 1
    except UserError:
        tally.refused += 1
    except (Exception, SystemExit, Hang, CodeRun) as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        fault = f"{type(error).__name__}: {str(error)[:160]} at {Path(place.filename).name}:{place.lineno}"
    tally.inputs += 1
    tally.slowest = max(tally.slowest, time.perf_counter() - began)
    return fault


def damaged(target: Target, seeds: Sequence[bytes], seed: int, number: int) -> bytes:
    """The damaged file of a number; number 0 and on are first the seeds as they are."""
    if number < len(seeds):
        return seeds[number]
    draw = random.Random(f"{seed}/{target.name}/{number}")
    return draw.choice(target.mutators)(draw.choice(seeds), seeds, draw)


def fuzz(name: str, count: int, seed: int, folder: Path, first: int = 0) -> Iterator[Tally]:
    """Attacks one reader with files `first` to `count`; yields the tally before each file, and at the end.

    A file that goes wrong is kept in `folder` under `crashes`.
    """
    target, tally = TARGETS[name], Tally(name)
    seeds = target.seeds()
    path = folder / f"input{target.suffix}"
    began = time.perf_counter()
    for number in range(first, count):
        yield tally
        content = damaged(target, seeds, seed, number)
        fault = attack(target, path, content, tally)
        if fault is not None:
            tally.faults.append(f"{number}: {fault}")
            kept = folder / "crashes" / f"{name.replace(' ', '_')}-{number}{target.suffix}"
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(content)
    tally.seconds = time.perf_counter() - began
    yield tally
