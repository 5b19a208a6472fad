"""Averages the weights of runs of one network that lie on one path of training, such as a run and its continuation.

python scripts/average_weights.py <run> <run> average.safetensors

The mean of weights that fine-tuning leads to from one start is often better than each of them (Wortsman et al., Model
soups, ICML 2022), at no cost in prediction. Batch statistics are averaged too.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from rscnet import __version__
from rscnet.config.fingerprint import portable
from rscnet.errors import UserError
from rscnet.models.checkpoint import save_safetensors
from rscnet.trained import Trained, load_trained


def average(members: list[Trained]) -> Trained:
    """The last of the networks, its weights replaced by the mean of all.

    Raises:
        UserError: networks of different layouts.
    """
    last = members[-1]
    states = [member.network.state_dict() for member in members]
    for member, state in zip(members, states, strict=True):
        unlike = sorted(name for name in states[-1] if state.get(name, torch.empty(0)).shape != states[-1][name].shape)
        if unlike or set(state) != set(states[-1]):
            raise UserError(f"{member.path}: is another network than {last.path}; expected the same layout")
    mean = {
        name: torch.stack([state[name].float() for state in states]).mean(0) if value.is_floating_point() else value
        for name, value in states[-1].items()
    }
    last.network.load_state_dict(mean)
    return last


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("members", nargs="+", help="run folders, weights files or shipped names")
    parser.add_argument("out", type=Path, help="safetensors file to write")
    arguments = parser.parse_args()
    try:
        found = average([load_trained(name) for name in arguments.members])
    except UserError as error:
        raise SystemExit(f"error: {error}") from None
    record = json.dumps({"config": portable(found.config), "version": __version__})
    save_safetensors(arguments.out, found.network, {"rscnet": record})
    print(f"written: {arguments.out}, the mean of {len(arguments.members)}")


if __name__ == "__main__":
    main()
