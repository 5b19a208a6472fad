"""Processes that tests start and end."""

import time
from collections.abc import Callable
from pathlib import Path


def wait_until(condition: Callable[[], bool], limit: float) -> None:
    """Fails where the condition does not hold within `limit` seconds."""
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def runs(pid: int | str) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # ended before or while it is read
        return False
