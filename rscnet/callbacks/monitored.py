"""What callbacks that watch one logged value say where there is no such value."""

import pytorch_lightning as pl


def validation_names(trainer: pl.Trainer) -> str:
    """The names that the last validation logged, for messages."""
    return ", ".join(sorted(name for name in trainer.callback_metrics if name.startswith("val/"))) or "nothing"
