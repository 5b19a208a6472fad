"""TensorBoard, with pictures, histograms and the results table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pytorch_lightning.loggers import TensorBoardLogger

from rscnet.errors import UserError
from rscnet.render.pictures import Picture


class TensorBoardRun(TensorBoardLogger):
    """Event files in `<run folder>/tensorboard`.

    Args:
        save_dir: folder of the run.
        flush_secs: seconds until what was logged is on disk.

    Raises:
        UserError: TensorBoard is not installed.
    """

    def __init__(self, save_dir: str, flush_secs: int = 20) -> None:
        try:
            super().__init__(save_dir, name="", version="tensorboard", default_hp_metric=False, flush_secs=flush_secs)
        except ModuleNotFoundError:
            raise UserError("logger.tensorboard: install it with `pip install tensorboard`") from None

    def log_picture(self, name: str, picture: Picture, step: int) -> None:
        """See `Media`."""
        self.experiment.add_image(name, picture, step, dataformats="HWC")

    def log_histogram(self, name: str, values: np.ndarray, step: int) -> None:
        """See `Media`."""
        self.experiment.add_histogram(name, values, step)

    def log_table(self, name: str, columns: list[str], rows: list[list[Any]], step: int) -> None:
        """As text in markdown."""
        cells = [[f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
        lines = [f"| {' | '.join(line)} |" for line in (columns, ["---"] * len(columns), *cells)]
        self.experiment.add_text(name, "\n".join(lines), step)

    def log_checkpoint(self, path: Path) -> None:
        """TensorBoard keeps no files; the path as text."""
        self.experiment.add_text("checkpoint", str(path))

    def close(self, failed: bool) -> None:
        """Ends the event file."""
        self.experiment.close()
