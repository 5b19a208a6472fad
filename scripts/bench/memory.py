"""Peak memory of one call in a process of its own: how far the resident set rises above what was set up before.

python -m bench.memory <part> <side> <sizes as JSON>
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from .sizes import Sizes

SCRIPTS = Path(__file__).parents[1]


def peak_memory(part: str, side: str, sizes: Sizes) -> float:
    """Megabytes that `side` ("rival" or "ours") of a part needs beyond its inputs.

    Raises:
        RuntimeError: the process failed.
    """
    words = [sys.executable, "-m", "bench.memory", part, side, json.dumps(asdict(sizes))]
    paths = os.pathsep.join([str(SCRIPTS), str(SCRIPTS.parent)])
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths})
    if done.returncode:
        raise RuntimeError(f"memory of {part}, {side}: {done.stderr.strip().splitlines()[-1:]}")
    return float(done.stdout.split()[-1])


def resident(field: str) -> float:
    """Megabytes of a line of /proc/self/status: VmRSS now, VmHWM at most so far."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


def main(part: str, side: str, sizes: Sizes) -> None:
    """One call, and what it took."""
    assert part == "contrastive"
    from .contrastive import Contrastive

    # a call in small loads what is loaded on first use
    small = Sizes(view_sizes=sizes.view_sizes, batch=1, queue=8, negatives=4)
    getattr(Contrastive(small, small.negatives), side)()()
    call = getattr(Contrastive(sizes, sizes.negatives), side)()
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = resident("VmRSS")
    call()
    print(resident("VmHWM") - before)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Sizes(**json.loads(sys.argv[3])))
