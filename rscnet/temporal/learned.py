"""The trained back-end, found like all weights: by file, run folder or shipped name."""

from __future__ import annotations

from dataclasses import replace

import torch

from rscnet.config.build import build_saved
from rscnet.errors import UserError
from rscnet.models.checkpoint import load_strict
from rscnet.models.temporal import TemporalRefiner
from rscnet.temporal.track import Track
from rscnet.trained import TEMPORAL, find, read


class Learned:
    """A `TemporalRefiner` as `TemporalBackend`.

    Args:
        checkpoint: weights of `experiment=temporal`: a file, a run folder, or the name of shipped weights.

    Raises:
        UserError: nothing of that name, a damaged file, or weights of another kind of model.
    """

    def __init__(self, checkpoint: str) -> None:
        path = find(checkpoint, TEMPORAL, "temporal.checkpoint")
        state, config = read(path)
        network = build_saved(config["model"]["network"], "model.network")
        if not isinstance(network, TemporalRefiner):
            raise UserError(
                f"temporal.checkpoint: {path} holds a {type(network).__name__} (experiment={config.get('name')}); "
                "expected weights of experiment=temporal"
            )
        load_strict(network, state, path)
        self.network = network.eval()
        self.reads_features = network.features > 0

    def __call__(self, track: Track) -> Track:
        return refine_one(self.network, track)


@torch.no_grad()
def refine_one(network: TemporalRefiner, track: Track) -> Track:
    """One track through a network that takes several."""
    batched = track.map(lambda tensor: tensor[None])
    refined = network(batched).map(lambda tensor: tensor[0])
    return replace(refined, feature=track.feature)
