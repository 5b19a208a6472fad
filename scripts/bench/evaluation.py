"""Part `evaluation`: what is left of evaluation without the network: bodies, regressors, MPJPE, Procrustes."""

from __future__ import annotations

import math
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch

from rscnet.body.assets import load_embedded
from rscnet.body.model import BodyModel
from rscnet.callbacks.errors import ResolutionErrors
from rscnet.protocol import Protocol
from rscnet.resolution import ResolutionSet
from rscnet.structures import Batch, BodyParameters, Prediction, Target

from .people import identities, parameters
from .rivals.evaluation import evaluate
from .rows import Row, require, row_of
from .sizes import Sizes
from .timing import interleaved, seconds

SIZE, BATCH = 32, 32


class Frames:
    """Predicted and true people; the bodies of all genders are the embedded one, each by itself."""

    def __init__(self, count: int) -> None:
        self.said, self.truth = parameters(count, seed=0), parameters(count, seed=1)
        self.gender = 1 + torch.randint(2, (count,), generator=torch.Generator().manual_seed(2))
        self.bodies = {name: BodyModel.embedded() for name in ("neutral", "male", "female")}
        self.regressor = torch.from_numpy(load_embedded().J_regressor_h36m)

    def rival(self) -> dict[str, float]:
        """The original's way."""
        return evaluate(self.bodies, self.regressor, self.said, self.truth, self.gender)

    def ours(self, surface: bool) -> dict[str, float]:
        """rscnet's callback, as the trainer calls it."""
        data = SimpleNamespace(
            resolution=ResolutionSet([[SIZE, SIZE]], [SIZE]), protocol=Protocol(gendered=True, surface=surface)
        )
        trainer: Any = SimpleNamespace(datamodule=data)
        module: Any = SimpleNamespace(body=self.bodies["neutral"], device=torch.device("cpu"), log=_nowhere)
        errors = ResolutionErrors(self.bodies)
        errors.on_test_epoch_start(trainer, module)
        for number, start in enumerate(range(0, len(self.gender), BATCH)):
            rows = slice(start, start + BATCH)
            prediction = Prediction(self.said[rows], torch.empty(0))
            errors.on_test_batch_end(trainer, module, prediction, self._batch(rows, start), number)
        errors.on_test_epoch_end(trainer, module)
        return errors.errors[SIZE]

    def _batch(self, rows: slice, first: int) -> Batch:
        truth: BodyParameters = self.truth[rows]
        count = len(truth.betas)
        every = torch.ones(count, dtype=torch.bool)
        target = Target(
            torch.empty(count, 49, 3), torch.empty(count, 24, 4), truth, every, ~every, gender=self.gender[rows]
        )
        nothing = torch.empty(1, count, 3, 0, 0)
        scales = torch.zeros(1, count, dtype=torch.long)
        return Batch(nothing, scales + SIZE, scales, target, identities(count, first))


def _nowhere(*_: Any, **__: Any) -> None:
    """Errors are read from the callback."""


def measure(sizes: Sizes) -> Row:
    """Time, and agreement of both means; with errors per vertex, which the original does not measure, beside it."""
    frames, few = Frames(sizes.frames), Frames(min(sizes.frames, 320))
    expected, found = few.rival(), few.ours(surface=False)
    difference = require(max(abs(found[name] - expected[name]) for name in expected), 1e-2, "evaluation")
    sides = {"rival": frames.rival, "ours": partial(frames.ours, surface=False)}
    timings = interleaved(sides, 1, warm=False)  # the rival takes a minute
    title = f"evaluation of {sizes.frames:,} frames without the network: bodies, regressors, MPJPE, Procrustes"
    row = row_of(title, 10.0, timings, difference, "MPJPE and PA-MPJPE in mm")
    eighth = Frames(math.ceil(sizes.frames / 8))
    row.figures = {"seconds_with_errors_per_vertex": 8 * seconds(partial(eighth.ours, surface=True))}
    row.figures["ratio_with_errors_per_vertex"] = timings["rival"].best / row.figures["seconds_with_errors_per_vertex"]
    row.notes = [
        "Like the original, ours is timed with the two joint errors alone (`data.protocol.surface=false`), which need "
        "no surface: joints come from the bones directly.",
        "Errors per vertex (PVE), which ours measures by default and the original never does, need the surfaces of "
        "both bodies; the figure with them, from an eighth of the frames, stands beside it.",
    ]
    return row
