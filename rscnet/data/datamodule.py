"""The LightningDataModule: sources in, batches out, in the order of the epoch plan."""

from __future__ import annotations

from typing import Literal

from torch.utils.data import DataLoader

from rscnet.data.augmentation import Augmentation
from rscnet.data.degradations import Degradation
from rscnet.data.plan import Curriculum, EvaluationSampler
from rscnet.data.planned import PlannedDataModule
from rscnet.data.views import Source, ViewDataset
from rscnet.protocol import Protocol
from rscnet.resolution import ResolutionSet


class PeopleDataModule(PlannedDataModule):
    """Training, validation and test people as batches of views.

    Args:
        train, val, test: annotated crops.
        degradation, augmentation: see their classes.
        image_size: side of the network's input in pixels.
        resolution, curriculum, seed, workers, eval_batch_size, skip_bad: see `PlannedDataModule`.
        protocol: how errors on these people are measured; None for bodies of the model that is trained.
    """

    def __init__(
        self,
        train: Source,
        val: Source,
        test: Source,
        resolution: ResolutionSet,
        degradation: Degradation,
        augmentation: Augmentation,
        curriculum: Curriculum,
        image_size: int,
        seed: int,
        workers: int = 0,
        eval_batch_size: int = 32,
        protocol: Protocol | None = None,
        skip_bad: bool = False,
    ) -> None:
        super().__init__(train, val, test, resolution, curriculum, seed, workers, eval_batch_size, skip_bad)
        self.degradation, self.augmentation, self.image_size = degradation, augmentation, image_size
        self.protocol = protocol or Protocol()

    def train_dataloader(self) -> DataLoader:
        return self._training_loader(self.training_views())

    def val_dataloader(self) -> DataLoader:
        return self._evaluation_loader(self.val)

    def test_dataloader(self) -> DataLoader:
        return self._evaluation_loader(self.test)

    def training_views(self) -> ViewDataset:
        """The training people as they are trained on, addressable by batch key."""
        return self._views(self.train, self.augmentation)

    def evaluation_views(self, split: Literal["val", "test"]) -> ViewDataset:
        """The people of a split at the evaluation sizes, addressable by batch key."""
        return self._views(self.val if split == "val" else self.test)

    def _views(self, source: Source, augmentation: Augmentation | None = None) -> ViewDataset:
        return ViewDataset(
            source, self.resolution, self.degradation, self.image_size, self.seed, augmentation,
            self.resolution.eval_sizes if augmentation is None else None, self._skipped(source),
        )  # fmt: skip

    def _evaluation_loader(self, source: Source) -> DataLoader:
        rank, world = (self.trainer.global_rank, self.trainer.world_size) if self.trainer is not None else (0, 1)
        views = len(self.resolution.eval_sizes)
        return self._loader(
            self._views(source), EvaluationSampler(self.readable(source), self.eval_batch_size, views, rank, world)
        )
