"""Words to the user, and silence of libraries that would drown them."""

import logging
import warnings

from rich.console import Console

from rscnet.ranks import is_rank_zero

_console = Console(soft_wrap=True, highlight=False)


def say(text: object) -> None:
    """Prints on the first rank only: rich tables with their markup, lines as they are, whatever paths they name."""
    if is_rank_zero():
        _console.print(text, markup=not isinstance(text, str))


def quiet_libraries() -> None:
    """Lightning's tips, device lines and notes on settings that we chose; its real warnings stay."""
    for name in ("utilities.rank_zero", "trainer.connectors.checkpoint_connector"):
        logging.getLogger(f"pytorch_lightning.{name}").setLevel(logging.WARNING)
    for message in (
        ".*LeafSpec.*",
        ".*smaller than the logging interval.*",
        ".*does not have many workers.*",
        ".*resuming from a checkpoint that ended before the epoch.*",  # our plan resumes inside an epoch exactly
        ".*GPU available but not used.*",
        ".*method of metric BodyErrors was called before.*",  # a module without bodies, a rank without samples
        ".*Experiment logs directory .* exists and is not empty.*",  # a CSV is written anew when a run goes on
        ".*recommended to use `self.log\\(.*sync_dist=True.*",  # such values are equal on all ranks already
        ".*`broadcast_buffers` is deprecated.*",  # its successor is unknown to older releases of torch
        ".*Grad strides do not match bucket view strides.*",  # 1x1 convolutions in channels-last memory
        ".*You defined a `validation_step` but have no `val_dataloader`.*",
    ):
        warnings.filterwarnings("ignore", message=message)
