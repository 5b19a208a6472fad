"""The C library's memory: what a training step frees is what the next one asks for."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
"""Parameters of glibc's `mallopt`."""


def keep_freed_memory(keep: bool = True) -> bool:
    """Let this process keep large blocks that it freed, for its next ones to take.

    By default glibc gives each block of many megabytes back to the system at once, which has to find and clear its
    pages again at the next step: up to a quarter of a training step on a CPU. Numbers do not change. With `keep` False
    what is free goes back to the system, and large blocks come from it as by default. Without glibc nothing happens.

    Returns:
        Whether the C library took it.
    """
    try:
        library = ctypes.CDLL(None)
        mallopt, trim = library.mallopt, library.malloc_trim
    except (AttributeError, OSError, TypeError):
        return False
    # by default both thresholds move up to these values; setting any parameter stops them
    mallopt(_MMAP_THRESHOLD, 32 << 20)
    mallopt(_TRIM_THRESHOLD, -1 if keep else 64 << 20)
    if not keep:
        trim(0)
    return bool(mallopt(_MMAP_MAX, 0 if keep else 1 << 16))
