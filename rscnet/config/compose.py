"""From command-line words to a validated configuration, with one clear message for each mistake."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rscnet.config.ablation import BASE, check_ablation
from rscnet.config.schema import RunConfig, suggest, validate
from rscnet.errors import UserError

PATH_KEYS = ("checkpoint", "texture", "input", "boxes", "tracks", "output", "init_from", "temporal.checkpoint")
CONFIG_DIR = Path(__file__).resolve().parents[2] / "conf"


def automatic_precision(accelerator: str) -> str:
    """bf16-mixed on a GPU or a CPU with bfloat16 instructions (twice as fast), else full precision."""
    import torch

    on_gpu = accelerator != "cpu" and torch.cuda.is_available()
    fast = on_gpu or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16-mixed" if fast else "32-true"


def within(folder: str | None, name: str) -> str:
    """A file in a folder that may not be set yet."""
    return name if folder is None else str(Path(folder) / name)


def register_resolvers() -> None:
    """The pure functions that yaml files may use, as `${length:...}`, `${half:...}` and so on."""
    OmegaConf.register_new_resolver("within", within, replace=True)
    OmegaConf.register_new_resolver("length", len, replace=True)
    OmegaConf.register_new_resolver("half", lambda value: value // 2, replace=True)
    OmegaConf.register_new_resolver("precision", automatic_precision, replace=True)


def _require_configuration() -> None:
    if not CONFIG_DIR.is_dir():
        raise UserError(
            f"{CONFIG_DIR}: missing: the configuration lies beside the package, in the checkout; "
            "install rscnet from there with pip install -e <folder>"
        )


def experiments() -> dict[str, str]:
    """Names of the experiments with the first comment line of each file.

    Raises:
        UserError: an installation without configuration.
    """
    _require_configuration()
    found = {}
    for path in sorted((CONFIG_DIR / "experiment").glob("*.yaml")):
        comments = [line[1:].strip() for line in path.read_text().splitlines() if line.startswith("# ")]
        found[path.stem] = next((line for line in comments if not line.startswith("@package")), "")
    return {name: text for name, text in found.items() if name != "none"}


def compose(overrides: Sequence[str]) -> RunConfig:
    """The configuration that the command line describes.

    Raises:
        UserError: an override that does not fit, or values that make no sense.
    """
    tree = compose_tree(overrides)
    if tree["ablation"] != BASE:
        unresolved = partial(compose_tree, resolve=False)
        check_ablation(unresolved(list(overrides)), overrides, unresolved)
    return validate(tree)


def compose_tree(overrides: Sequence[str], resolve: bool = True) -> dict[str, Any]:
    """The composed tree, before validation."""
    _require_configuration()
    register_resolvers()
    words = [_verbatim_path(word) for word in overrides]
    chosen = any(word.lstrip("+").startswith("preset=") for word in words)
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(CONFIG_DIR), version_base="1.3", job_name="rscnet"):
            composed = hydra_compose("config", overrides=words)
            if composed.preset == "cpu" and not chosen and shutil.which("nvidia-smi"):  # nothing else chose one
                composed = hydra_compose("config", overrides=[*words, "preset=gpu"])
        tree = OmegaConf.to_container(composed, resolve=resolve, throw_on_missing=resolve)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(explain(error)) from None
    except ValueError as error:  # Hydra's own for `preset=64`
        if "Config group override" not in str(error):
            raise
        raise UserError(f"{' '.join(_numbered(words))}: expected key=<name of a choice>") from None
    finally:
        GlobalHydra.instance().clear()
    assert isinstance(tree, dict)
    return tree  # type: ignore[return-value]


def _numbered(words: Sequence[str]) -> list[str]:
    """The words that choose a number or null where conf/ has a folder of choices."""
    parts = [(word, *word.lstrip("+").partition("=")) for word in words]
    chosen = [(word, value) for word, key, _, value in parts if (CONFIG_DIR / key).is_dir()]
    return [word for word, value in chosen if value == "null" or not value[:1].isalpha()]


def _verbatim_path(word: str) -> str:
    """A word that holds a path, quoted: brackets, commas, accents and `~` mean something else to Hydra or nothing."""
    key, _, value = word.partition("=")
    folder = key.startswith("paths.") and "${" not in value
    if (key not in PATH_KEYS and not folder) or value in ("", "null") or value[0] in "'\"":
        return word
    value = os.path.expanduser(value).replace("${", "\\${")
    return key + "='" + re.sub(r"(\\*)('|$)", lambda end: end[1] * 2 + end[2].replace("'", "\\'"), value) + "'"


def explain(error: Exception) -> str:
    """One line for an error of Hydra or OmegaConf, with the nearest known name where one is misspelt."""
    text = str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if isinstance(error, OverrideParseException):
        return f"{error.override}: expected key=value, brackets in pairs, and quotes around special characters"
    key = re.search(r"Key '([^']+)' is not in struct", text) or re.search(r"Could not override '([^']+)'", text)
    full = re.search(r"full_key: (\S+)", text)
    if "is not in struct" in text and key:
        name = full.group(1) if full else key.group(1)
        return f"{name}: unknown key{_near_key(name)}"
    missing = re.search(r"Could not find '([^']+)/([^'/]+)'", text)
    if missing:
        group, choice = missing.groups()
        # our settings of a launcher are called by the launcher's name
        known = [path.stem.removeprefix("rscnet_") for path in (CONFIG_DIR / group).glob("*.yaml")]
        return f"{group}={choice}: there is no conf/{group}/{choice}.yaml{suggest(choice, known)}"
    group = re.search(r"Could not override '([^']+)'\.", text)
    if group:
        return f"{group.group(1)}: unknown key{_near_key(group.group(1))}"
    return " ".join(lines)


def _near_key(name: str) -> str:
    """Suggestion from the keys beside the wrong one in the default configuration."""
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3", job_name="rscnet"):
        node: Any = OmegaConf.to_container(hydra_compose("config"), resolve=False)
    *parents, last = name.split(".")
    for part in parents:
        node = node.get(part, {}) if isinstance(node, dict) else {}
    if not isinstance(node, dict) or not node:
        return ""
    if last in node:
        return " of this choice; the defaults have it"
    return suggest(last, [str(k) for k in node if not str(k).startswith("_")])
