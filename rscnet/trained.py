"""Trained networks: found by file, run folder or shipped name; rebuilt from the configuration that they carry."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rscnet import __version__
from rscnet.body.model import BodyModel
from rscnet.callbacks.checkpoints import BEST, LAST
from rscnet.config.build import build_saved
from rscnet.errors import UserError
from rscnet.files import SHIPPED
from rscnet.models.checkpoint import Allowed, absent_parts, load_strict, load_weights, matches
from rscnet.models.features import ReIDNet
from rscnet.models.normalisation import for_all_scales
from rscnet.models.official import import_state
from rscnet.models.rscnet import RSCNet
from rscnet.models.texglo import TexGlo
from rscnet.resolution import ResolutionSet
from rscnet.structures import Prediction

BODIES, TEXTURES, FEATURES, TEMPORAL = (
    "",
    "texture",
    "features",
    "temporal",
)  # folders of shipped weights by kind of network
KINDS = {
    BODIES: "a body network (checkpoint=)", TEXTURES: "a texture network (texture=)",
    FEATURES: "a network of features (texglo.judges)", TEMPORAL: "a temporal network (temporal=learned)",
}  # fmt: skip
NETWORK = "network."
LICENSED = "rscnet.body.licensed."
_Network = TypeVar("_Network", bound=nn.Module)


class PredictsNoBodies(UserError):
    """Weights of ours, but of a model without body regressor, such as dense pretraining."""


class ForeignWeights(UserError):
    """Weights without our configuration: another program's, a start at best."""


@dataclass(frozen=True)
class Trained:
    """A network in evaluation mode with the body and the configuration that it was trained with."""

    network: RSCNet
    body: BodyModel
    config: dict[str, Any]
    path: Path

    @property
    def image_size(self) -> int:
        """Side of the network's input in pixels."""
        return int(self.config["image_size"])

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """Resolution ranges that the scale indices stand for."""
        return [(int(low), int(high)) for low, high in self.config["resolution"]["ranges"]]


@dataclass(frozen=True)
class TrainedTexture:
    """A texture network in evaluation mode with the body whose UV maps it makes and its configuration."""

    network: TexGlo
    body: BodyModel
    config: dict[str, Any]
    path: Path

    @property
    def resolution(self) -> ResolutionSet:
        """What the network's scale indices stand for."""
        ranges = self.config["resolution"]["ranges"]
        return ResolutionSet(ranges, [ranges[0][1]])


def shipped(kind: str = BODIES) -> list[str]:
    """Names of the weights inside the package, of one kind of network."""
    return sorted(path.stem for path in (SHIPPED / kind).glob("*.safetensors"))


def shipped_texture() -> str | None:
    """Name of the texture network that is used where none is asked for; None where none ships."""
    return next(iter(shipped(TEXTURES)), None)


