"""Freed blocks are kept, as addresses tell: of the C library's heap, or of mappings of their own."""

import sys

import pytest
import torch

from rscnet.memory import keep_freed_memory

LARGE = 16 << 20


def mapped_apart() -> bool:
    """Whether a large block lies outside the heap."""
    block = torch.empty(LARGE, dtype=torch.float32)
    with open("/proc/self/maps") as lines:
        heaps = [line.split()[0].split("-") for line in lines if line.rstrip().endswith("[heap]")]
    return not any(int(low, 16) <= block.data_ptr() < int(high, 16) for low, high in heaps)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="parameters of glibc")
def test_large_blocks_stay_with_the_process_until_that_is_undone() -> None:
    if not keep_freed_memory(False):
        pytest.skip("no glibc")
    assert mapped_apart()
    try:
        assert keep_freed_memory() and not mapped_apart()
    finally:
        keep_freed_memory(False)
    assert mapped_apart()


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rscnet.memory.ctypes.CDLL", lambda _: object())
    assert keep_freed_memory() is False
