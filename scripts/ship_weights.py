"""Puts the network of a finished run into the package under a name, with a model card written from the run's records.

python scripts/ship_weights.py <run folder> hr_small

Only weights that the run's figures are of: the last ones of a training, or those that `task=evaluate` was given, which
`--weights` names.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

from torch import nn

from rscnet import __version__, records
from rscnet.callbacks.checkpoints import LAST
from rscnet.config.fingerprint import portable, portable_words
from rscnet.errors import UserError
from rscnet.failures import guarded
from rscnet.models.checkpoint import save_safetensors
from rscnet.temporal.learned import Learned
from rscnet.trained import (
    BODIES,
    FEATURES,
    LICENSED,
    SHIPPED,
    TEMPORAL,
    TEXTURES,
    Trained,
    TrainedTexture,
    feature_network,
    find,
    load_texture,
    load_trained,
    read,
)

CARD = """# {name}

{parameters:.2f} M parameters, input {image_size} px, trained by `experiment={experiment}` on embedded (synthetic)
people only; no licensed data, no foreign weights. Licence: Apache-2.0, like the code.

| | |
|---|---|
| made by | {command} |
| commit | `{commit}` |
| start | {start} |
| seed | {seed} |
| training people | {length} |
| steps | {steps} |
| machine | {platform}, {cpus} CPUs |
| rscnet | {version} |
| stored as | float16 kernels and matrices, all else float32; the figures below were measured before the rounding |

{results}
"""

BODY_RESULTS = """## Errors on {samples} embedded test people, mm

{table}

Poses, clothes and backgrounds of the test people occur in no training picture. Real photographs differ from embedded
people more than the test split does, so expect larger errors on them."""

TEXTURE_RESULTS = """## {samples} embedded test people

PSNR of UV maps in dB over the texels that the picture shows and hides, SSIM of the same and of another view.

{table}"""

MOTION_RESULTS = """## {samples} embedded test clips, {frames} frames

Errors in mm, acceleration error in m/s², jitter in 10 m/s³, of tracks of the per-frame network that it was trained on.

{table}"""

BODY_FIGURES = {"mpjpe": "MPJPE", "pa_mpjpe": "PA-MPJPE", "pve": "PVE"}
MOTION_FIGURES = BODY_FIGURES | {"accel": "acceleration", "jitter": "jitter"}
TEXTURE_FIGURES = {
    "uv_visible": "visible", "uv_hidden": "hidden", "ssim": "SSIM", "ssim_novel": "SSIM, other view",
}  # fmt: skip
EMBEDDED = (
    "rscnet.data.synthetic.", "rscnet.data.clips.EmbeddedClips", "rscnet.data.mixture.", "rscnet.data.degradations.",
    "rscnet.body.model.", "rscnet.trained.FrozenNetwork",
)  # fmt: skip
"""What training data may be made of so that all of it is synthetic."""
RECORDED = "rscnet.data.synthetic.recorded."


def card(
    name: str, folder: Path, weights: Path, config: dict[str, Any], parameters: float, recipe: str | None = None
) -> str:
    """The model card of some weights, by the run that measured them.

    Raises:
        UserError: a run that is not finished, or whose figures are of other weights.
    """
    try:
        result = json.loads((folder / records.RESULT).read_text())
        origin = json.loads((folder / records.PROVENANCE).read_text())
    except OSError as error:
        raise UserError(f"{error.filename}: missing; ship the weights of a finished run") from None
    _require_measured(folder, weights, result)
    return CARD.format(
        name=name,
        parameters=parameters / 1e6,
        image_size=config["image_size"],
        experiment=config["name"],
        command=recipe or f"`python -m rscnet.run {portable_words(origin['command'][1:])}`",
        commit=origin["commit"],
        start=PurePath(config["init_from"] or "random weights").name,
        seed=config["seed"],
        length=people(config["data"]["train"]),
        steps=result.get("steps", "as above"),
        platform=origin["platform"],
        cpus=origin["cpus"],
        version=__version__,
        results=_results(result, config["name"]),
    )


def people(train: Mapping[str, Any]) -> int | None:
    """How many different people training data hold, as far as its passes reach into a mixture's sets."""
    if "sources" not in train:
        return train.get("length")
    groups = [source for source in train["sources"].values() if source is not None]
    sources = [one for group in groups for one in ([group] if "_target_" in group else group.values()) if one]
    return sum(min(source["length"], train["length"] or source["length"]) for source in sources)


