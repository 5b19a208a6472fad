"""The identity of a run: a digest of what decides its result, and the folder that it names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from rscnet.config.schema import RunConfig
from rscnet.files import SHIPPED

SCIENCE = (
    "image_size", "init_from", "init_allow", "data", "body", "resolution", "degradation", "augmentation", "model",
    "loss", "curriculum", "optimizer", "schedule",
)  # fmt: skip
# how the trainer turns gradients into steps, and values that mean that it does nothing to them
STEPS = {
    "gradient_clip_val": (None, 0),
    "gradient_clip_algorithm": (None, "norm"),
    "sync_batchnorm": (None, False),
}
# where things lie and how many processes work on them changes nothing that is learned
WITHOUT_EFFECT = frozenset(
    {"cache_dir", "shard_size", "folder", "workers", "eval", "eval_batch_size", "val", "test", "protocol", "skip_bad"}
)

# what decides the figures of a measurement beside the weights; files of weights count by the name that they are given
# by, shipped ones by what they hold too, for another version of rscnet may have others of that name
MEASURED = ("name", "checkpoint", "init_from", "body", "degradation", "external", "texglo", "temporal", "evaluation")

# switches that came later, and their values that change nothing (null never does): with these, runs from before are
# still found
NEUTRAL = {
    **dict.fromkeys(("bytescale", "accumulate_gain", "bgr_luma", "keep_confidences"), False),
    "ramp": "up",
    "sequential": False,
    "refinement": False,
    "own_norm": False,
    "own_rate": 1.0,
    "share": 0.0,
    **dict.fromkeys(("distances", "recut", "focus", "shown")),
    **dict.fromkeys(("clutter", "company", "everyday", "gaze", "free_limbs"), 0.0),
    "pose_noise": 1.0,
    "limb_mixing": 0.5,
}


def science(config: RunConfig) -> dict[str, Any]:
    """The part of a configuration that decides what is learned, the seed excepted."""
    return science_of(config.plain())


def science_of(plain: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a plain configuration, which may be an older one that lacks keys."""
    chosen = {key: _without(plain.get(key)) for key in SCIENCE}
    chosen["init_from"] = _weights(plain.get("init_from"))
    chosen["data"].pop("seed", None)  # the run's own seed; those of sources are part of the data
    chosen["precision"] = plain["trainer"].get("precision")
    chosen |= {key: plain["trainer"][key] for key, off in STEPS.items() if plain["trainer"].get(key) not in off}
    if average := (plain.get("callbacks") or {}).get("average"):
        chosen["average"] = _without(average)
    folders = _folders_that_are_data((plain.get("data") or {}).get("train"))
    return chosen | ({"folders": folders} if folders else {})


def portable(plain: dict[str, Any]) -> dict[str, Any]:
    """What a network needs to be rebuilt elsewhere: names and science of a plain configuration, no machine's paths."""
    chosen = {key: plain[key] for key in ("name", "preset", "seed")} | {key: _without(plain[key]) for key in SCIENCE}
    return chosen | {"init_from": plain["init_from"] and PurePath(plain["init_from"]).name}


def portable_words(words: Sequence[str]) -> str:
    """The words of a command without those that name one machine's folders."""
    return " ".join(word for word in words if not word.startswith("paths."))


def _weights(name: str | None) -> str | list[str] | None:
    """A name of weights, with a digest of what they are where they ship."""
    path = {path.stem: path for path in SHIPPED.rglob("*.safetensors")}.get(str(name))
    return name if path is None else [path.stem, hashlib.blake2b(path.read_bytes(), digest_size=5).hexdigest()]


def _without(node: Any) -> Any:
    if isinstance(node, dict):
        kept = {key: value for key, value in node.items() if key not in WITHOUT_EFFECT | _of_no_scale(node)}
        return {
            key: _without(value)
            for key, value in kept.items()
            if key not in NEUTRAL or value not in (None, NEUTRAL[key])
        }
    return [_without(value) for value in node] if isinstance(node, list) else node


def _of_no_scale(node: dict[str, Any]) -> set[str]:
    """What a model or an encoder asks for in vain, for a plain network has nothing of a scale's own."""
    network = node.get("network")
    encoder = network.get("encoder") if isinstance(network, dict) else node
    plain = isinstance(encoder, dict) and encoder.get("resolution_aware") is False
    return {"own_norm", "own_rate"} if plain else set()


def _folders_that_are_data(node: Any) -> list[str]:
    """Folders of training data that nothing but the folder tells apart; where files in it are named, the name does."""
    if not isinstance(node, dict):
        return []
    own = [str(node["folder"])] if "folder" in node and "name" not in node else []
    return own + [found for key in sorted(node.keys() - {"body"}) for found in _folders_that_are_data(node[key])]


def measurement(config: RunConfig) -> str:
    """Digest of what decides the figures of a measurement."""
    plain, split = config.plain(), config.evaluation.split
    chosen = {key: plain[key] for key in MEASURED} | {"model": config.model.target, "sizes": config.resolution.eval}
    chosen |= {key: _weights(plain[key]) for key in ("checkpoint", "init_from")}
    chosen["rivals"] = {label: _weights(name) for label, name in plain["evaluation"]["rivals"].items()}
    chosen["precision"] = plain["trainer"].get("precision")
    people = plain["data"].get(split)
    if isinstance(people, dict):
        people = {key: value for key, value in people.items() if key not in ("cache_dir", "shard_size")}
    chosen["data"] = [people, *(plain["data"].get(key) for key in ("protocol", "skip_bad", "seed"))]
    return digest(chosen | ({"looks": plain["prediction"]} if config.evaluation.looks == "predict" else {}))


def digest(tree: Any) -> str:
    """Ten hexadecimal digits of a plain tree, the same on every machine."""
    text = json.dumps(tree, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=5).hexdigest()


def run_folder(config: RunConfig) -> Path:
    """`<output>/<experiment>/<ablation>/<fingerprint>/seed<k>`: the same command finds the same folder again."""
    return Path(config.paths.output) / config.name / config.ablation / digest(science(config)) / f"seed{config.seed}"
