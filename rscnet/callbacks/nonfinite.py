"""What happens to a step whose loss or gradient is no number: kept as evidence, then left out, or the run's end."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer

from rscnet.console import say
from rscnet.errors import UserError
from rscnet.structures import TensorStruct

FOLDER = "nonfinite"
LISTED = 8


class NonFiniteGuard(pl.Callback):
    """Looks at the loss before its backward pass, and at the gradient before the step that it makes; the last
    checkpoint stays good, whatever is done. With a gradient scaler (precision 16-mixed) the scaler looks at gradients.

    The batch is saved in `nonfinite/step<k>.pt` of the run folder: its tensors by name (`identity` says which samples
    they are), the step, the epoch, the terms that are not finite, and the loss or the names of the wrong gradients.

    Args:
        action: `stop` the run, or `skip` the step: neither weights nor queue nor batch statistics learn from it. It
            counts as a step all the same, so that the plan of batches stays what it is.
        most: steps in a row that may be skipped; where more are due, nothing but the end helps.

    Raises:
        UserError: settings that make no sense.
    """

    def __init__(self, action: Literal["stop", "skip"] = "stop", most: int = 10) -> None:
        if action not in ("stop", "skip") or most < 1:
            raise UserError(
                f"callbacks.nonfinite: expected action stop or skip and most from 1, got {action!r}, {most}"
            )
        self.action, self.most = action, most
        self.in_a_row = 0
        self._skip = False
        self._batch: Any = None
        self._before: dict[str, Tensor] = {}

    def state_dict(self) -> dict[str, Any]:
        return {"in_a_row": self.in_a_row}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.in_a_row = state_dict["in_a_row"]

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._batch = batch
        if self.action == "skip":
            self._before = {name: value.clone() for name, value in _buffers(pl_module).items()}

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor) -> None:
        finite = bool(torch.isfinite(loss).all())
        if trainer.world_size > 1:  # what one process skips, all of them do
            finite = trainer.strategy.reduce_boolean_decision(finite, all=True)
        if not finite:
            loss = loss.detach()
            self._refuse(trainer, self._report(trainer, f"the loss is {float(loss)}", {"loss": float(loss)}))

    def _refuse(self, trainer: pl.Trainer, told: str) -> None:
        """Ends the run, or marks the step as one to skip."""
        self.in_a_row += 1
        if self.action == "stop":
            raise UserError(
                f"{told}; start anew with a lower optimizer.lr or trainer.gradient_clip_val=1, and with "
                f"init_from={trainer.default_root_dir} to keep what was learned, or leave such steps out by "
                "callbacks.nonfinite.action=skip"
            )
        if self.in_a_row > self.most:
            raise UserError(f"{told}; {self.most} steps before it were skipped already (callbacks.nonfinite.most)")
        say(f"skipped: {told}")
        self._skip = True

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        gradients = [p.grad for p in pl_module.parameters() if p.grad is not None]
        scaled = getattr(trainer.precision_plugin, "scaler", None) is not None
        if not self._skip and gradients and not scaled:
            norm = float(torch.nn.utils.get_total_norm(gradients))  # of all processes: gradients are shared by now
            if not math.isfinite(norm):
                wrong = [name for name, p in pl_module.named_parameters() if p.grad is not None and not _finite(p.grad)]
                where = f" ({', '.join(wrong[:LISTED])}{', ...' if wrong[LISTED:] else ''})" if wrong else ""
                told = f"the norm of the gradient is {norm}{where}"
                self._refuse(trainer, self._report(trainer, told, {"gradients": wrong}))
        if not self._skip:
            self.in_a_row = 0
            return
        self._skip = False
        for parameter in pl_module.parameters():
            parameter.grad = None  # an optimiser passes over these
        with torch.no_grad():
            for name, value in _buffers(pl_module).items():
                value.copy_(self._before[name])

    def _report(self, trainer: pl.Trainer, told: str, evidence: dict[str, Any]) -> str:
        """Saves the batch with the evidence; says what is wrong (`told`) and where, in one line."""
        terms = {
            name: float(value)
            for name, value in trainer.callback_metrics.items()
            if isinstance(value, Tensor) and value.numel() == 1 and not torch.isfinite(value)
        }
        tensors = dict(_tensors(self._batch))
        wrong = sorted([*terms, *(f"input {name}" for name, value in tensors.items() if not _finite(value))])
        rank = f"-rank{trainer.global_rank}" if trainer.world_size > 1 else ""
        path = Path(trainer.default_root_dir) / FOLDER / f"step{trainer.global_step:07d}{rank}.pt"
        place = {"step": trainer.global_step, "epoch": trainer.current_epoch}
        saved = _save(path, {"batch": tensors, "terms": terms, **evidence, **place})
        identity = [":".join(map(str, row)) for row in tensors.get("identity", torch.zeros(0, 2)).tolist()]
        names = ", ".join(identity[:LISTED]) + (", ..." if identity[LISTED:] else "")
        return (
            f"{told} at step {trainer.global_step} of epoch {trainer.current_epoch}"
            + (f" (not finite: {', '.join(wrong)})" if wrong else "")
            + (f", samples {names} (data set:number)" if names else "")
            + f"; {saved}"
        )


def _buffers(module: pl.LightningModule) -> Mapping[str, Tensor]:
    """What a module learns without a gradient: batch statistics, queues."""
    learned = {name for name, _ in module.named_parameters()}
    return {name: value for name, value in module.state_dict().items() if name not in learned}


def _tensors(batch: Any, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    if isinstance(batch, Tensor):
        yield prefix.rstrip("."), batch.detach().cpu()
    elif isinstance(batch, TensorStruct):
        for field in fields(batch):  # type: ignore[arg-type]
            yield from _tensors(getattr(batch, field.name), f"{prefix}{field.name}.")


def _finite(value: Tensor) -> bool:
    return not value.is_floating_point() or bool(value.isfinite().all())


def _save(path: Path, content: dict[str, Any]) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(content, path)
    except (OSError, RuntimeError) as error:
        return f"its batch could not be saved ({str(error).splitlines()[0]})"
    return f"its batch is in {path}"
