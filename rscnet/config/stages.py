"""What the stages of a curriculum, the losses and the model must agree on, before any of them is built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def stage_problem(
    curriculum: Mapping[str, Any], loss: Mapping[str, Any], model: Mapping[str, Any], ranges: int
) -> str | None:
    """What is wrong with the views of the stages, in one line that begins with the key; None if nothing is.

    Args:
        curriculum, loss, model: these nodes of a configuration.
        ranges: number of resolution ranges.
    """
    stages = _stages(curriculum)
    for name, stage in stages.items():
        if stage["views"] > ranges:
            return (
                f"curriculum.stages.{name}.views: {stage['views']} views need as many resolution ranges, "
                f"but resolution.ranges has {ranges}"
            )
    alone = stages and all((stage.get("shown") or stage["views"]) == 1 for stage in stages.values())
    if alone and (loss.get("consistency") or loss.get("contrastive")):
        return (
            "loss: consistency and contrastive compare views of a sample, but every stage of the curriculum shows one; "
            "give stages more views (shown=null shows all), or set both losses to null"
        )
    if model.get("sequential") and any(stage.get("shown") for stage in stages.values()):
        return (
            "model.sequential: forwards one resolution after the other, but with shown in curriculum.stages the "
            "samples of a batch are shown at different ones; leave one of the two out"
        )
    return None


def _stages(curriculum: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The stages that are there and whose views are numbers; `Curriculum` tells of others."""
    stages = curriculum.get("stages")
    found = stages.items() if isinstance(stages, Mapping) else ()
    return {name: stage for name, stage in found if isinstance(stage, Mapping) and _counts(stage)}


def _counts(stage: Mapping[str, Any]) -> bool:
    shown = stage.get("shown")
    return isinstance(stage.get("views"), int) and (shown is None or isinstance(shown, int))
