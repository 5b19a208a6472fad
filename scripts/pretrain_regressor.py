"""Trains the body regressor alone on features of a pretrained encoder that are computed once.

The encoder costs a hundred times more than the regressor, so the regressor first learns from fixed features what takes
many passes, and `experiment=hr_baseline init_from=<output>` then trains all of the network from there.

    python scripts/pretrain_regressor.py <dense checkpoint or run folder> <output.ckpt> [key=value ...]
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import torch
from torch import Tensor

from rscnet import __version__
from rscnet.config.build import build
from rscnet.config.compose import compose
from rscnet.data.datamodule import PeopleDataModule
from rscnet.data.plan import BatchKey
from rscnet.errors import UserError
from rscnet.failures import guarded
from rscnet.files import write_atomically
from rscnet.learning.base import learning_rate_factor
from rscnet.learning.rscnet import RSCNetModule
from rscnet.losses.posed import pose_bodies
from rscnet.structures import Batch, Prediction, Target
from rscnet.tasks.common import build_data, set_up_process
from rscnet.trained import find, initialise


@torch.no_grad()
def compute_features(
    module: RSCNetModule, data: PeopleDataModule, passes: int, batch: int
) -> tuple[Tensor, list[Target]]:
    """Features of all training people at full resolution, augmented anew in each pass, with their targets."""
    views = data.training_views()
    features, targets = [], []
    started, total = time.monotonic(), passes * len(views)
    for number in range(passes):
        for start in range(0, len(views), batch):
            indices = tuple(range(start, min(start + batch, len(views))))
            loaded = views[BatchKey(number, 0, indices, 1)]
            with torch.autocast("cpu", torch.bfloat16):
                feature = module.network.features(loaded.views[0], loaded.scale_index[0])
            features.append(feature.float())
            targets.append(loaded.target)
            if len(features) % 100 == 0:
                rate = len(features) * batch / (time.monotonic() - started)
                print(f"features of {len(features) * batch}/{total} people, {rate:.0f}/s", flush=True)
    return torch.cat(features), targets


def train(module: RSCNetModule, features: Tensor, targets: list[Target], epochs: int, batch: int, rate: float) -> None:
    """Adam with half a cosine on the supervised objective of the experiment."""
    target = Target.concatenate(targets)
    regressor = module.network.regressor.train()
    optimizer = torch.optim.Adam(regressor.parameters(), lr=rate)
    steps = epochs * (len(features) // batch)
    nothing = torch.zeros(1, batch, dtype=torch.long)
    sums: dict[str, float] = {}
    started = time.monotonic()
    for step in range(steps):
        if step % (len(features) // batch) == 0:
            order = torch.randperm(len(features))
        rows = order[(step % (len(features) // batch)) * batch :][:batch]
        optimizer.param_groups[0]["lr"] = rate * learning_rate_factor((step + 1) / (steps + 1), "cosine", 0.02)
        parameters = regressor(features[rows])
        posed = pose_bodies(module.body, parameters, with_vertices=False)
        truth = target[rows]
        part = Batch(features.new_zeros(1, batch, 0, 0, 0), nothing, nothing, truth, nothing[0, :, None].expand(-1, 2))
        loss, terms = module.objective(Prediction(parameters, features[rows]), posed, part, 1, 0.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for name, value in terms.items():
            sums[name] = sums.get(name, 0.0) + float(value)
        if (step + 1) % 500 == 0:
            shown = {
                name.split("/")[-1]: value / 500 for name, value in sums.items() if not name.startswith("weighted")
            }
            text = "  ".join(f"{name} {value:.4f}" for name, value in shown.items())
            print(f"step {step + 1}/{steps}  {text}  {500 / (time.monotonic() - started):.1f} steps/s", flush=True)
            sums, started = {}, time.monotonic()


def check(arguments: argparse.Namespace) -> None:
    """Finds before hours of work what would fail after them; makes the output's folder.

    Raises:
        UserError: a number that is not above zero, or an output that cannot be written.
    """
    for name in ("epochs", "passes", "batch", "rate"):
        if not getattr(arguments, name) > 0:
            raise UserError(f"--{name}: expected more than 0, got {getattr(arguments, name)}")
    output: Path = arguments.output
    output.parent.mkdir(parents=True, exist_ok=True)
    if output.is_dir() or not os.access(output.parent, os.W_OK):
        raise UserError(f"{output}: cannot be written; expected the name of a checkpoint in a folder that may be")


@guarded
def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("start", help="dense checkpoint")
    parser.add_argument("output", type=Path, help="checkpoint to write")
    parser.add_argument("overrides", nargs="*", help="configuration of experiment=hr_baseline")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--passes", type=int, default=1, help="augmented passes over the people")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rate", type=float, default=1e-3)
    arguments = parser.parse_intermixed_args()
    check(arguments)
    # heat maps do not change here
    config = compose(["experiment=hr_baseline", "keypoint_loss=null", *arguments.overrides])
    set_up_process(config)
    plain = config.plain()
    module = build(plain["model"], "model")
    print(initialise(module.network, str(find(arguments.start, key="start")), plain["init_allow"]))
    data = build_data(plain)
    data.prepare("train")
    people = arguments.passes * len(data.training_views())
    if people < arguments.batch:
        raise UserError(f"--batch: {arguments.batch} is more than the {people} training people; lower it")
    features, targets = compute_features(module.eval(), data, arguments.passes, 128)
    train(module, features, targets, arguments.epochs, arguments.batch, arguments.rate)
    state = {f"network.{name}": value for name, value in module.network.state_dict().items()}
    record = {"config": plain, "version": __version__}
    write_atomically(arguments.output, lambda file: torch.save({"state_dict": state, "rscnet": record}, file))
    print(f"written: {arguments.output}")


if __name__ == "__main__":
    main()
