"""The C library's memory: what a training step frees is what the next one asks for."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
"""Parameters of glibc's `mallopt`."""


def keep_freed_memory(keep: bool = True) -> bool:
    """Let this process keep large blocks that it freed, for its next ones to take.

    By default glibc gives each block of many megabytes back to the system at once, which has to find and clear its
    pages again at the next step: up to a quarter of a training step on a CPU. Numbers do not change. With `keep` False
    large blocks come from the system and go back to it as by default. Without glibc nothing happens.

    Returns:
        Whether the C library took it.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    mallopt(_TRIM_THRESHOLD, -1)
    mallopt(_MMAP_THRESHOLD, 32 << 20)  # where glibc's own moving threshold ends; setting any parameter stops it
    return bool(mallopt(_MMAP_MAX, 0 if keep else 1 << 16))
