"""Results of temporal refinement: every back-end at every size in one table, and `result.json`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from rscnet import records
from rscnet.body.model import BodyModel
from rscnet.callbacks.errors import ErrorTable
from rscnet.config.build import build
from rscnet.config.schema import RunConfig
from rscnet.console import say
from rscnet.data.clip import Clip
from rscnet.data.clip_module import ClipDataModule
from rscnet.joints import H36M_PELVIS, LSP_14_FROM_H36M_17
from rscnet.metrics.motion import MotionErrors
from rscnet.metrics.truth import measure_body
from rscnet.protocol import Protocol
from rscnet.tasks.common import truth_bodies
from rscnet.tasks.tables import error_table
from rscnet.temporal.track import TemporalBackend, Track


def backends(config: RunConfig, trained: TemporalBackend | None = None) -> dict[str, TemporalBackend]:
    """Those that `evaluation.backends` names; a network that was just trained takes the place of `learned`."""
    found: dict[str, TemporalBackend] = {}
    for name, node in config.plain()["evaluation"]["backends"].items():
        if name == "learned" and trained is not None:
            found[name] = trained
        elif node is not None:
            found[name] = build(node, f"evaluation.backends.{name}")
    return found


def write_motion_results(
    config: RunConfig, folder: Path, name: str, others: Mapping[str, TemporalBackend], body: BodyModel,
    data: ClipDataModule, extra: Mapping[str, Any],
) -> dict[str, ErrorTable]:  # fmt: skip
    """Measures back-ends on the clips of `evaluation.split` by size; prints the table and writes `result.json`.

    Args:
        name: of the back-end whose figures are the run's own.
    """
    started = time.monotonic()
    data.prepare(config.evaluation.split)
    source = getattr(data, config.evaluation.split)
    bodies = truth_bodies(config.plain(), Protocol(gendered=source.gendered), body)
    clips = data.readable(source)
    tables, truth, frames = measure_motion(others, body, source, clips, data.resolution.eval_sizes, bodies)
    say(error_table(tables, methods="temporal"))
    result = {
        "by_size": records.keyed_by_text(tables[name]),
        "rivals": {label: records.keyed_by_text(rows) for label, rows in tables.items() if label != name},
        "jitter_of_the_truth": truth,
        "samples": len(clips),
        "frames": frames,
        "skipped": len(source) - len(clips),
        "split": config.evaluation.split,
        "evaluation_seconds": round(time.monotonic() - started, 1),
        **extra,
    }
    records.write_json(folder / records.RESULT, result)
    say(f"jitter of the truth {truth:.1f}; written to {folder}: {records.RESULT}")
    return tables


@torch.no_grad()
def measure_motion(
    others: Mapping[str, TemporalBackend], body: BodyModel, source: Any, clips: Sequence[int], sizes: list[int],
    bodies: Mapping[str, BodyModel],
) -> tuple[dict[str, ErrorTable], float, int]:  # fmt: skip
    """Errors by back-end and size on those `clips` of a source, the jitter of the true motions, which `bodies` pose by
    gender, and how many frames there are."""
    metrics = {name: {size: MotionErrors() for size in sizes} for name in others}
    true_motion, frames = MotionErrors(), 0
    for index in clips:
        clip: Clip = source[index]
        frames += len(clip.truth.valid)
        posed = bodies.get(source.gender(index), bodies["neutral"])
        truth, fps = _measured(posed, clip.truth), float(clip.truth.fps)
        true_motion.update(truth[0], truth[0], truth[1], truth[1], fps=fps)
        for view, size in enumerate(sizes):
            for name, backend in others.items():
                refined: Track = backend(clip.views[view])
                joints, pelvis, vertices = _measured(body, refined)
                metrics[name][size].update(joints, truth[0], pelvis, truth[1], vertices, truth[2], fps)
    tables = {
        name: {size: {k: float(v) for k, v in metric.compute().items()} for size, metric in by_size.items()}
        for name, by_size in metrics.items()
    }
    return tables, float(true_motion.compute()["jitter"]), frames


def _measured(body: BodyModel, track: Track) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """14 joints, pelvis and vertices of every frame."""
    found = measure_body(body, track.parameters)
    assert found.vertices is not None
    return found.joints[:, LSP_14_FROM_H36M_17], found.joints[:, H36M_PELVIS], found.vertices
