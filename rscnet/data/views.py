"""From annotated crops to batches: sizes are drawn, views degraded, colours changed, labels collated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from rscnet.data.degradations import Degradation
from rscnet.data.keys import generator
from rscnet.data.plan import BatchKey, identity_array
from rscnet.data.sample import Sample
from rscnet.data.skipping import SkipList, read_or_next
from rscnet.geometry.rotations import axis_angle_to_matrix
from rscnet.imagenet import IMAGE_MEAN, IMAGE_STD
from rscnet.resolution import ResolutionSet
from rscnet.structures import Batch, BodyParameters, Target

if TYPE_CHECKING:  # prediction needs no albumentations, which looks for updates on the net when it is imported
    from rscnet.data.augmentation import Augmentation

_MEAN, _STD = (255 * np.array(value, np.float32) for value in (IMAGE_MEAN, IMAGE_STD))
_OF_BYTE = ((np.arange(256, dtype=np.float32)[:, None] - _MEAN) / _STD)[None]


class Source(Protocol):
    """Annotated person crops that can be read in any order."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


@runtime_checkable
class VaryingSource(Source, Protocol):
    """A source whose samples vary in training: it turns or scales what it cuts out, or draws which one it gives."""

    def sample(self, index: int, random: np.random.Generator) -> Sample: ...


def draw_sample(source: Source, index: int, random: np.random.Generator) -> Sample:
    """Sample `index` for training; sources that do not vary draw nothing."""
    return source.sample(index, random) if isinstance(source, VaryingSource) else source[index]


def prepare_source(source: Source) -> None:
    """Makes a source ready where it has something to make, by its `prepare`."""
    getattr(source, "prepare", lambda: None)()


def missing_files(source: Source) -> list[str]:
    """What is lacking of the files that a source reads, by its `missing`, a line for each."""
    return getattr(source, "missing", list)()


def sequences_of(source: Source) -> np.ndarray | None:
    """The sequence of each sample, by name, where a source knows them."""
    return getattr(source, "sequences", None)


def normalise(images: UInt8[np.ndarray, "n h w 3"]) -> Float[Tensor, "n 3 h w"]:
    """RGB bytes to the network's input: ImageNet statistics, channels first (memory stays channels-last)."""
    values = np.empty(images.shape, np.float32)
    if images.size:  # a table is many times faster than arithmetic
        cv2.LUT(images.reshape(-1, *images.shape[-2:]), _OF_BYTE, dst=values.reshape(-1, *images.shape[-2:]))
    return torch.from_numpy(values).permute(0, 3, 1, 2)


def denormalise(views: Float[Tensor, "n 3 h w"]) -> UInt8[np.ndarray, "n h w 3"]:
    """The pictures that `normalise` was given."""
    values = views.detach().float().cpu().permute(0, 2, 3, 1).numpy() * _STD + _MEAN
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def collate_target(samples: Sequence[Sample]) -> Target:
    """Labels of several samples as one typed target."""
    poses = torch.from_numpy(np.stack([s.pose for s in samples]).astype(np.float32))
    betas = torch.from_numpy(np.stack([s.betas for s in samples]).astype(np.float32))
    return Target(
        keypoints_2d=torch.from_numpy(np.stack([s.keypoints_2d for s in samples])),
        joints_3d=torch.from_numpy(np.stack([s.joints_3d for s in samples])),
        parameters=BodyParameters.from_rotations(axis_angle_to_matrix(poses), betas),
        has_smpl=torch.tensor([bool(s.has_smpl) for s in samples]),
        has_joints_3d=torch.tensor([bool(s.has_joints_3d) for s in samples]),
        gender=torch.tensor([s.gender for s in samples]),
    )


def _ranges(key: BatchKey, random: np.random.Generator) -> Sequence[int]:
    """The ranges from which a sample's sizes are drawn, from high to low."""
    if key.shown is None:
        return range(key.views)
    return sorted(random.choice(key.views, key.shown, replace=False).tolist())


class ViewDataset(Dataset[Batch]):
    """Turns batch keys into batches; every draw is keyed by (seed, epoch, sample), so workers and ranks do not matter.

    Args:
        source: annotated crops.
        resolution: ranges, sizes and scale indices.
        degradation: how a view loses its resolution.
        image_size: side of the network's input in pixels.
        seed: key of all random draws.
        augmentation: given for training, None for evaluation.
        sizes: fixed sizes of the views; None draws one size from each range that a key shows, which is training.
        skipped: where samples that cannot be read are listed, for which the next one stands in; None stops at them.
    """

    def __init__(
        self,
        source: Source,
        resolution: ResolutionSet,
        degradation: Degradation,
        image_size: int,
        seed: int,
        augmentation: Augmentation | None = None,
        sizes: Sequence[int] | None = None,
        skipped: SkipList | None = None,
    ) -> None:
        self.source, self.resolution, self.degradation = source, resolution, degradation
        self.skipped = skipped
        self.image_size, self.seed, self.augmentation = image_size, seed, augmentation
        self.sizes = None if sizes is None else [resolution.effective(size) for size in sizes]

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, key: BatchKey) -> Batch:
        samples, views, sizes = [], [], []
        for index in key.indices:
            sample, random = read_or_next(partial(self._read, key), index, len(self.source), self.skipped)
            if self.augmentation is not None:
                sample = self.augmentation.geometric(sample, random)
            drawn = self.sizes or [self.resolution.draw(i, random) for i in _ranges(key, random)]
            samples.append(sample)
            sizes.append(drawn)
            views.append(list(self._views(sample.image, drawn, random)))
        size_array = np.asarray(sizes, np.int64).T
        scale_index = np.vectorize(self.resolution.scale_index, otypes=[np.int64])(size_array)
        stacked = np.asarray(views).swapaxes(0, 1)
        parts = [s.parts for s in samples]
        return Batch(
            views=normalise(stacked.reshape(-1, *stacked.shape[2:])).unflatten(0, stacked.shape[:2]),
            sizes=torch.from_numpy(np.ascontiguousarray(size_array)),
            scale_index=torch.from_numpy(scale_index),
            target=collate_target(samples),
            identity=torch.from_numpy(identity_array([s.identity for s in samples])),
            parts=None if any(p is None for p in parts) else torch.from_numpy(np.stack(parts).astype(np.int64)),  # type: ignore[arg-type]
        )

    def _read(self, key: BatchKey, index: int) -> tuple[Sample, np.random.Generator]:
        """A sample and the generator of everything that is drawn for it."""
        random = generator(self.seed, key.epoch, index, "views")
        return self.source[index] if self.augmentation is None else draw_sample(self.source, index, random), random

    def _views(
        self, image: UInt8[np.ndarray, "h h 3"], sizes: Sequence[int], random: np.random.Generator
    ) -> Iterator[UInt8[np.ndarray, "s s 3"]]:
        for size in sizes:
            if self.augmentation is not None:
                image = self.augmentation.next_picture(image, random)
            view = self.degradation(image, size, self.image_size, random)
            yield view if self.augmentation is None else self.augmentation.colour(view, random)
