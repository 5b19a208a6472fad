"""Parts `train_step_fp32`, `train_step_bf16` and `body_and_losses`: the whole training step, and what of it is neither
network nor contrastive term."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from rscnet.config.build import build
from rscnet.learning.rscnet import RSCNetModule
from rscnet.losses.posed import pose_bodies
from rscnet.memory import keep_freed_memory
from rscnet.models.rscnet import RSCNet
from rscnet.structures import Batch, BodyParameters, Prediction

from .people import batch_of, configuration, module_of, parameters
from .rivals.contrastive import Queue, contrastive_term
from .rivals.losses import Output, body_terms
from .rivals.network import Network
from .rows import Row, relative_difference, require, row_of
from .sizes import Sizes
from .timing import interleaved

TOTAL_SCALE, ACROSS, FEATURE_WEIGHT = 60.0, 0.25, 0.1


class Step(ABC):
    """A training step that can be repeated."""

    optimizer: torch.optim.Optimizer

    @abstractmethod
    def gradients(self) -> Tensor:
        """The loss, with gradients left in the parameters."""

    def __call__(self) -> Tensor:
        """One step; its loss."""
        loss = self.gradients()
        self.optimizer.step()
        return loss


class OurStep(Step):
    """A training step of the configured module: losses, backward, optimiser."""

    def __init__(self, sizes: Sizes, half: bool = False, views: int | None = None, count: int | None = None) -> None:
        plain = configuration(sizes)
        self.module: RSCNetModule = module_of(plain)
        self.batch: Batch = batch_of(sizes, self.module.body, count, views)
        optimizer = build(plain["optimizer"], "optimizer")
        self.optimizer: torch.optim.Optimizer = optimizer(p for p in self.module.parameters() if p.requires_grad)
        self.half = half
        fill_queue(self.module, sizes)

    def gradients(self) -> Tensor:
        """The loss, with gradients left in the parameters."""
        self.optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16) if self.half else nullcontext():
            total, _ = self.module.losses(self.batch, ramp=1.0)
        total.backward()
        return total.detach()


class RivalStep(Step):
    """The original's step on the same weights and the same batch."""

    def __init__(self, sizes: Sizes, ours: OurStep) -> None:
        self.body, self.batch = ours.module.body, ours.batch
        self.network = same_network(ours.module.network, sizes.views).train()
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=5e-5)
        self.queue, self.negatives = Queue(sizes.queue), sizes.negatives
        assert ours.module.objective.contrastive is not None
        theirs = ours.module.objective.contrastive.queue
        self.queue.append(theirs.features.clone(), theirs.identity.numpy())

    def gradients(self) -> Tensor:
        """The loss, with gradients left in the parameters."""
        self.optimizer.zero_grad()
        outputs, features = [], []
        for i, pictures in enumerate(self.batch.views):
            rotations, betas, camera, feature = self.network(pictures, i)
            outputs.append(Output(rotations, betas, camera))
            features.append(feature)
        supervised, consistency = body_terms(self.body, outputs, self.batch.target)
        contrastive = contrastive_term(features, self.batch.identity.numpy(), self.queue, self.negatives)
        total = TOTAL_SCALE * (supervised + ACROSS * (consistency + FEATURE_WEIGHT * contrastive))
        total.backward()
        return total.detach()


def same_network(network: RSCNet, views: int) -> Network:
    """The rival's network with the weights of ours."""
    assert network.projector is not None
    last, regressor = network.projector[-1], network.regressor
    assert isinstance(last, nn.Linear)
    base, hidden = network.encoder.conv1.out_channels, regressor.fc2.out_features
    found = Network(base, views, hidden, last.out_features, regressor.dropout.p)
    found.load_state_dict(network.state_dict())
    return found


