"""Weights & Biases: online where it can be, else offline, never a prompt."""

from __future__ import annotations

import json
import os
import secrets
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import wandb
import yaml
from pytorch_lightning.loggers import WandbLogger

from rscnet import records
from rscnet.console import say
from rscnet.errors import UserError
from rscnet.loggers.mirror import STATES
from rscnet.render.pictures import Picture

Mode = Literal["auto", "online", "offline", "disabled"]
IDENTITY = "run.json"
SECONDS_TO_ANSWER = 5.0


class WandbRun(WandbLogger):
    """A wandb run that a resumed training goes on with, under the training's own step.

    Args:
        save_dir: folder of the run, which holds `config.yaml` and `provenance.json`; wandb writes into its `wandb/`.
        project, entity: of wandb; entity None is the user's own.
        group: runs shown together, such as those of one sweep; None groups experiment and ablation.
        tags: labels beside those of experiment, ablation, preset and group.
        mode: `auto` is online where a key is stored and the server answers, else offline; the environment's
            `WANDB_MODE` wins.

    Raises:
        UserError: an unknown mode.
    """

    def __init__(
        self,
        save_dir: str,
        project: str = "rscnet",
        entity: str | None = None,
        group: str | None = None,
        tags: Sequence[str] = (),
        mode: Mode = "auto",
    ) -> None:
        folder = Path(save_dir)
        config = yaml.safe_load((folder / records.CONFIG).read_text())
        chosen, reason = choose_mode(os.environ.get("WANDB_MODE") or mode)
        method = "/".join([config["name"], config["ablation"]])
        super().__init__(
            name=f"{method}/seed{config['seed']}",
            save_dir=save_dir,
            id=_identity(folder),
            project=project,
            entity=entity,
            group=group or method,
            tags=sorted({config["name"], config["ablation"], config["preset"], *tags} | ({group} if group else set())),
            job_type=config["task"]["_target_"].split(".")[-2],
            mode=chosen,
            settings=wandb.Settings(silent=True, console="off"),
        )
        self._wandb_init.pop("anonymous", None)  # deprecated, and wandb says so even of None
        self._reason = reason

    @property
    def experiment(self) -> Any:
        """The run of wandb, started at first use; offline after all where the server refuses it."""
        if self._experiment is None:
            try:
                _ = super().experiment
            except wandb.Error as error:
                if self._wandb_init["mode"] != "online":
                    raise
                self._wandb_init["mode"], self._reason = "offline", " ".join(str(error).split())
                _ = super().experiment
            self._announce()
        return super().experiment

    def _announce(self) -> None:
        mode, run = self._wandb_init["mode"], self._experiment
        if mode == "online":
            say(f"wandb: {getattr(run, 'url', 'online')}")
        elif mode == "offline":
            where = Path(self._wandb_init["dir"]) / "wandb" / "offline-run-*"
            say(f"wandb: offline ({self._reason}); upload later with `wandb sync {where}`")

    def log_hyperparams(self, params: Mapping[str, Any]) -> None:  # type: ignore[override]
        """The composed configuration, and the code's version as `code`."""
        provenance = Path(self._wandb_init["dir"]) / records.PROVENANCE
        said = json.loads(provenance.read_text()) if provenance.exists() else {}
        code = {key: said.get(key) for key in ("commit", "uncommitted_changes", "command", "packages")}
        self.experiment.config.update({**params, "code": code}, allow_val_change=True)
        self.experiment.define_metric("val/pa_mpjpe", summary="min")

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """One row; wandb's own step is the training's, so that rows of one step join and a resumed run goes on."""
        self.experiment.log({**metrics, "trainer/global_step": step}, step=step)

    def log_picture(self, name: str, picture: Picture, step: int) -> None:
        """See `Media`."""
        self.experiment.log({name: wandb.Image(picture)}, step=step)

    def log_histogram(self, name: str, values: np.ndarray, step: int) -> None:
        """See `Media`."""
        self.experiment.log({name: wandb.Histogram(values)}, step=step)  # type: ignore[arg-type]

    def log_table(self, name: str, columns: list[str], rows: list[list[Any]], step: int) -> None:  # type: ignore[override]
        """See `Media`."""
        self.experiment.log({name: wandb.Table(columns=list(columns), data=rows)}, step=step)

    def log_checkpoint(self, path: Path) -> None:
        """The file as an artifact of type model, with the alias that its name is."""
        artifact = wandb.Artifact(f"checkpoint-{self.experiment.id}", type="model")
        artifact.add_file(str(path))
        self.experiment.log_artifact(artifact, aliases=[path.stem])

    def close(self, failed: bool) -> None:
        """Ends wandb's run."""
        if self._experiment is not None:
            self._experiment.finish(exit_code=int(failed))


def choose_mode(wanted: str) -> tuple[str, str]:
    """The mode to start wandb in, and why it is not online.

    Raises:
        UserError: an unknown mode.
    """
    if wanted == "dryrun":  # wandb's old name
        wanted = "offline"
    if wanted not in ("auto", "online", "offline", "disabled"):
        raise UserError(
            f"logger.wandb.mode (or WANDB_MODE, which wins): expected auto, online, offline or disabled, got {wanted!r}"
        )
    if wanted in ("offline", "disabled"):
        return wanted, "as asked"
    if not _has_key():
        return "offline", "no API key, `wandb login` stores one"
    if not _answers(wandb.setup().settings.base_url):
        return "offline", "the server does not answer"
    return "online", ""


def _has_key() -> bool:
    return bool(wandb.login(prompt=False, verify=False))


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=SECONDS_TO_ANSWER)  # honours the proxies of the environment
    except urllib.error.HTTPError:  # any answer is one
        return True
    except (OSError, ValueError):
        return False
    return True


def _identity(folder: Path) -> str:
    """wandb's identity of the run in this folder: new with the folder, kept when training goes on."""
    path = folder / STATES / IDENTITY
    if not path.exists():
        records.write_json(path, {"id": secrets.token_hex(4)})
    return json.loads(path.read_text())["id"]
