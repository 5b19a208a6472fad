"""Puts the network of a finished run into the package under a name, with a model card written from the run's records.

python scripts/ship_weights.py <run folder> hr_small
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path, PurePath
from typing import Any

from rscnet import __version__, records
from rscnet.config.fingerprint import portable
from rscnet.errors import UserError
from rscnet.models.checkpoint import save_safetensors
from rscnet.trained import SHIPPED, load_trained

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

## Errors on {samples} embedded test people, mm

| crop | MPJPE | PA-MPJPE | PVE |
|---|---|---|---|
{rows}

Poses, clothes and backgrounds of the test people occur in no training picture. Real photographs differ from embedded
people more than the test split does, so expect larger errors on them.
"""


def card(name: str, folder: Path, config: dict[str, Any], parameters: float, recipe: str | None = None) -> str:
    """The model card of a run.

    Raises:
        UserError: a run that is not finished.
    """
    try:
        result = json.loads((folder / records.RESULT).read_text())
        origin = json.loads((folder / records.PROVENANCE).read_text())
    except OSError as error:
        raise UserError(f"{error.filename}: missing; ship the weights of a finished run") from None
    rows = [
        f"| {size} px | {row['mpjpe']:.1f} | {row['pa_mpjpe']:.1f} | {row['pve']:.1f} |"
        for size, row in result["by_size"].items()
    ]
    return CARD.format(
        name=name,
        parameters=parameters / 1e6,
        image_size=config["image_size"],
        experiment=config["name"],
        command=recipe or "`python -m rscnet.run " + " ".join(origin["command"][1:]) + "`",
        commit=origin["commit"],
        start=PurePath(config["init_from"] or "random weights").name,
        seed=config["seed"],
        length=config["data"]["train"].get("length"),
        steps=result.get("steps"),
        platform=origin["platform"],
        cpus=origin["cpus"],
        version=__version__,
        samples=result["samples"],
        rows="\n".join(rows),
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("name", help="name under which checkpoint=<name> will find the weights")
    parser.add_argument("--recipe", help="commands that lead to the weights, where one is not all")
    parser.add_argument("--weights", default="checkpoints/last.ckpt", help="which weights of the run (default: last)")
    arguments = parser.parse_args()
    try:
        trained = load_trained(str(arguments.run / arguments.weights))
        parameters = sum(p.numel() for p in trained.network.parameters())
        text = card(arguments.name, arguments.run, trained.config, parameters, arguments.recipe)
        record = json.dumps({"config": portable(trained.config), "version": __version__})
        path = SHIPPED / f"{arguments.name}.safetensors"
        save_safetensors(path, trained.network, {"rscnet": record}, half=True)
        records.write_text(path.with_suffix(".md"), text)
    except UserError as error:
        raise SystemExit(f"error: {error}") from None
    print(f"written: {path} ({path.stat().st_size / 1e6:.1f} MB) and its card")


if __name__ == "__main__":
    main()
