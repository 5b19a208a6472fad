"""Weights files of tiny untrained networks."""

import json
from pathlib import Path

import torch

from rscnet.config.build import build
from rscnet.config.compose import compose
from rscnet.models.checkpoint import save_safetensors
from rscnet.models.normalisation import ScaleNorm


def write_checkpoint(folder: Path, experiment: str = "rsc_full", *words: str) -> Path:
    """Weights of the smoke preset (64 px, ranges from 64 down to 16), shaken so that people differ."""
    plain = compose([f"experiment={experiment}", "preset=smoke", *words]).plain()
    torch.manual_seed(0)
    network = build(plain["model"], "model").network
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.startswith("regressor"):
                parameter.add_(0.01 * torch.randn_like(parameter))
        for module in network.modules():
            if isinstance(module, ScaleNorm):
                module.running_var.uniform_(0.8, 1.2)  # so that scales differ
    path = folder / f"{experiment}.safetensors"
    save_safetensors(path, network, {"rscnet": json.dumps({"config": plain})})
    return path
