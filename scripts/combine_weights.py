"""Makes one network of several with the same layout that lie on paths of training from one start.

python scripts/combine_weights.py mean <run> <run> mean.safetensors
python scripts/combine_weights.py add <run> <before> <after> sum.safetensors --share 0.7

`mean` takes the mean of all weights, such as of a run and its continuation: often better than each of them (Wortsman et
al., Model soups, ICML 2022). `add` gives a run what another training has learned since, by adding its share of the
difference between after and before (Ilharco et al., Editing models with task arithmetic, ICLR 2023). Neither costs
anything in prediction; batch statistics are combined too. A batch normalisation that all resolutions of one network
share stands for that of each in another.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from rscnet import __version__
from rscnet.config.fingerprint import portable
from rscnet.errors import UserError
from rscnet.failures import guarded
from rscnet.models.checkpoint import save_safetensors
from rscnet.models.normalisation import for_all_scales
from rscnet.trained import Trained, load_trained


def mean(members: list[Trained]) -> Trained:
    """The last of the networks, its weights replaced by the mean of all.

    Raises:
        UserError: networks of different layouts.
    """
    last = members[-1]
    for member in members:
        _check_layout(last, member, last)
        _check_layout(member, last, last)
    states = [_state(member, last) for member in members]
    return _replaced(last, lambda name, _: torch.stack([state[name].float() for state in states]).mean(0))


def add(start: Trained, before: Trained, after: Trained, share: float) -> Trained:
    """`start`, its weights replaced by start + share * (after - before).

    Variances of batch normalisation are multiplied instead, by the ratio to the power of `share`: they stay positive.
    What `after` does not have, such as a projector, stays as it is.

    Raises:
        UserError: networks of different layouts.
    """
    _check_layout(after, before, start)
    _check_layout(after, start, start)
    old, new = _state(before, start), _state(after, start)

    def moved(name: str, value: Tensor) -> Tensor:
        if name not in new:
            return value
        if name.endswith("running_var"):
            return value * (new[name].clamp_min(1e-12) / old[name].clamp_min(1e-12)) ** share
        return value + share * (new[name] - old[name])

    return _replaced(start, moved)


def _state(trained: Trained, like: Trained) -> dict[str, Tensor]:
    """Weights of a network, a batch normalisation that is shared in it given to all scales where `like` has several."""
    return for_all_scales(like.network, trained.network.state_dict())


def _check_layout(part: Trained, whole: Trained, like: Trained) -> None:
    """Raises a UserError unless `whole` has all tensors of `part`, in their shapes, both normalised as `like` is."""
    state = _state(whole, like)
    for name, value in _state(part, like).items():
        if name not in state or state[name].shape != value.shape:
            raise UserError(f"{whole.path}: is another network than {part.path}, see {name}; expected the same layout")


def _replaced(trained: Trained, change: Callable[[str, Tensor], Tensor]) -> Trained:
    state = trained.network.state_dict()
    found = {name: change(name, value) if value.is_floating_point() else value for name, value in state.items()}
    trained.network.load_state_dict(found)
    return trained


@guarded
def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ways = parser.add_subparsers(dest="way", required=True)
    network = "run folder, weights file or shipped name"
    averaged = ways.add_parser("mean", help="the mean of networks")
    averaged.add_argument("members", nargs="+", help=f"each a {network}")
    added = ways.add_parser("add", help="a network plus a share of what another has learned since")
    for name in ("start", "before", "after"):
        added.add_argument(name, help=network)
    added.add_argument("--share", type=float, default=1.0, help="of the difference")
    for way in (averaged, added):
        way.add_argument("out", type=Path, help="safetensors file to write")
    arguments = parser.parse_args()
    if arguments.way == "mean":
        found = mean([load_trained(name) for name in arguments.members])
    else:
        start, before, after = (load_trained(name) for name in (arguments.start, arguments.before, arguments.after))
        found = add(start, before, after, arguments.share)
    record = json.dumps({"config": portable(found.config), "version": __version__})
    save_safetensors(arguments.out, found.network, {"rscnet": record})
    print(f"written: {arguments.out}")


if __name__ == "__main__":
    main()
