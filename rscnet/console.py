"""Words to the user, and silence of libraries that would drown them."""

import logging
import warnings

from rich.console import Console

from rscnet.config.compose import is_rank_zero

_console = Console(soft_wrap=True, highlight=False)


def say(text: object) -> None:
    """Prints on the first rank only; rich tables and plain lines alike."""
    if is_rank_zero():
        _console.print(text)


def quiet_libraries() -> None:
    """Lightning's tips, device lines and notes on settings that we chose; its real warnings stay."""
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)
    for message in (
        ".*LeafSpec.*",
        ".*smaller than the logging interval.*",
        ".*does not have many workers.*",
        ".*resuming from a checkpoint that ended before the epoch.*",  # our plan resumes inside an epoch exactly
        ".*`weights_only` was not set.*",
        ".*GPU available but not used.*",
        ".*You defined a `validation_step` but have no `val_dataloader`.*",
    ):
        warnings.filterwarnings("ignore", message=message)
