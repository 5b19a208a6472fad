"""Puts the network of a finished run into the package under a name, with a model card written from the run's records.

python scripts/ship_weights.py <run folder> hr_small

Only weights that the run's figures are of: the last ones of a training, or those that `task=evaluate` was given, which
`--weights` names.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path, PurePath
from typing import Any

from torch import nn

from rscnet import __version__, records
from rscnet.callbacks.checkpoints import LAST
from rscnet.config.fingerprint import portable, portable_words
from rscnet.errors import UserError
from rscnet.models.checkpoint import save_safetensors
from rscnet.temporal.learned import Learned
from rscnet.trained import (
    BODIES,
    FEATURES,
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
| stored as | float16 kernels and matrices, float32 vectors; the figures below were measured before the rounding |

{results}
"""

BODY_RESULTS = """## Errors on {samples} embedded test people, mm

| crop | MPJPE | PA-MPJPE | PVE |
|---|---|---|---|
{rows}

Poses, clothes and backgrounds of the test people occur in no training picture. Real photographs differ from embedded
people more than the test split does, so expect larger errors on them."""

TEXTURE_RESULTS = """## {samples} embedded test people

PSNR of UV maps in dB over the texels that the picture shows and hides, SSIM of the same and of another view.

| crop | method | visible | hidden | SSIM | SSIM, other view |
|---|---|---|---|---|---|
{rows}"""


MOTION_FIGURES = ("mpjpe", "pa_mpjpe", "pve", "accel", "jitter")
MOTION_RESULTS = """## {samples} embedded test clips, {frames} frames

Errors in mm, acceleration error in m/s², jitter in 10 m/s³, of tracks of the per-frame network that it was trained on.

| crop | method | MPJPE | PA-MPJPE | PVE | acceleration | jitter |
|---|---|---|---|---|---|---|
{rows}"""


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
        length=config["data"]["train"].get("length"),
        steps=result.get("steps", "as above"),
        platform=origin["platform"],
        cpus=origin["cpus"],
        version=__version__,
        results=_results(result, config["name"]),
    )


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


def _results(result: dict[str, Any], name: str) -> str:
    """The figures of a run as a table of its kind."""
    if any("uv_hidden" in row for row in result["by_size"].values()):
        figures = ("uv_visible", "uv_hidden", "ssim", "ssim_novel")
        rows = [
            f"| {size} px | {label} | " + " | ".join(f"{row[figure]:.3g}" for figure in figures) + " |"
            for label, table in ({name: result["by_size"]} | result["rivals"]).items()
            for size, row in table.items()
        ]
        return TEXTURE_RESULTS.format(samples=result["samples"], rows="\n".join(rows))
    if any("accel" in row for row in result["by_size"].values()):
        rows = [
            f"| {size} px | {label} | " + " | ".join(f"{row[figure]:.1f}" for figure in MOTION_FIGURES) + " |"
            for label, table in ({name: result["by_size"]} | result["rivals"]).items()
            for size, row in table.items()
        ]
        return MOTION_RESULTS.format(samples=result["samples"], frames=result["frames"], rows="\n".join(rows))
    if not result["by_size"]:
        shown = {key: value for key, value in result["metrics"].items() if key.startswith("val/")}
        return "## Validation\n\n" + "\n".join(
            f"- {key.removeprefix('val/')}: {value:.3g}" for key, value in shown.items()
        )
    rows = [
        f"| {size} px | {row['mpjpe']:.1f} | {row['pa_mpjpe']:.1f} | {row['pve']:.1f} |"
        for size, row in result["by_size"].items()
    ]
    return BODY_RESULTS.format(samples=result["samples"], rows="\n".join(rows))


def _of(trained: Trained | TrainedTexture) -> tuple[nn.Module, dict[str, Any]]:
    return trained.network, trained.config


LOADERS = {
    BODIES: lambda name: _of(load_trained(name)),
    TEXTURES: lambda name: _of(load_texture(name)),
    FEATURES: lambda name: (feature_network(name), read(find(name))[1]),
    TEMPORAL: lambda name: (Learned(name).network, read(find(name))[1]),
}


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
    try:
        network, config = LOADERS[arguments.kind](str(weights))
        parameters = sum(p.numel() for p in network.parameters())
        text = card(arguments.name, arguments.run, weights, config, parameters, arguments.recipe)
        record = json.dumps({"config": portable(config), "version": __version__})
        path = SHIPPED / arguments.kind / f"{arguments.name}.safetensors"
        save_safetensors(path, network, {"rscnet": record}, half=True)
        records.write_text(path.with_suffix(".md"), text)
    except UserError as error:
        raise SystemExit(f"error: {error}") from None
    print(f"written: {path} ({path.stat().st_size / 1e6:.1f} MB) and its card")


if __name__ == "__main__":
    main()
