"""Makes a checkpoint of ours from the weights of another program: RSC-Net, SPIN, or torchvision's ResNet-50.

python scripts/import_checkpoint.py RSC-Net.pt rscnet_official.safetensors
python -m rscnet.run task=evaluate data=3dpw legacy=official checkpoint=rscnet_official.safetensors ...
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from types import SimpleNamespace

import torch

from rscnet import __version__
from rscnet.config.build import build
from rscnet.config.compose import compose
from rscnet.config.fingerprint import portable
from rscnet.errors import UserError
from rscnet.failures import guarded
from rscnet.models.checkpoint import load_weights, save_safetensors
from rscnet.models.official import import_weights, recognise

# SPIN's network is of one resolution and has no ReLU in its regressor; torchvision's file is a start for any of ours.
NETWORK = {
    "rscnet": ["model.network.regressor.relu=true"],
    "spin": [
        "model.network.regressor.relu=false",
        "model.network.encoder.resolution_aware=false",
        "model.network.projector=null",
        "loss.contrastive=null",
    ],
    "torchvision": [],
}


def convert(source: Path, output: Path, overrides: list[str], allow: dict[str, list[str]]) -> str:
    """Writes `output` and returns the report of what matched.

    Raises:
        UserError: a foreign or partial file, or one that is damaged.
    """
    layout = recognise(load_weights(source)[0], source)
    words = ["experiment=paper", f"name={output.stem}", "init_from=null", *NETWORK[layout], *overrides]
    plain = compose(words).plain()
    torch.manual_seed(plain["seed"])
    node = dict(plain["model"]["network"])
    body = node.pop("body")
    # the two body networks bring the mean that their regressor starts from, so they need no body files here
    mean = SimpleNamespace(mean_pose=torch.zeros(144), mean_shape=torch.zeros(10), mean_cam=torch.zeros(3))
    network = build(node, "model.network", body=build(body, "body") if layout == "torchvision" else mean)
    report = import_weights(network, source, allow)
    save_safetensors(output, network, {"rscnet": json.dumps({"config": portable(plain), "version": __version__})})
    return str(report)


@guarded
def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="a state dict, bare or wrapped as {'model': ...}; read without code")
    parser.add_argument("output", type=Path, help="the .safetensors to write")
    parser.add_argument("overrides", nargs="*", help="configuration over experiment=paper, such as paths.smpl=<folder>")
    parser.add_argument("--allow-missing", action="append", default=[], help="pattern of our keys that may be missing")
    parser.add_argument("--allow-unexpected", action="append", default=[], help="pattern of keys that may be left over")
    given = parser.parse_intermixed_args()
    if given.output.suffix != ".safetensors":
        raise UserError(f"{given.output}: expected a file name that ends in .safetensors")
    allow = {"missing": given.allow_missing, "unexpected": given.allow_unexpected}
    report = convert(given.source, given.output, given.overrides, allow)
    print(f"{given.source.name}: {report}\nwritten: {given.output}")


if __name__ == "__main__":
    main()
