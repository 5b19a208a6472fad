"""Which settings of the trainer go together, and with the plan of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# they would end a run before its plan, or measure some people only, which would count as complete all the same
SHORTENING = (
    "limit_train_batches", "max_steps", "max_time", "max_epochs", "overfit_batches", "fast_dev_run",
    "limit_test_batches",
)  # fmt: skip

ACCELERATORS = ("auto", "cpu", "gpu", "cuda", "mps", "tpu")


def trainer_problem(trainer: Mapping[str, Any], encoder: Mapping[str, Any]) -> str | None:
    """What is wrong with settings of the trainer for such an encoder, in one line; None where nothing is."""
    if trainer.get("sync_batchnorm") and trainer.get("accelerator") == "cpu":
        return "trainer.sync_batchnorm: works on GPUs only; leave it out with trainer.accelerator=cpu"
    if trainer.get("sync_batchnorm") and encoder.get("own_norm") and encoder.get("resolution_aware"):
        return "trainer.sync_batchnorm: normalises all scales together; add encoder.own_norm=false, or leave it out"
    for key in SHORTENING:
        if trainer.get(key) is not None and trainer[key] is not False:
            return (
                f"trainer.{key}: a run goes to the end of its plan; preset=smoke, people.train and the epochs of "
                "curriculum.stages make it shorter"
            )
    if trainer.get("accumulate_grad_batches") not in (None, 1):
        return (
            "trainer.accumulate_grad_batches: each batch of the plan is a step of the schedule; for less memory take a "
            "smaller curriculum.batch_scale, or several devices, over which batches are spread"
        )
    if trainer.get("accelerator", "auto") not in ACCELERATORS:
        return f"trainer.accelerator: expected one of {', '.join(ACCELERATORS)}, got {trainer['accelerator']!r}"
    if trainer.get("devices") in (0, "0", []):
        return f"trainer.devices: expected a number from 1, a list of devices or auto, got {trainer['devices']!r}"
    logged = trainer.get("log_every_n_steps")
    if logged is not None and (not isinstance(logged, int) or logged < 1):
        return f"trainer.log_every_n_steps: expected a whole number from 1, got {logged!r}"
    return None