def fill_queue(module: RSCNetModule, sizes: Sizes) -> None:
    """Fill the queue with features of pictures that are in no batch."""
    assert module.objective.contrastive is not None
    queue = module.objective.contrastive.queue
    generator = torch.Generator().manual_seed(3)
    features = torch.randn(sizes.queue, queue.features.shape[1], generator=generator)
    identity = torch.stack([torch.ones(sizes.queue, dtype=torch.long), torch.arange(sizes.queue) // sizes.views], 1)
    queue.enqueue(features, identity)


def agreement(sizes: Sizes) -> float:
    """Loss of both in one small step that draws the whole queue (the same seed drops the same units), and gradients of
    their encoders in double precision: in single, two memory layouts of one network already differ by percents."""
    # pictures large enough that the last map holds more than a number for batch normalisation
    small = Sizes(image=64, view_sizes=(64, 48, 32, 24, 16), width=sizes.width, batch=4, queue=256, negatives=10**6)
    ours = OurStep(small)
    rival = RivalStep(small, ours)
    losses = []
    for step in (rival, ours):
        torch.manual_seed(0)
        losses.append(step.gradients())
    worst = require(relative_difference(losses[1], losses[0]), 1e-4, "loss of a step")
    pictures = ours.batch.views[0].double()
    encoder, theirs = ours.module.network.encoder.double(), rival.network.encoder.double()
    maps = encoder(pictures.contiguous(memory_format=torch.channels_last), torch.zeros(4, dtype=torch.long))
    weight = torch.randn_like(maps)
    gradients = torch.autograd.grad((maps * weight).sum(), list(encoder.parameters()))
    expected = torch.autograd.grad((theirs(pictures, 0) * weight).sum(), list(theirs.parameters()))
    pairs = zip(gradients, expected, strict=True)
    slopes = max(relative_difference(found, wanted) for found, wanted in pairs)
    return max(worst, require(slopes, 1e-8, "gradients of the encoder"))


def measure(sizes: Sizes) -> dict[str, Row]:
    """Rows `train_step_fp32` and `train_step_bf16`; both against the rival in full precision, as the original runs."""
    difference = agreement(sizes)
    np.random.seed(0)
    ours = OurStep(sizes)
    rival = RivalStep(sizes, ours)
    half = OurStep(sizes, half=True)
    losses = {"rival": float(rival())}
    timings = interleaved({"rival": rival}, sizes.step_rounds, warm=False)
    keep_freed_memory()
    losses |= {"fp32": float(ours()), "bf16": float(half())}
    timings |= interleaved({"fp32": ours, "bf16": half}, sizes.step_rounds, warm=False)
    keep_freed_memory(False)
    rows = {}
    title = f"whole training step, ResNet-50, {sizes.image} px, {sizes.views} scales, batch {sizes.batch}, "
    what = "loss of a step at 64 px with the whole queue drawn, and encoder gradients in double precision, relative"
    for name, words, target in (("fp32", "fp32", 2.5), ("bf16", "bf16 autocast", 5.0)):
        pair = {"rival": timings["rival"], "ours": timings[name]}
        row = row_of(title + words, target, pair, difference, what)
        row.figures = {"loss": losses[name], "rival_loss": losses["rival"]}
        rows[f"train_step_{name}"] = row
        row.notes = [
            "Ours with `+optimizer.fused=true`, torch's fused Adam.",
            "Ours keeps freed memory for the next step, as `task=train` does (`rscnet/memory.py`); the rival, timed "
            "before, leaves it to glibc, which gives it back.",
        ]
    rows["train_step_bf16"].difference = abs(losses["bf16"] / losses["rival"] - 1)
    rows["train_step_bf16"].agreement = "first loss, relative, half precision against full"
    return rows


def measure_body(sizes: Sizes) -> Row:
    """Row `body_and_losses`: from what the network says to the gradient with respect to it."""
    sides = body_sides(sizes)
    (expected, slope), (found, our_slope) = sides["rival"](), sides["ours"]()
    difference = max(relative_difference(found, expected), relative_difference(our_slope, slope))
    require(difference, 1e-3, "body and losses")
    timings = interleaved(sides, sizes.rounds, sizes.least)
    title = f"body model, losses and camera fit of that step ({sizes.views * sizes.batch} bodies), forward + backward"
    return row_of(title, 3.0, timings, difference, "objective without contrastive term, and its gradient, relative")


def body_sides(sizes: Sizes) -> dict[str, Callable[[], tuple[Tensor, Tensor]]]:
    """Both ways from body parameters to the objective without its contrastive term, and its gradient."""
    module = module_of(configuration(replace(sizes, width=0.125, queue=1)))
    module.objective.contrastive = None
    batch = batch_of(replace(sizes, image=8), module.body)
    said = parameters(sizes.views * sizes.batch, seed=5)
    assert said.camera is not None
    inputs = torch.cat([said.rotations.flatten(1), said.betas, said.camera], 1)

    def parts(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        rotations, betas, camera = values.split([24 * 9, 10, 3], 1)
        return rotations.unflatten(1, (24, 3, 3)), betas, camera

    def rival(values: Tensor) -> Tensor:
        outputs = [Output(*parts(rows)) for rows in values.chunk(sizes.views)]
        supervised, consistency = body_terms(module.body, outputs, batch.target)
        return TOTAL_SCALE * (supervised + ACROSS * consistency)

    def ours(values: Tensor) -> Tensor:
        people = BodyParameters.from_rotations(*parts(values))
        posed = pose_bodies(module.body, people, with_vertices=module.objective.needs_truth)
        return module.objective(Prediction(people, values), posed, batch, sizes.views, ramp=1.0)[0]

    def differentiated(term: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        values = inputs.clone().requires_grad_()
        total = term(values)
        total.backward()
        assert values.grad is not None
        return total.detach(), values.grad

    return {"rival": lambda: differentiated(rival), "ours": lambda: differentiated(ours)}