def find(name: str, kind: str = BODIES, key: str = "checkpoint") -> Path:
    """The weights file that a name, a file or a run folder stands for; of a run the last checkpoint, which its
    results were measured with, else the best. Messages name the configuration `key` that it was given for.

    Raises:
        UserError: nothing of that name.
    """
    path = Path(name)
    if path.is_file():
        return path
    if path.is_dir():
        for candidate in (path / "checkpoints" / LAST, path / "checkpoints" / BEST, path / LAST, path / BEST):
            if candidate.is_file():
                return candidate
        raise UserError(f"{key}: the folder {path} holds no checkpoints/{LAST} or checkpoints/{BEST}")
    if (SHIPPED / kind / f"{name}.safetensors").is_file():
        return SHIPPED / kind / f"{name}.safetensors"
    others = [other for other in (BODIES, TEXTURES, FEATURES, TEMPORAL) if name in shipped(other)]
    if others:
        raise UserError(f"{key}: '{name}' is {KINDS[others[0]]}; expected one of {shipped(kind)}")
    names = ", ".join(shipped(kind)) or "none"
    raise UserError(f"{key}: '{name}' is no file, no run folder and no shipped weights (shipped: {names})")


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The network's state dict and the configuration of one of our own weights files.

    Raises:
        UserError: a file that is damaged or not ours.
    """
    state, metadata = load_weights(path)
    config = configuration(metadata, path)
    if config is None:
        raise ForeignWeights(
            f"{path}: carries no rscnet configuration, so it was not written by rscnet; "
            f"make a checkpoint of it with: python scripts/import_checkpoint.py {path} {path.stem}_rscnet.safetensors"
        )
    return _network(state), config


def load_trained(name: str, smpl: str | None = None, key: str = "checkpoint") -> Trained:
    """The trained body network that `name` stands for (see `find`).

    Args:
        name: shipped name, weights file or run folder.
        smpl: where the licensed body files lie on this machine (`paths.smpl`), for networks trained with them; without
            it the folder of the machine that trained them.
        key: as in `find`.

    Raises:
        UserError: nothing of that name, a damaged file, or weights of another kind of model.
    """
    path = find(name, key=key)
    state, config = read(path)
    body = build_saved(_on_this_machine(config["body"], smpl), "body")
    network = build_saved(_on_this_machine(config["model"]["network"], smpl), "model.network")
    if not isinstance(network, RSCNet):
        kind = type(network).__name__
        raise PredictsNoBodies(f"{path}: holds a {kind} (experiment={config.get('name')}), which predicts no bodies")
    load_strict(network, state, path)
    return Trained(network.eval(), body, config, path)


def load_texture(name: str, smpl: str | None = None, key: str = "checkpoint") -> TrainedTexture:
    """The trained texture network that `name` stands for (`key` as in `find`); `smpl` as in `load_trained`.

    Raises:
        UserError: nothing of that name, a damaged file, or weights of another kind of model.
    """
    path = find(name, TEXTURES, key)
    network, config = _rebuilt(path, TexGlo)
    return TrainedTexture(network, build_saved(_on_this_machine(config["body"], smpl), "body"), config, path)


def feature_network(name: str) -> ReIDNet:
    """The network that `experiment=reid` trained: a shipped name, a weights file or a run folder.

    Raises:
        UserError: nothing of that name, a damaged file, or weights of another kind of model.
    """
    return _rebuilt(find(name, FEATURES, "texglo.judges"), ReIDNet)[0]


def _rebuilt(path: Path, kind: type[_Network]) -> tuple[_Network, dict[str, Any]]:
    state, config = read(path)
    network = build_saved(config["model"]["network"], "model.network")
    if not isinstance(network, kind):
        found = type(network).__name__
        raise UserError(f"{path}: holds a {found} (experiment={config.get('name')}); expected a {kind.__name__}")
    load_strict(network, state, path)
    return network.eval(), config


def initialise(network: nn.Module, name: str, allow: Allowed) -> str:
    """Loads a network's start from a checkpoint, ours or one that `rscnet.models.official` knows; only keys that match
    `allow` may be left over, and only parts that match it may be missing, each as a whole.

    Returns:
        One line that says what was loaded.

    Raises:
        UserError: keys that do not fit and are not allowed, listed.
    """
    path = find(name, key="init_from")
    state, metadata = load_weights(path)
    if configuration(metadata, path) is None:
        return f"start: {path.name}, {import_state(network, state, path, allow)}"
    state, expected = for_all_scales(network, _network(state)), network.state_dict()
    untouched = absent_parts(expected, state, allow["missing"], path)
    ignored = [k for k in state if k not in expected and matches(k, allow["unexpected"])]
    chosen = {k: v for k, v in state.items() if k not in ignored} | {k: expected[k] for k in untouched}
    load_strict(network, chosen, path)
    loaded = len(chosen) - len(untouched)
    return f"start: {path.name}, {loaded} tensors loaded, {len(untouched)} new, {len(ignored)} ignored"


def configuration(metadata: Mapping[str, Any], path: Path) -> dict[str, Any] | None:
    """The configuration beside our own weights; None beside others."""
    record = metadata.get("rscnet")
    if isinstance(record, str):  # safetensors keep text only
        with contextlib.suppress(ValueError, RecursionError):
            record = json.loads(record)
    if not isinstance(record, Mapping) or not isinstance(record.get("config"), Mapping):
        return None
    _refuse_newer(record.get("version"), path)
    return dict(record["config"])


def _refuse_newer(version: Any, path: Path) -> None:
    """Refuses what a later rscnet has written, which may mean something else by the same words."""
    written, ours = ([int(part) for part in re.findall(r"\d{1,9}", str(v))[:3]] for v in (version, __version__))
    if any(ours) and written > ours:
        raise UserError(f"{path}: was written by rscnet {version}, this is {__version__}; update rscnet to use it")


def _network(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The network's own entries of a training checkpoint, or all of a weights file."""
    return {key.removeprefix(NETWORK): value for key, value in state.items() if key.startswith(NETWORK)} or state


def _on_this_machine(node: Any, smpl: str | None) -> Any:
    """A recorded configuration whose licensed bodies are read from `smpl`, or from where they lay if that is None."""
    if not isinstance(node, Mapping):
        return node
    changed = {key: _on_this_machine(value, smpl) for key, value in node.items()}
    if str(node.get("_target_")).startswith(LICENSED):
        changed["folder"] = smpl or node.get("folder")
    return changed


class FrozenNetwork:
    """A trained body network for data code that caches what it says; it never learns and keeps no gradients.

    Args:
        checkpoint, smpl: see `load_trained`.

    Raises:
        UserError: as `load_trained`.
    """

    def __init__(self, checkpoint: str, smpl: str | None = None) -> None:
        self.trained = load_trained(checkpoint, smpl)
        self.image_size, self.ranges = self.trained.image_size, self.trained.ranges
        built_from = json.dumps(self.trained.config["model"]["network"], sort_keys=True)
        digest = hashlib.blake2b(built_from.encode(), digest_size=8)
        for name, value in sorted(self.trained.network.state_dict().items()):
            digest.update(name.encode() + value.cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        self.digest = digest.hexdigest()

    @torch.no_grad()
    def __call__(self, views: Float[Tensor, "n 3 h w"], scale_index: Int[Tensor, "n"]) -> Prediction:
        """What the network says of normalised views."""
        return self.trained.network(views, scale_index)
