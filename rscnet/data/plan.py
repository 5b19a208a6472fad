"""The epoch plan: which samples, at how many resolutions, in which batch, as a pure function of (seed, epoch, step).

Nothing here has memory: the position in training is the optimiser's step, so that a run which was stopped anywhere goes
on with exactly the batch that it would have seen next.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError
from torch.utils.data import Sampler

from rscnet.data.keys import generator
from rscnet.errors import UserError


@dataclass(frozen=True)
class Stage:
    """One stage of the curriculum.

    Attributes:
        views: pictures per sample; the first is full resolution, the i-th is drawn from the i-th range.
        batch_size: samples per step over all devices (the paper's plan is 24, 12, 8, 8).
        epochs: passes over the data set; a fraction ends the stage after that part of a pass.
        multiple: steps of a pass come in multiples of this (the released code counts the half pass of its third stage
            in batches of the first, three steps each).
        shown: how many of its views, drawn anew each time, a sample is shown in; None shows all, as the paper does.
            Fewer views of more people cost the same. Losses weight them by their order, as a stage of so many views
            would: of two, 1/2 and 1 wherever they lie, and one pair.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    views: int
    batch_size: int
    epochs: float
    multiple: int = 1
    shown: int | None = None

    def __post_init__(self) -> None:
        for name in ("views", "batch_size", "multiple"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if not 0 < self.epochs < math.inf:
            raise ValueError(f"epochs: expected more than 0 and less than infinity, got {self.epochs:g}")
        if self.shown is not None and not 1 <= self.shown <= self.views:
            raise ValueError(f"shown: expected null or 1..{self.views}, the views of this stage, got {self.shown}")


@dataclass(frozen=True)
class Epoch:
    """One pass of the training loop: part of a stage, with the global number of its first step."""

    number: int
    stage: int
    views: int
    batch_size: int
    steps: int
    first_step: int
    shown: int | None = None

    @property
    def pictures(self) -> int:
        """Pictures per step over all devices."""
        return self.batch_size * (self.shown or self.views)


def _stage(name: str, words: Mapping[str, Any]) -> Stage:
    try:
        return TypeAdapter(Stage).validate_json(json.dumps(words), strict=True)  # in Python strict wants a `Stage`
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(("curriculum.stages", name, *map(str, problem["loc"])))
        if problem["type"] == "value_error":  # our own words
            raise UserError(f"{place}.{problem['msg'].removeprefix('Value error, ')}") from None
        raise UserError(f"{place}: {problem['msg']}, got {problem['input']!r}") from None


class Curriculum:
    """Stages from few to many resolutions (spec section 4).

    Args:
        stages: named stages, run in the order of their names; null removes one.
        batch_scale: every batch size is multiplied by this.
        ramp_epochs: length of the loss ramp in units of floor(N / batch size of the first stage); the paper has 5.
    """

    def __init__(
        self, stages: Mapping[str, Mapping[str, Any] | None], batch_scale: float = 1.0, ramp_epochs: float = 5.0
    ) -> None:
        if not (0 < batch_scale < math.inf and 0 <= ramp_epochs < math.inf):
            raise UserError(
                f"curriculum: batch_scale must be > 0 and ramp_epochs >= 0, both finite, "
                f"got {batch_scale:g} and {ramp_epochs:g}"
            )
        chosen = [_stage(name, words) for name, words in sorted(stages.items()) if words is not None]
        if not chosen:
            raise UserError("curriculum.stages: at least one stage is needed")
        self.stages = [replace(s, batch_size=max(1, round(s.batch_size * batch_scale))) for s in chosen]
        self.ramp_epochs = ramp_epochs

    def epochs(self, length: int) -> list[Epoch]:
        """The passes over a data set of `length` samples; incomplete batches are dropped.

        Raises:
            UserError: a stage that would have no step.
        """
        planned: list[Epoch] = []
        step = 0
        for number, stage in enumerate(self.stages):
            whole, part = divmod(stage.epochs, 1)
            for fraction in [1.0] * int(whole) + ([part] if part > 1e-9 else []):
                steps = int(fraction * length + 1e-6) // stage.batch_size
                steps -= steps % stage.multiple
                if steps < 1:
                    raise UserError(
                        f"curriculum: stage {number} asks for {stage.epochs:g} epochs in batches of "
                        f"{stage.batch_size}, but the data set has only {length} samples; "
                        "lower the stage's batch_size or curriculum.batch_scale, or take more samples"
                    )
                planned.append(Epoch(len(planned), number, stage.views, stage.batch_size, steps, step, stage.shown))
                step += steps
        return planned

    def total_steps(self, length: int) -> int:
        """Optimiser steps of the whole curriculum."""
        last = self.epochs(length)[-1]
        return last.first_step + last.steps

    def require_all_views(self, why: str) -> None:
        """Raises:
        UserError: a stage that shows samples in some of their views only, with the reason why that cannot be.
        """
        if any(stage.shown is not None for stage in self.stages):
            raise UserError(f"curriculum.stages: shown: {why}; leave it out")

    def ramp_length(self, length: int) -> int:
        """Steps until the ramp of the self-supervised terms reaches one."""
        return max(1, int(self.ramp_epochs * (length // self.stages[0].batch_size)))


@dataclass(frozen=True)
class BatchKey:
    """Names a batch: the data set turns it into tensors without any other state."""

    epoch: int
    step: int
    indices: tuple[int, ...]
    views: int
    shown: int | None = None


class PlanSampler(Sampler[BatchKey]):
    """The batches of one epoch for one rank, from batch `start` on.

    `len` is the whole epoch, so that the trainer's count of batches does not change when a run goes on in its middle.
    """

    def __init__(self, epoch: Epoch, length: int, seed: int, start: int = 0, rank: int = 0, world: int = 1) -> None:
        self.epoch, self.length, self.seed, self.start, self.rank, self.world = epoch, length, seed, start, rank, world

    def __len__(self) -> int:
        return self.epoch.steps

    def __iter__(self) -> Iterator[BatchKey]:
        epoch = self.epoch
        order = generator(self.seed, epoch.number, "order").permutation(self.length)
        for step in range(self.start, epoch.steps):
            chosen = order[step * epoch.batch_size : (step + 1) * epoch.batch_size][self.rank :: self.world]
            yield BatchKey(epoch.number, step, tuple(int(i) for i in chosen), epoch.views, epoch.shown)


class EvaluationSampler(Sampler[BatchKey]):
    """Each of the samples once, in order, without padding, split over ranks."""

    def __init__(self, samples: Sequence[int], batch_size: int, views: int, rank: int = 0, world: int = 1) -> None:
        mine = samples[rank::world]
        self.batches = [
            BatchKey(0, step, tuple(mine[start : start + batch_size]), views)
            for step, start in enumerate(range(0, len(mine), batch_size))
        ]

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[BatchKey]:
        return iter(self.batches)


def identity_array(identities: Sequence[tuple[int, int]]) -> np.ndarray:
    """(data set, sample) pairs as an int64 array of shape (n, 2)."""
    return np.asarray(identities, np.int64).reshape(-1, 2)
