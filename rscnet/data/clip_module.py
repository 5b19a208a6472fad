"""The LightningDataModule of motion clips: mirrored, played backwards, with gaps, in the order of the epoch plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from rscnet.data.clip import Clip, collate
from rscnet.data.keys import generator
from rscnet.data.plan import BatchKey, Curriculum, EvaluationSampler
from rscnet.data.planned import PlannedDataModule
from rscnet.data.skipping import SkipList, read_or_next
from rscnet.errors import UserError
from rscnet.geometry.cameras import mirror_camera
from rscnet.geometry.rotations import mirror_rotations
from rscnet.joints import SMPL_24_FLIP
from rscnet.resolution import ResolutionSet
from rscnet.temporal.track import Track, fill_gaps

LONGEST_GAP = 0.2  # of a clip's frames


class ClipSource(Protocol):
    """Clips that can be read in any order, all of the same number of frames and views; `gender` is of the body that
    poses a clip's truth, neutral for all where the source is not `gendered`."""

    gendered: bool

    def prepare(self, skip_bad: bool = False) -> None: ...

    def __len__(self) -> int: ...

    def gender(self, index: int) -> str: ...

    def __getitem__(self, index: int) -> Clip: ...


class ClipDataset(Dataset[Clip]):
    """Turns batch keys into batches of clips; every draw is keyed by (seed, epoch, clip).

    Args:
        source: clips.
        seed: key of all random draws.
        gaps: probability that a view loses the person for some frames.
        augment: mirror, play backwards and cut gaps, which is training.
        features: keep the network's features; clips are not mirrored then, since nobody knows a mirrored feature.
        skipped: where clips that cannot be read are listed, for which the next one stands in; None stops at them.
    """

    def __init__(
        self,
        source: ClipSource,
        seed: int,
        gaps: float = 0.0,
        augment: bool = False,
        features: bool = False,
        skipped: SkipList | None = None,
    ) -> None:
        self.skipped = skipped
        self.source, self.seed, self.gaps, self.augment, self.features = source, seed, gaps, augment, features

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, key: BatchKey) -> Clip:
        read, count = self.source.__getitem__, len(self.source)
        clips = [read_or_next(read, index, count, self.skipped) for index in key.indices]
        views = len(clips[0].views.valid)
        if key.views > views:
            raise UserError(
                f"curriculum: asks for {key.views} views of each clip, but clips have {views}; see data.views"
            )
        if not self.features:
            clips = [replace(clip, views=replace(clip.views, feature=None)) for clip in clips]
        if self.augment:
            clips = [
                self._augmented(clip, generator(self.seed, key.epoch, index, "clip augmentation"))
                for index, clip in zip(key.indices, clips, strict=True)
            ]
        return collate(clips, key.views)

    def _augmented(self, clip: Clip, random: np.random.Generator) -> Clip:
        if not self.features and random.random() < 0.5:
            clip = Clip(mirrored(clip.views), mirrored(clip.truth))
        if random.random() < 0.5:
            clip = Clip(backwards(clip.views), backwards(clip.truth))
        views = [self._with_gap(clip.views[view], random) for view in range(len(clip.views.valid))]
        return replace(clip, views=_restacked(views))

    def _with_gap(self, track: Track, random: np.random.Generator) -> Track:
        count = len(track.valid)
        longest = int(LONGEST_GAP * count)
        if longest < 1 or random.random() >= self.gaps:
            return track
        length = int(random.integers(1, longest + 1))
        start = int(random.integers(0, count - length + 1))
        valid = track.valid.clone()
        valid[start : start + length] = False
        return fill_gaps(replace(track, valid=valid))


class ClipDataModule(PlannedDataModule):
    """Motion clips for training and validation; the position in training is the trainer's step.

    Args:
        train, val, test: sources of clips.
        resolution: its evaluation sizes are those of the test clips' views.
        curriculum: batches; its views are those of each clip.
        seed: key of order and augmentation.
        gaps: probability that a training view loses the person for some frames.
        features: whether tracks carry the network's pooled features; `model.network.features` is their length.
        eval_batch_size: clips per validation step.
        skip_bad: see `PlannedDataModule`.
    """

    def __init__(
        self,
        train: ClipSource,
        val: ClipSource,
        test: ClipSource,
        resolution: ResolutionSet,
        curriculum: Curriculum,
        seed: int,
        gaps: float = 0.3,
        features: bool = False,
        eval_batch_size: int = 8,
        skip_bad: bool = False,
    ) -> None:
        super().__init__(train, val, test, resolution, curriculum, seed, 0, eval_batch_size, skip_bad)
        curriculum.require_all_views("a clip is seen in all of its views")
        self.gaps, self.features = gaps, features

    def _make_ready(self, source: ClipSource) -> None:
        source.prepare(self.skip_bad)

    def train_dataloader(self) -> DataLoader:
        return self._training_loader(
            ClipDataset(self.train, self.seed, self.gaps, True, self.features, self._skipped(self.train))
        )

    def val_dataloader(self) -> DataLoader:
        clips = self.readable(self.val)
        sampler = EvaluationSampler(clips, self.eval_batch_size, len(self.val[clips[0]].views.valid))
        return self._loader(ClipDataset(self.val, self.seed, features=self.features), sampler)


def mirrored(track: Track) -> Track:
    """The track, without features, in a mirror. Crops keep their sides; no picture has them there."""
    centre = track.crops[..., 0] + track.crops[..., 2] / 2
    crops = track.crops - torch.stack([2 * centre, *[torch.zeros_like(centre)] * 2], dim=-1)
    rotations = mirror_rotations(track.rotations[..., SMPL_24_FLIP, :, :])
    return replace(track, rotations=rotations, camera=mirror_camera(track.camera), crops=crops)


def backwards(track: Track) -> Track:
    """The track from its end to its start."""
    first = track.valid.dim() - 1
    flipped = {
        name: value.flip(first)
        for name in ("rotations", "betas", "camera", "crops", "valid", "feature")
        if (value := getattr(track, name)) is not None
    }
    return replace(track, **flipped)


def _restacked(tracks: list[Track]) -> Track:
    return Track.concatenate([track.map(lambda tensor: tensor[None]) for track in tracks])
