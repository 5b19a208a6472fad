"""What all data modules share: three sources, made ready by name, and training in the order of the epoch plan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from rscnet.data.plan import Curriculum, Epoch, PlanSampler
from rscnet.data.skipping import SkipList, readable
from rscnet.data.views import missing_files, prepare_source
from rscnet.errors import UserError
from rscnet.resolution import ResolutionSet


def _identity(batch: Any) -> Any:
    return batch


class PlannedDataModule(pl.LightningDataModule):
    """Sources in, batches out; the position in training is the trainer's step, looked up in the curriculum.

    Args:
        train, val, test: sources; those that have to be made first have a `prepare` method, those that read files a
            `missing` method.
        resolution: its evaluation sizes are those of validation and test.
        curriculum: the plan of training.
        seed: key of order and of all random draws.
        workers: loader processes; 0 loads in the training process.
        eval_batch_size: samples per evaluation step and device.
        skip_bad: leave out samples that cannot be read, and list them in the run folder; else they stop the run.
    """

    def __init__(
        self,
        train: Any,
        val: Any,
        test: Any,
        resolution: ResolutionSet,
        curriculum: Curriculum,
        seed: int,
        workers: int,
        eval_batch_size: int,
        skip_bad: bool = False,
    ) -> None:
        super().__init__()
        self.train, self.val, self.test = train, val, test
        self.resolution, self.curriculum, self.seed = resolution, curriculum, seed
        self.workers, self.eval_batch_size, self.skip_bad = workers, eval_batch_size, skip_bad
        self._readable: dict[int, Sequence[int]] = {}

    @property
    def epochs(self) -> list[Epoch]:
        """The planned passes of the training loop."""
        return self.curriculum.epochs(len(self.train))

    def ranges_seen(self, epoch: Epoch) -> int:
        """From how many resolution ranges, the highest first, sizes are drawn in a pass."""
        return epoch.views

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
            self._make_ready(getattr(self, name))

    def _make_ready(self, source: Any) -> None:
        prepare_source(source)

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

    def readable(self, source: Any) -> Sequence[int]:
        """The samples of a source for evaluation, which with `skip_bad` are read once to find out."""
        if id(source) not in self._readable:
            self._readable[id(source)] = readable(source.__getitem__, len(source), self._skipped(source))
        return self._readable[id(source)]

    def _skipped(self, source: Any) -> SkipList | None:
        if not self.skip_bad:
            return None
        skipped = SkipList(None if self.trainer is None else Path(self.trainer.default_root_dir))
        for problem in getattr(source, "skipped", ()):  # what it has left out by itself
            skipped.note(problem)
        return skipped

    def _training_loader(self, dataset: Dataset) -> DataLoader:
        """The batches of the trainer's epoch, from the trainer's step on."""
        trainer = self.trainer
        assert trainer is not None
        self.check_ranks(trainer.world_size)
        epoch = self.epochs[min(trainer.current_epoch, len(self.epochs) - 1)]
        start = min(max(trainer.global_step - epoch.first_step, 0), epoch.steps)
        sampler = PlanSampler(epoch, len(self.train), self.seed, start, trainer.global_rank, trainer.world_size)
        return self._loader(dataset, sampler)

    def _loader(self, dataset: Dataset, sampler: Sampler) -> DataLoader:
        # batch_size None: a key names a whole batch; the private generator keeps worker seeding off the global one
        return DataLoader(
            dataset,
            batch_size=None,
            sampler=sampler,
            num_workers=self.workers,
            collate_fn=_identity,
            generator=torch.Generator().manual_seed(self.seed),
        )
