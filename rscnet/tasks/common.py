"""What tasks share: building the trainer and the data, measuring a network at all sizes."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn

from rscnet import records
from rscnet.body.model import BodyModel
from rscnet.callbacks.errors import ResolutionErrors
from rscnet.callbacks.progress import Progress
from rscnet.callbacks.ranks import RankAgreement
from rscnet.config.build import build
from rscnet.config.fingerprint import digest, measurement
from rscnet.config.schema import RunConfig
from rscnet.console import say
from rscnet.data.datamodule import PeopleDataModule
from rscnet.data.mixture import Mixture
from rscnet.data.spin import SpinAnnotations
from rscnet.data.views import Source, sequences_of
from rscnet.errors import UserError
from rscnet.learning.evaluation import EvaluationModule
from rscnet.learning.external import ExternalModule
from rscnet.looks import Looks
from rscnet.models.mean_body import MeanBodyNetwork
from rscnet.protocol import Protocol
from rscnet.structures import GENDERS
from rscnet.trained import ForeignWeights, PredictsNoBodies, Trained, find, load_trained


def set_up_process(config: RunConfig) -> None:
    """Threads and seeds of this process."""
    if config.threads:
        torch.set_num_threads(config.threads)
    pl.seed_everything(config.seed, verbose=False)


def require_optimizer(plain: dict[str, Any]) -> None:
    """Makes the optimiser of one number, so that a value that it refuses is told before data are made.

    Raises:
        UserError: it refuses.
    """
    try:
        build(plain["optimizer"], "optimizer")([torch.zeros(1, requires_grad=True)])
    except (TypeError, ValueError) as error:
        raise UserError(f"optimizer: {error}; given {values_of(plain['optimizer'])}") from None


def values_of(node: dict[str, Any]) -> str:
    """The values of a node as one writes them on the command line."""
    return ", ".join(f"{key}={value}" for key, value in node.items() if not key.startswith("_"))


def build_data(plain: dict[str, Any]) -> PeopleDataModule:
    """The data module of a plain configuration."""
    return build(plain["data"], "data")


def sources_of(source: Source) -> dict[str, Source]:
    """The sources of a mixture by name; another source is its own only one, without a name."""
    return dict(source.sources) if isinstance(source, Mixture) else {"": source}


def tell_foreign_labels(plain: dict[str, Any], data: PeopleDataModule) -> None:
    """Says so where the body is the embedded one and samples are labelled with SMPL's: poses carry over, lengths of
    bones and shapes do not."""
    if not plain["body"]["_target_"].endswith(".embedded_body"):
        return
    for split in ("train", "val", "test"):
        for one in sources_of(getattr(data, split)).values():
            if isinstance(one, SpinAnnotations) and one.labelled.any():
                say(
                    f"note: data.{split}: {one.labelled.sum():,} bodies of {one.name} are SMPL's, body=embedded has "
                    f"other proportions and shapes; body=smpl paths.smpl=<folder> poses them as meant (docs/smpl.md)"
                )


def data_for(trained: Trained, plain: dict[str, Any]) -> PeopleDataModule:
    """Data for evaluation of a trained network: its input size and scale indices, the configured people and sizes."""
    data = dict(plain["data"])
    data["image_size"] = trained.image_size
    data["resolution"] = {**plain["resolution"], "ranges": trained.ranges}
    return build(data, "data")


def agreement(plain: dict[str, Any]) -> RankAgreement:
    """What holds the processes of a run together."""
    return RankAgreement(digest(plain))


def quiet_trainer(plain: dict[str, Any], folder: Path, callbacks: list[pl.Callback]) -> pl.Trainer:
    """A trainer for evaluation only."""
    return build(
        {**plain["trainer"], "val_check_interval": None},
        "trainer",
        default_root_dir=str(folder),
        callbacks=[agreement(plain), *callbacks],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def truth_bodies(plain: dict[str, Any], protocol: Protocol, body: BodyModel) -> dict[str, BodyModel]:
    """The bodies that pose the labels, by gender: the configured one, which is `body` where that is the same, and its
    male and female form where the protocol asks for them and the body has them."""
    node = plain["body"]
    neutral = build(node, "body")
    found = {"neutral": body if neutral.digest == body.digest else neutral}
    if protocol.truth == "bodies" and protocol.gendered and "gender" in node:
        found |= {name: build({**node, "gender": name}, "body") for name in GENDERS[1:]}
    return found


def looking(network: nn.Module, body: BodyModel, plain: dict[str, Any]) -> nn.Module:
    """A network as `evaluation.looks` has it look: once as in the paper, or as often as in task=predict."""
    if plain["evaluation"]["looks"] == "once":
        return network
    return Looks(network, body, **{name: plain["prediction"][name] for name in ("mirror", "focus", "reframe")})


def measure(
    network: nn.Module,
    body: BodyModel,
    data: PeopleDataModule,
    plain: dict[str, Any],
    folder: Path,
    bodies: dict[str, BodyModel],
) -> ResolutionErrors:
    """Errors on the split that `evaluation.split` names, by size and sequence; `bodies` pose the labels."""
    errors = ResolutionErrors(bodies)
    trainer = quiet_trainer(plain, folder, [errors, Progress()])
    data.trainer = trainer  # its ranks split the people
    module = network if isinstance(network, ExternalModule) else EvaluationModule(network, body)
    try:
        trainer.test(module, datamodule=_OneSplit(data, plain["evaluation"]["split"]), verbose=False)
    except SystemExit:  # what Lightning makes of Ctrl-C, without a word
        raise KeyboardInterrupt from None
    for truth in bodies.values():
        truth.cpu()  # the trainer leaves its own module there, and the next one expects them
    return errors


class _OneSplit(pl.LightningDataModule):
    """The chosen split as test data."""

    def __init__(self, data: PeopleDataModule, split: str) -> None:
        super().__init__()
        self.resolution, self.protocol = data.resolution, data.protocol
        self._data, self._split = data, split

    def prepare_data(self) -> None:
        self._data.prepare(self._split)

    def setup(self, stage: str) -> None:
        self._data.prepare(self._split)
        self.sequences = sequences_of(getattr(self._data, self._split))

    def test_dataloader(self) -> Any:
        return self._data.test_dataloader() if self._split == "test" else self._data.val_dataloader()


def evaluation_folder(config: RunConfig, what: str, name: str) -> Path:
    """Where an evaluation of `what` (as told) leaves its results: `output`, else by `name` and by all that decides its
    figures, so that no evaluation replaces another; with its configuration and provenance.

    Raises:
        UserError: `output` is the folder of a training.
    """
    folder = Path(config.output or Path(config.paths.output) / "evaluate" / name / measurement(config))
    if (folder / "checkpoints").exists():
        raise UserError(f"output: {folder} is the folder of a training, whose result this would replace; take another")
    say(f"{what}; results go to {folder}")
    records.write_config(folder, config.plain())
    records.write_json(folder / records.PROVENANCE, records.provenance())
    return folder


def require_rivals(config: RunConfig) -> None:
    """Looks for the weights of all rivals of a body network, so that a missing file is told before a run or a
    measurement and not at its end.

    Raises:
        UserError: nothing of that name.
    """
    for label, name in config.evaluation.rivals.items():
        if name not in (None, "mean_pose", "init_from"):
            find(str(name), key=f"evaluation.rivals.{label}")


def rival(name: str, label: str, config: RunConfig, body: BodyModel) -> tuple[nn.Module, Trained | None] | None:
    """A network to compare with: the mean body, the start of the run, or a checkpoint; None where there is none, which
    a start that predicts no bodies or is another program's is too; `label` is its name in the configuration."""
    if name == "mean_pose":
        return MeanBodyNetwork(body), None
    if name == "init_from":
        if config.init_from in (None, "none"):
            return None
        with contextlib.suppress(PredictsNoBodies, ForeignWeights):
            trained = load_trained(str(config.init_from), config.paths.smpl, "init_from")
            return trained.network, trained
        return None
    trained = load_trained(name, config.paths.smpl, f"evaluation.rivals.{label}")
    return trained.network, trained
