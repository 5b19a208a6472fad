"""Where the files of known data sets come from: what a message says to someone who lacks one."""

from __future__ import annotations

import importlib
from pathlib import Path

# annotation file: (module of rscnet.data.prepare and its Origin, words of scripts/prepare_<...>.py)
_SETS = {
    "h36m_train_protocol1": ("h36m.ORIGIN", "h36m.py <raw> --extract"),
    "h36m_valid_protocol1": ("h36m.ORIGIN", "h36m.py <raw> --split valid --extract"),
    "h36m_valid_protocol2": ("h36m.ORIGIN", "h36m.py <raw> --split valid --extract"),
    "lsp_dataset_original_train": ("lsp.LSP", "lsp.py <raw>"),
    "lsp_dataset_test": ("lsp.LSP", "lsp.py <raw> --split test"),
    "hr-lspet_train": ("lsp.EXTENDED", "hr_lspet.py <raw>"),
    "mpii_train": ("mpii.ORIGIN", "mpii.py <raw>"),
    "coco_2014_train": ("coco.ORIGIN", "coco.py <raw>"),
    "mpi_inf_3dhp_train": ("mpi_inf_3dhp.ORIGIN", "mpi_inf_3dhp.py <raw> --extract"),
    "mpi_inf_3dhp_test": ("mpi_inf_3dhp.ORIGIN", "mpi_inf_3dhp.py <raw> --split test"),
    "3dpw_train": ("pw3d.ORIGIN", "3dpw.py <raw> --split train"),
    "3dpw_validation": ("pw3d.ORIGIN", "3dpw.py <raw> --split validation"),
    "3dpw_test": ("pw3d.ORIGIN", "3dpw.py <raw>"),
}

_NAMES_OF_SPIN = {"h36m_train_protocol1": "h36m_train", "mpi_inf_3dhp_test": "mpi_inf_3dhp_valid"}

SPIN_WEIGHTS = "model_checkpoint.pt"
SPIN_WEIGHTS_URL = "http://visiondata.cis.upenn.edu/spin/model_checkpoint.pt"


def name_in(folder: Path, name: str) -> str:
    """The name of a set in this folder: `name`, or the one that SPIN's release gives it where only that is there."""
    other = _NAMES_OF_SPIN.get(name, name)
    return other if (folder / f"{other}.npz").is_file() and not (folder / f"{name}.npz").is_file() else name


def how_to_get(name: str, folder: Path | str) -> str:
    """Source and command of an annotation file and its pictures, to append to what is missing."""
    if name not in _SETS:
        return "see docs/data.md"
    place, command = _SETS[name]
    module, attribute = place.split(".")
    origin = getattr(importlib.import_module(f"rscnet.data.prepare.{module}"), attribute)
    return f"get {origin.title} from {origin.url}, then: python scripts/prepare_{command} --out {folder}"
