"""Measures rscnet against what the original does, in one run, and writes docs/benchmarks.md and docs/benchmarks.json.

python scripts/benchmark.py                             everything, about 8 minutes on 2 quiet cores
python scripts/benchmark.py --parts contrastive,curves  some parts; of the others the file keeps what it has
python scripts/benchmark.py --quick --output <folder>  tiny sizes: proves that it runs, measures nothing
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import torch
from bench import (
    contrastive,
    curves,
    document,
    encoder,
    evaluation,
    loading,
    machine,
    prediction,
    rasteriser,
    step,
)
from bench.rows import Row
from bench.sizes import FULL, QUICK, Sizes

from rscnet.console import say
from rscnet.errors import UserError
from rscnet.failures import guarded

DOCS = Path(__file__).parents[1] / "docs"
PARTS: dict[str, Callable[[Sizes], Any]] = {
    "encoder": encoder.measure,
    "train_step": step.measure,
    "contrastive": contrastive.measure,
    "body_and_losses": step.measure_body,
    "data_loading": loading.measure,
    "evaluation": evaluation.measure,
    "prediction": prediction.measure,
    "rasteriser": rasteriser.measure,
    "curves": curves.measure,
}


def run(parts: list[str], sizes: Sizes, quick: bool, output: Path) -> dict[str, Any]:
    """Measures the parts and writes the files after each, so that nothing is lost."""
    results = document.read(output) | {"machine": machine.description(), "quick": quick}
    for name in parts:
        start = time.perf_counter()
        found = PARTS[name](sizes)
        if isinstance(found, Row):
            results["rows"][name] = dataclasses.asdict(found)
        elif name == "train_step":
            results["rows"] |= {key: dataclasses.asdict(row) for key, row in found.items()}
        else:
            results[name] = found
        document.write(output, results)
        say(f"{name}: {time.perf_counter() - start:.0f} s")
    return results


@guarded
def main(words: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="tiny sizes; only proves that everything runs")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 is torch's own choice")
    parser.add_argument("--output", type=Path, default=DOCS, help="folder of the files")
    arguments = parser.parse_args(words)
    parts = [part.strip() for part in arguments.parts.split(",")]
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise UserError(f"--parts: no part {', '.join(unknown)}; expected some of {', '.join(PARTS)}")
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    results = run(parts, QUICK if arguments.quick else FULL, arguments.quick, arguments.output)
    for name, ratio in results["ratios"].items():
        say(f"{name}: {ratio:.2f} times faster")
    say(f"written: {arguments.output / document.MARKDOWN}, {arguments.output / document.JSON}")


if __name__ == "__main__":
    main()
