"""The entrypoint with notes of what each rank of a training saw: `python ddp_driver.py <folder> <words>`.

`POISON=<rank>:<step>` puts a value that is no number into that rank's pictures of that step.
"""

import math
import os
import sys
from pathlib import Path

import torch

from rscnet import run
from rscnet.callbacks.checkpoints import RunCheckpoints
from rscnet.callbacks.randomness import KeyedRandomness

FOLDER = Path(sys.argv[1])
notes: dict = {"identities": [], "seeds": []}
seeded, ended = KeyedRandomness.on_train_batch_start, RunCheckpoints.on_train_end


def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
    seeded(self, trainer, pl_module, batch, batch_idx)
    notes["identities"].append(batch.identity)
    notes["seeds"].append(torch.initial_seed())
    if os.environ.get("POISON") == f"{trainer.global_rank}:{trainer.global_step}":
        batch.views[0, 0, 0, 3, 3] = math.nan


def on_train_end(self, trainer, pl_module):
    notes["queue"] = {name: buffer.clone() for name, buffer in pl_module.objective.contrastive.queue.named_buffers()}
    notes["weights"] = {name: weight.detach().clone() for name, weight in pl_module.named_parameters()}
    torch.save(notes, FOLDER / f"rank{trainer.global_rank}.pt")
    ended(self, trainer, pl_module)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    KeyedRandomness.on_train_batch_start = on_train_batch_start
    RunCheckpoints.on_train_end = on_train_end
    run.main(sys.argv[2:])
