"""Part `contrastive`: loss across resolutions with a queue of negatives, forward and backward."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from rscnet.losses.contrastive import ContrastiveLoss, FeatureQueue

from .memory import peak_memory
from .people import identities
from .rivals.contrastive import Queue, contrastive_term
from .rows import Row, relative_difference, require, row_of
from .sizes import Sizes
from .timing import interleaved

FEATURES = 256


class Contrastive:
    """Both sides on the same features, with the same full queue.

    Args:
        sizes: of batch and queue.
        negatives: how many are drawn; None for all.
    """

    def __init__(self, sizes: Sizes, negatives: int | None) -> None:
        generator = torch.Generator().manual_seed(0)
        self.sizes, self.negatives = sizes, negatives
        self.features = torch.randn(sizes.views * sizes.batch, FEATURES, generator=generator)
        self.identity = identities(sizes.batch, first=10**6)
        # entries of earlier pictures, each at every resolution
        self.entries = torch.randn(sizes.queue, FEATURES, generator=generator)
        self.owners = identities(sizes.queue) // torch.tensor([1, sizes.views])

    def rival(self) -> Side:
        """The original's way."""
        queue = Queue(self.sizes.queue)
        queue.append(self.entries.clone(), self.owners.numpy())
        count = self.negatives or self.sizes.queue

        def term(features: Tensor) -> Tensor:
            pieces = list(features.chunk(self.sizes.views))
            return contrastive_term(pieces, self.identity.numpy(), queue, count)

        return Side(term, self.features)

    def ours(self) -> Side:
        """rscnet's loss."""
        loss = ContrastiveLoss(FeatureQueue(self.sizes.queue, FEATURES), negatives=self.negatives).train()
        loss.queue.enqueue(self.entries, self.owners)
        return Side(lambda features: loss(features, self.identity, self.sizes.views), self.features)


class Side:
    """Forward and backward of one way to compute the term."""

    def __init__(self, term: Callable[[Tensor], Tensor], features: Tensor) -> None:
        self.term, self.features = term, features

    def __call__(self) -> tuple[Tensor, Tensor]:
        """The term and its gradient."""
        features = self.features.clone().requires_grad_()
        value = self.term(features)
        value.backward()
        assert features.grad is not None
        return value.detach(), features.grad


def measure(sizes: Sizes) -> Row:
    """Times, memory, and agreement on the whole queue, where no draw of negatives can differ."""
    small = Sizes(view_sizes=sizes.view_sizes, batch=sizes.batch, queue=min(sizes.queue, 1024))
    whole = Contrastive(small, None)
    (expected, slope), (found, our_slope) = whole.rival()(), whole.ours()()
    difference = max(relative_difference(found, expected), relative_difference(our_slope, slope))
    require(difference, 1e-4, "contrastive term")
    np.random.seed(0)
    drawn = Contrastive(sizes, sizes.negatives)
    rival, ours = drawn.rival(), drawn.ours()
    timings = interleaved({"rival": rival, "ours": ours}, sizes.step_rounds, sizes.least)
    title = f"contrastive term, {sizes.views} scales, batch {sizes.batch}, queue {sizes.queue:,}, "
    title += f"{sizes.negatives:,} negatives, forward + backward"
    row = row_of(title, 100.0, timings, difference, "term and gradient, relative, over a whole queue of 1,024")
    memory = {side: peak_memory("contrastive", side, sizes) for side in ("rival", "ours")}
    row.figures = {"memory_mb": memory, "memory_share": memory["ours"] / memory["rival"], "memory_target": 0.1}
    row.figures["memory_met"] = row.figures["memory_share"] <= 0.1
    return row
