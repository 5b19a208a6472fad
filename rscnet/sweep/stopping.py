"""Stopping a sweep: a file in its folder, which its processes see wherever a launcher runs them."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from rscnet.ranks import is_rank_zero

STOP = "stop"
GLANCE = 0.5
"""Seconds between two looks at the file."""
PATIENCE = 60.0
"""Seconds that an interrupted job has to write its checkpoint."""


def stop_asked(sweep: Path) -> bool:
    """Whether the sweep is to end: its jobs write their checkpoints, no other one starts."""
    return (sweep / STOP).exists()


@contextmanager
def stopping_by_signals(sweep: Path) -> Iterator[None]:
    """Ctrl-C and SIGTERM ask the sweep to stop; a second one does not wait for checkpoints."""
    if is_rank_zero():
        (sweep / STOP).unlink(missing_ok=True)

    def ask(number: int, frame: FrameType | None) -> None:
        if stop_asked(sweep):
            raise KeyboardInterrupt
        (sweep / STOP).touch()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave_ctrl_c_to_the_starter() -> None:
    """A terminal sends it to a launcher's workers too, which would end before their jobs have."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, lambda number, frame: None)  # jobs would inherit that it is ignored


def wait_for(process: subprocess.Popen[bytes], sweep: Path) -> int:
    """The exit code of a job that leads a process group of its own; when the sweep is stopped the job is interrupted.

    Nothing of the group outlives the job, whatever ends this call.
    """
    try:
        while not stop_asked(sweep):
            with suppress(subprocess.TimeoutExpired):
                return process.wait(GLANCE)
        process.terminate()  # the first rank, which tells the others
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return process.wait()
