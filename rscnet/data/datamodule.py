"""The LightningDataModule: sources in, batches out, in the order of the epoch plan."""

from __future__ import annotations

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Sampler

from rscnet.data.augmentation import Augmentation
from rscnet.data.degradations import Degradation
from rscnet.data.plan import Curriculum, Epoch, EvaluationSampler, PlanSampler
from rscnet.data.views import Source, ViewDataset, missing_files, prepare_source
from rscnet.errors import UserError
from rscnet.protocol import Protocol
from rscnet.resolution import ResolutionSet
from rscnet.structures import Batch


def _identity(batch: Batch) -> Batch:
    return batch


class PeopleDataModule(pl.LightningDataModule):
    """Training, validation and test people as batches of views.

    The position in training is the trainer's step, looked up in the curriculum; nothing else has to be saved.

    Args:
        train, val, test: annotated crops; sources that have to be made first have a `prepare` method, those that read
            files a `missing` method.
        resolution, degradation, augmentation, curriculum: see their classes.
        image_size: side of the network's input in pixels.
        seed: key of order, drawn sizes and augmentation.
        workers: loader processes; 0 loads in the training process.
        eval_batch_size: samples per evaluation step and device.
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
    ) -> None:
        super().__init__()
        self.train, self.val, self.test = train, val, test
        self.resolution, self.degradation, self.augmentation = resolution, degradation, augmentation
        self.curriculum, self.image_size, self.seed = curriculum, image_size, seed
        self.workers, self.eval_batch_size = workers, eval_batch_size
        self.protocol = protocol or Protocol()

    @property
    def epochs(self) -> list[Epoch]:
        """The planned passes of the training loop."""
        return self.curriculum.epochs(len(self.train))

    def prepare_data(self) -> None:
        self.prepare("train", "val")

    def setup(self, stage: str) -> None:
        self.prepare("train", "val")  # made by now, but each process opens them for itself

    def prepare(self, *names: str) -> None:
        """Makes the named sources ("train", "val", "test") ready; synthetic people are rendered here, once.

        Raises:
            UserError: files that are missing, all of them at once.
        """
        self.require(*names)
        for name in names:
            prepare_source(getattr(self, name))

    def require(self, *names: str) -> None:
        """Looks for the files of the named sources without reading them.

        Raises:
            UserError: a line for each that is missing.
        """
        missing = dict.fromkeys(line for name in names for line in missing_files(getattr(self, name)))
        if missing:
            raise UserError("\n".join(missing))

    def check_ranks(self, world: int) -> None:
        """Looks whether every step has a sample for each of `world` processes.

        Raises:
            UserError: a stage whose batches are too small.
        """
        for epoch in self.epochs:
            if epoch.batch_size < world:
                raise UserError(
                    f"trainer.devices: stage {epoch.stage} has batches of {epoch.batch_size} samples over all "
                    f"devices, too few for {world} processes; raise curriculum.batch_scale or use fewer devices"
                )

    def train_dataloader(self) -> DataLoader:
        trainer = self.trainer
        assert trainer is not None
        self.check_ranks(trainer.world_size)
        epoch = self.epochs[min(trainer.current_epoch, len(self.epochs) - 1)]
        start = min(max(trainer.global_step - epoch.first_step, 0), epoch.steps)
        sampler = PlanSampler(epoch, len(self.train), self.seed, start, trainer.global_rank, trainer.world_size)
        return self._loader(self._views(self.train, self.augmentation), sampler)

    def val_dataloader(self) -> DataLoader:
        return self._evaluation_loader(self.val)

    def test_dataloader(self) -> DataLoader:
        return self._evaluation_loader(self.test)

    def training_views(self) -> ViewDataset:
        """The training people as they are trained on, addressable by batch key."""
        return self._views(self.train, self.augmentation)

    def evaluation_views(self) -> ViewDataset:
        """The test people at the evaluation sizes, addressable by batch key."""
        return self._views(self.test)

    def _views(self, source: Source, augmentation: Augmentation | None = None) -> ViewDataset:
        sizes = self.resolution.eval_sizes if augmentation is None else None
        return ViewDataset(source, self.resolution, self.degradation, self.image_size, self.seed, augmentation, sizes)

    def _evaluation_loader(self, source: Source) -> DataLoader:
        rank, world = (self.trainer.global_rank, self.trainer.world_size) if self.trainer is not None else (0, 1)
        views = len(self.resolution.eval_sizes)
        return self._loader(
            self._views(source), EvaluationSampler(len(source), self.eval_batch_size, views, rank, world)
        )

    def _loader(self, dataset: ViewDataset, sampler: Sampler) -> DataLoader:
        # batch_size None: a key names a whole batch; the private generator keeps worker seeding off the global one
        return DataLoader(
            dataset,
            batch_size=None,
            sampler=sampler,
            num_workers=self.workers,
            collate_fn=_identity,  # type: ignore[arg-type]
            generator=torch.Generator().manual_seed(self.seed),
        )