def _require_measured(folder: Path, weights: Path, result: dict[str, Any]) -> None:
    """Refuses weights that a run's figures are not of."""
    evaluated = result.get("checkpoint")
    if evaluated and "frames" in result:
        return  # an evaluation of motion records the per-frame network, whatever refined its tracks
    measured = Path(evaluated or folder / "checkpoints" / LAST)
    if weights.resolve() != measured.resolve():
        raise UserError(
            f"{weights}: the figures of {folder} are of {measured}; ship those weights, or measure these by "
            f"task=evaluate checkpoint={weights} output=<folder>, then ship <folder> with --weights {weights.resolve()}"
        )


def require_embedded(config: Mapping[str, Any]) -> None:
    """Refuses weights of which the card would not be true.

    Raises:
        UserError: training data that are not synthetic, or a licensed body.
    """
    foreign = [name for name in _targets(config["data"]["train"]) if not name.startswith(EMBEDDED)]
    parts = [config["data"]["train"], config["body"], config["model"]]
    foreign += [name for name in _targets(parts) if name.startswith((LICENSED, RECORDED))]
    if foreign:
        raise UserError(
            f"{config['name']}: was trained with {foreign[0]}; expected embedded people only, as the card says, "
            "and no licensed data: such weights do not ship"
        )


def _targets(node: Any) -> Iterator[str]:
    """All `_target_` below a node of a configuration."""
    if isinstance(node, Mapping):
        yield from [str(node["_target_"])] if "_target_" in node else []
        node = list(node.values())
    for part in node if isinstance(node, list) else []:
        yield from _targets(part)


def _table(methods: Mapping[str, Mapping[str, Any]], figures: Mapping[str, str], form: str) -> str:
    """A row for each method and size, a column for each of the figures that all rows have."""
    rows = [(size, label, row) for label, table in methods.items() for size, row in table.items()]
    shown = {key: title for key, title in figures.items() if all(key in row for *_, row in rows)}
    lines = [["crop", "method", *shown.values()], ["---"] * (2 + len(shown))]
    lines += [[f"{size} px", label, *(format(row[key], form) for key in shown)] for size, label, row in rows]
    named = len(methods) > 1
    return "\n".join(f"| {' | '.join(line if named else [line[0], *line[2:]])} |" for line in lines)


def _results(result: dict[str, Any], name: str) -> str:
    """The figures of a run as a table of its kind."""
    methods = {name: result["by_size"]} | result["rivals"]
    if any("uv_hidden" in row for row in result["by_size"].values()):
        table = _table(methods, TEXTURE_FIGURES, ".3g")
        return TEXTURE_RESULTS.format(samples=result["samples"], table=table)
    if any("accel" in row for row in result["by_size"].values()):
        table = _table(methods, MOTION_FIGURES, ".1f")
        return MOTION_RESULTS.format(samples=result["samples"], frames=result["frames"], table=table)
    if not result["by_size"]:
        shown = {key: value for key, value in result["metrics"].items() if key.startswith("val/")}
        return "## Validation\n\n" + "\n".join(
            f"- {key.removeprefix('val/')}: {value:.3g}" for key, value in shown.items()
        )
    table = _table({name: result["by_size"]}, BODY_FIGURES, ".1f")
    return BODY_RESULTS.format(samples=result["samples"], table=table)


def _of(trained: Trained | TrainedTexture) -> tuple[nn.Module, dict[str, Any]]:
    return trained.network, trained.config


LOADERS = {
    BODIES: lambda name: _of(load_trained(name)),
    TEXTURES: lambda name: _of(load_texture(name)),
    FEATURES: lambda name: (feature_network(name), read(find(name))[1]),
    TEMPORAL: lambda name: (Learned(name).network, read(find(name))[1]),
}


@guarded
def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("name", help="name under which checkpoint=<name> will find the weights")
    parser.add_argument("--kind", choices=LOADERS, default=BODIES, help="kind of network; by default bodies")
    parser.add_argument("--recipe", help="commands that lead to the weights, where one is not all")
    parser.add_argument("--weights", default=f"checkpoints/{LAST}", help="those that were measured (default: the last)")
    arguments = parser.parse_args()
    weights = arguments.run / arguments.weights
    network, config = LOADERS[arguments.kind](str(weights))
    require_embedded(config)
    parameters = sum(p.numel() for p in network.parameters())
    text = card(arguments.name, arguments.run, weights, config, parameters, arguments.recipe)
    record = json.dumps({"config": portable(config), "version": __version__})
    path = SHIPPED / arguments.kind / f"{arguments.name}.safetensors"
    save_safetensors(path, network, {"rscnet": record}, half=True)
    records.write_text(path.with_suffix(".md"), text)
    print(f"written: {path} ({path.stat().st_size / 1e6:.1f} MB) and its card")


if __name__ == "__main__":
    main()
