"""Several sources as one: each sample comes from a source that is drawn by weight (spec section 5)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from rscnet.data.keys import generator
from rscnet.data.sample import Sample
from rscnet.data.views import Source, draw_sample, missing_files, prepare_source
from rscnet.errors import UserError


class Mixture:
    """Sample `index` is number `index % len(source)` of a source drawn by weight.

    The order of indices stays the epoch plan's. Which source an index means is drawn from the generator that training
    keys by (seed, epoch, index), so it changes from epoch to epoch and never depends on worker, rank or history; read
    without a generator, as in evaluation, it depends on the index alone.

    Args:
        sources: named sources, or named groups of sources that share a weight in proportion to their sizes; null
            removes one.
        weights: relative weights by the same names.
        length: samples of one epoch; by default the size of the largest source.

    Raises:
        UserError: names of sources and weights that differ, or a weight that is no share.
    """

    def __init__(
        self,
        sources: Mapping[str, Source | Mapping[str, Source | None] | None],
        weights: Mapping[str, float],
        length: int | None = None,
    ) -> None:
        groups = {name: _group(name, given) for name, given in sources.items() if given is not None}
        shares = {name: weights.get(name, -1.0) for name in groups}
        if set(weights) - set(sources) or min(shares.values(), default=-1.0) < 0 or not sum(shares.values()) > 0:
            raise UserError(
                f"mixture: weights: expected a share of at least 0 for each of {', '.join(groups) or 'no sources'} and "
                f"one above 0, got {dict(weights)}"
            )
        self._groups = {name: group for name, group in groups.items() if shares[name] > 0 and group}
        self._weights, self._length = weights, length
        self.sources = {name: source for group in self._groups.values() for name, source in group.items()}
        self._thresholds: np.ndarray | None = None

    def missing(self) -> list[str]:
        """What is lacking of the files of all sources, a line for each."""
        return [line for source in self.sources.values() for line in missing_files(source)]

    def prepare(self) -> None:
        """Makes all sources ready."""
        for source in self.sources.values():
            prepare_source(source)

    @property
    def shares(self) -> dict[str, float]:
        """Probability of each source."""
        total = sum(self._weights[name] for name in self._groups)
        found = {}
        for name, group in self._groups.items():
            sizes = {key: len(source) for key, source in group.items()}
            share = self._weights[name] / total / sum(sizes.values())
            found |= {key: share * size for key, size in sizes.items()}
        return found

    def __len__(self) -> int:
        return max(map(len, self.sources.values())) if self._length is None else self._length

    def __getitem__(self, index: int) -> Sample:
        return self._sample(index, None)

    def sample(self, index: int, random: np.random.Generator) -> Sample:
        """Sample `index` of a source that `random` draws, with that source's own augmentation."""
        return self._sample(index, random)

    def _sample(self, index: int, random: np.random.Generator | None) -> Sample:
        if not 0 <= index < len(self):
            raise IndexError(index)
        if self._thresholds is None:
            self._thresholds = np.cumsum(list(self.shares.values()))
        draw = (generator("mixture", index) if random is None else random).random()
        number = min(int(np.searchsorted(self._thresholds, draw, side="right")), len(self.sources) - 1)
        source = list(self.sources.values())[number]
        index %= len(source)
        sample = source[index] if random is None else draw_sample(source, index, random)
        # sources do not know of each other: their number here tells their pictures apart
        return dataclasses.replace(sample, identity=(number, sample.identity[1]))


def _group(name: str, given: Source | Mapping[str, Source | None]) -> dict[str, Source]:
    if isinstance(given, Mapping):
        return {f"{name}.{key}": source for key, source in given.items() if source is not None}
    return {name: given}
