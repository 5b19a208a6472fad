"""Freed blocks are kept, as addresses tell: of the C library's heap, or of mappings of their own."""

import subprocess
import sys

import pytest

from rscnet.memory import keep_freed_memory

# in a process of its own: in one that has long run the heap may have no room left to grow
SCRIPT = """
import numpy as np
from rscnet.memory import keep_freed_memory

def mapped_apart():
    block = np.empty(64 << 20, np.uint8)
    with open("/proc/self/maps") as lines:
        heaps = [line.split()[0].split("-") for line in lines if line.rstrip().endswith("[heap]")]
    return not any(int(low, 16) <= block.ctypes.data < int(high, 16) for low, high in heaps)

for keep in (False, True, False):
    if not keep_freed_memory(keep):
        print("no glibc")
    print(mapped_apart())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="parameters of glibc")
def test_large_blocks_stay_with_the_process_until_that_is_undone() -> None:
    told = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stdout.split("\n")
    if "no glibc" in told:
        pytest.skip("no glibc")
    assert told[:3] == ["True", "False", "True"]


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rscnet.memory.ctypes.CDLL", lambda _: object())
    assert keep_freed_memory() is False
