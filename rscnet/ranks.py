"""Which of several processes this is: those of one training (DDP), started by Lightning, torchrun or SLURM."""

from __future__ import annotations

import os

# any of them above 0 means another process than the first; what starts the processes sets some of them
VARIABLES = ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK")


def is_rank_zero() -> bool:
    """Whether this process is the one that writes files and prints."""
    return all(os.environ.get(name, "0") == "0" for name in VARIABLES)


def wait_for_all() -> None:
    """Returns when all processes of the training are here; at once where there is only one."""
    import torch.distributed as dist  # torch takes seconds, and most of the command line does not need it

    if dist.is_available() and dist.is_initialized():
        dist.barrier()
