"""Benchmark-only: the contrastive term as the original computes it (reference document, 3.3 and Q16).

A queue of parallel arrays; for each picture its own entries are left out and negatives are drawn from the others by
`np.random.choice`, gathered into one tensor per sample, and compared pair by pair of resolutions.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


class Queue:
    """Features with the data set and the number of their pictures; the oldest give way."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.features = torch.zeros(0, 0)
        self.datasets = np.zeros(0, np.int64)
        self.numbers = np.zeros(0, np.int64)

    def append(self, features: Tensor, identity: np.ndarray) -> None:
        """Add a batch."""
        held = features if not len(self.features) else torch.cat([self.features, features])
        self.features = held[-self.size :]
        self.datasets = np.concatenate([self.datasets, identity[:, 0]])[-self.size :]
        self.numbers = np.concatenate([self.numbers, identity[:, 1]])[-self.size :]

    def draw(self, identity: np.ndarray, count: int) -> Tensor:
        """Negatives "n k d" for a batch: k is `count`, or what the poorest sample has."""
        chosen = []
        for dataset, number in identity:
            others = np.flatnonzero((self.datasets != dataset) | (self.numbers != number))
            chosen.append(np.random.choice(others, min(count, len(others)), replace=False))
        least = min(len(rows) for rows in chosen)
        return torch.stack([self.features[torch.from_numpy(rows[:least])] for rows in chosen])


def nt_xent(anchor: Tensor, positive: Tensor, negatives: Tensor, temperature: float) -> Tensor:
    """Normalised temperature-scaled cross-entropy of one pair of resolutions, "n d", "n d", "n k d"."""
    anchor, positive = F.normalize(anchor, dim=-1), F.normalize(positive, dim=-1)
    near = (anchor * positive).sum(-1) / temperature
    far = (anchor[:, None] * F.normalize(negatives, dim=-1)).sum(-1) / temperature
    return (-near + torch.log(near.exp() + far.exp().sum(-1) + 1e-16)).mean()


def contrastive_term(
    features: list[Tensor], identity: np.ndarray, queue: Queue, negatives: int, temperature: float = 0.1
) -> Tensor:
    """Over all pairs of resolutions, features from high to low; the batch is appended first, high resolution first."""
    for feature in features:
        queue.append(feature.detach(), identity)
    count = len(features)
    total = features[0].new_zeros(())
    for high in range(count):
        drawn = queue.draw(identity, negatives)  # for the last one too, which nothing uses
        for low in range(high + 1, count):
            loss = nt_xent(features[low], features[high].detach(), drawn, temperature)
            total = total + (low - high) / count * loss
    return total
