"""Writes trained weights for other programs: safetensors, ONNX (checked against torch), or the original's own format.

python scripts/export_checkpoint.py rsc_small network.safetensors
python scripts/export_checkpoint.py <run folder> network.onnx       needs pip install 'rscnet[export]'
python scripts/export_checkpoint.py <run folder> RSC-Net.pt         for the released RSC-Net code
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from rscnet import __version__
from rscnet.config.fingerprint import portable
from rscnet.errors import UserError
from rscnet.failures import guarded
from rscnet.models.checkpoint import save_safetensors
from rscnet.models.official import export_official
from rscnet.models.onnx import export_onnx
from rscnet.trained import Trained, load_trained


def export(trained: Trained, output: Path) -> str:
    """Writes `output` in the format that its ending names; returns what to say of it.

    Raises:
        UserError: an unknown ending, or a network that the format cannot hold.
    """
    if output.suffix == ".safetensors":
        record = json.dumps({"config": portable(trained.config), "version": __version__})
        save_safetensors(output, trained.network, {"rscnet": record})
        return "weights and configuration"
    if output.suffix == ".onnx":
        difference = export_onnx(trained.network, trained.image_size, len(trained.ranges), output)
        return f"onnxruntime and torch differ by at most {difference:.1e}"
    if output.suffix in (".pt", ".pth"):
        state = export_official(trained.network)
        output.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, output)
        return f"{len(state)} entries in the layout of the released RSC-Net"
    raise UserError(f"{output}: expected a name that ends in .safetensors, .onnx or .pt (the original's format)")


@guarded
def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", help="shipped name, weights file or run folder")
    parser.add_argument("output", type=Path, help="its ending chooses the format")
    parser.add_argument("--smpl", help="folder of the licensed body files, for networks trained with them")
    given = parser.parse_args()
    said = export(load_trained(given.checkpoint, given.smpl), given.output)
    print(f"written: {given.output} ({said})")


if __name__ == "__main__":
    main()
