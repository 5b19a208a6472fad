"""The machine: what it is, and the fastest matrix product that it does."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from .sizes import Sizes
from .timing import seconds

PACKAGES = ("torch", "numpy", "smplx", "pytorch-lightning", "albumentations", "opencv-python-headless", "pillow",
            "onnxruntime", "pyrender")  # fmt: skip


def description() -> dict[str, Any]:
    """Processor, threads and versions."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load_before": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: installed(name) for name in PACKAGES},
        "capability": torch.backends.cpu.get_cpu_capability(),
        "bf16_instructions": torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def processor() -> str:
    """The name that the kernel gives the first processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def installed(name: str) -> str | None:
    """Version of a package, None where it is not there."""
    try:
        return version(name)
    except ModuleNotFoundError:
        return None


def product_peak(sizes: Sizes, dtype: torch.dtype, rounds: int = 6) -> float:
    """GFLOP/s of the best square matrix product; the machine's peak as software reaches it."""
    left, right = (torch.randn(sizes.product, sizes.product).to(dtype) for _ in range(2))
    out = torch.empty_like(left)
    best = min(seconds(lambda: torch.mm(left, right, out=out)) for _ in range(rounds + 1))
    return 2 * sizes.product**3 / best / 1e9
