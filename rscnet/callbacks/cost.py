"""What a training costs: time, memory and pictures per second, over all the processes that it took."""

from __future__ import annotations

import resource
import sys
import time
from typing import Any

import pytorch_lightning as pl
import torch


class Cost(pl.Callback):
    """Logs `cost/images_per_second` since the last logged step, `cost/memory_gb` and `cost/gpu_memory_gb`, the peaks of
    this process so far (0 without a GPU); `summary` tells what the whole run took.

    Pictures are views over all devices; the rate leaves validation out, the seconds do not. What a run spent before it
    was interrupted is part of the checkpoint.
    """

    def __init__(self) -> None:
        self.pictures = 0
        self.busy = self.seconds = 0.0
        self._began = self._mark = 0.0
        self._window = (0, 0.0)

    def state_dict(self) -> dict[str, Any]:
        return {"pictures": self.pictures, "busy": self.busy, "seconds": self._seconds()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.pictures, self.busy, self.seconds = (state_dict[name] for name in ("pictures", "busy", "seconds"))

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._began = self._mark = time.monotonic()
        self._window = (self.pictures, self.busy)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        now = time.monotonic()
        self.busy += now - self._mark
        self._mark = now
        self.pictures += _pictures(batch) * trainer.world_size
        if trainer.global_step % trainer.log_every_n_steps:  # type: ignore[attr-defined]
            return
        pictures, busy = self._window
        self._window = (self.pictures, self.busy)
        if self.pictures > pictures:  # clips are no pictures
            pl_module.log("cost/images_per_second", (self.pictures - pictures) / max(self.busy - busy, 1e-9))
        pl_module.log("cost/memory_gb", peak_memory())
        pl_module.log("cost/gpu_memory_gb", peak_gpu_memory())

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._mark = time.monotonic()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.seconds, self._began = self._seconds(), 0.0

    def _seconds(self) -> float:
        return self.seconds + (time.monotonic() - self._began if self._began else 0.0)

    def summary(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, Any]:
        """Cost of the run for `result.json`."""
        on_gpu = trainer.strategy.root_device.type == "cuda"
        seen = {"images_per_second": round(self.pictures / max(self.busy, 1e-9), 1), "pictures": self.pictures}
        return {
            "training_seconds": round(self._seconds(), 1),
            **(seen if self.pictures else {}),
            "peak_memory_gb": round(peak_memory(), 3),
            "peak_gpu_memory_gb": round(peak_gpu_memory(), 3),
            "parameters": sum(p.numel() for p in pl_module.network.parameters()),  # type: ignore[union-attr]
            "device": torch.cuda.get_device_name() if on_gpu else "cpu",
            "processes": trainer.world_size,
        }


def _pictures(batch: Any) -> int:
    """Views of a batch of people or of textured people, sizes by people; none of any other batch."""
    views = getattr(batch, "views", getattr(batch, "inputs", None))
    return views.shape[0] * views.shape[1] if isinstance(views, torch.Tensor) else 0


def peak_memory() -> float:
    """Largest resident memory of this process so far, in GB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS, else KiB
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e9


def peak_gpu_memory() -> float:
    """Largest memory that torch held on this process's GPU so far, in GB; 0 without one."""
    return torch.cuda.max_memory_allocated() / 1e9 if torch.cuda.is_available() else 0.0
