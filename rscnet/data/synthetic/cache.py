"""Rendered pictures on disk: shards of fixed-size records, memory mapped, made once and extended on demand."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread

import cv2
import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rscnet.data.synthetic.generator import PersonGenerator, RenderedPeople
from rscnet.errors import UserError
from rscnet.joints import ANNOTATION_24, SMPL_54, index_map

PART_STRIDE = 4  # pixels per cell of the coarse part map
BATCH = 64  # pictures asked of the generator at once
MAPS_KEPT = 128  # shards mapped at a time: each takes one of the process's open files, often limited to 1024

_ANNOTATION_FROM_54 = index_map(ANNOTATION_24, SMPL_54)


def record_type(size: int) -> np.dtype:
    """One picture with its labels; fields as in `rscnet.data.sample.Sample`, `translation` as in `RenderedPeople`."""
    coarse = size // PART_STRIDE
    return np.dtype(
        [
            ("image", np.uint8, (size, size, 3)),
            ("parts", np.uint8, (coarse, coarse)),
            ("pose", np.float32, (24, 3)),
            ("betas", np.float32, (10,)),
            ("translation", np.float32, (3,)),
            ("joints_3d", np.float32, (24, 3)),
            ("keypoints_2d", np.float32, (49, 3)),
        ]
    )


def to_records(people: RenderedPeople) -> np.ndarray:
    """Pictures as records; the coarse part map takes the label in the middle of each cell."""
    count, size = people.images.shape[:2]
    records = np.empty(count, record_type(size))
    middle, end = PART_STRIDE // 2, size - size % PART_STRIDE
    records["image"] = people.images
    records["parts"] = people.parts[:, middle:end:PART_STRIDE, middle:end:PART_STRIDE]
    records["pose"], records["betas"], records["translation"] = people.pose, people.betas, people.translation
    records["joints_3d"] = people.joints[:, _ANNOTATION_FROM_54]
    records["keypoints_2d"] = people.keypoints_2d
    return records


Recorder = Callable[[Sequence[int]], np.ndarray]
"""The records of some indices; can be sent to other processes."""


def picture_records(generator: PersonGenerator, indices: Sequence[int]) -> np.ndarray:
    """The records of some pictures; with the generator bound this is a `Recorder`."""
    return to_records(generator.generate(indices))


class ShardCache:
    """The folder of one configuration: `<root>/<split>-<hash>/shard-00000.npy` and so on.

    The hash covers everything that changes a picture but not how many are asked for. A shard appears under its name
    only when it is complete, so an interrupted run goes on where it stopped.

    Args:
        root: folder for the caches of all configurations.
        settings: what records depend on, see `PersonGenerator.settings`.
        dtype: of one record.
        shard_size: records per file.
    """

    def __init__(
        self, root: Path, settings: dict[str, int | float | str], dtype: np.dtype, shard_size: int = 256
    ) -> None:
        described = json.dumps(settings | {"shard_size": shard_size}, sort_keys=True, indent=1)
        digest = hashlib.blake2b(described.encode(), digest_size=6).hexdigest()
        self.folder = Path(root) / f"{settings['split']}-{digest}"
        self.shard_size = shard_size
        self.dtype = dtype
        self._described = described
        self._open: dict[int, np.ndarray] = {}  # in the order of their last use
        self._offsets: dict[int, int] = {}  # where records begin in shards whose header was read, which is slow

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_open": {}}  # a process that receives the cache maps the files itself

    def path(self, shard: int) -> Path:
        """File of a shard."""
        return self.folder / f"shard-{shard:05d}.npy"

    def record(self, index: int) -> np.void:
        """The record of one picture.

        Raises:
            UserError: its shard is missing, damaged or cannot be opened.
        """
        shard, row = divmod(index, self.shard_size)
        records = self._open.pop(shard, None)
        if records is None:
            if len(self._open) >= MAPS_KEPT:
                del self._open[next(iter(self._open))]  # the one that was not asked for the longest
            records = self._mapped(shard)
        self._open[shard] = records
        return records[row]

    def _mapped(self, shard: int) -> np.ndarray:
        path, offset = self.path(shard), self._offsets.get(shard)
        try:
            if offset is not None:
                return np.memmap(path, self.dtype, "r", offset, (self.shard_size,))
            records = np.load(path, mmap_mode="r", allow_pickle=False)
        except (FileNotFoundError, ValueError, EOFError) as error:
            raise self._damaged(shard) from error
        except OSError as error:
            raise UserError(
                f"{path}: cannot be read ({error.strerror or error}); expected a file that this user may "
                f"read and fewer open files than the limit (ulimit -n)"
            ) from error
        if records.dtype != self.dtype or records.shape != (self.shard_size,):
            raise self._damaged(shard)
        self._offsets[shard] = records.offset
        return records

    def _damaged(self, shard: int) -> UserError:
        return UserError(
            f"{self.folder}: {self.path(shard).name} of the cache of synthetic people is damaged or missing; "
            f"delete this folder, it will be rendered again"
        )

    def missing(self, length: int) -> list[int]:
        """Which shards of the first `length` records are not there yet."""
        return [shard for shard in self._shards(length) if not self.path(shard).exists()]

    def _shards(self, length: int) -> range:
        return range(-(-length // self.shard_size))

    def prepare(self, recorder: Recorder, length: int, workers: int) -> None:
        """Render whatever is missing of the first `length` records, by `workers` processes (0 or 1: in this one).

        Raises:
            UserError: the folder cannot be written, a shard in it is damaged or cannot be opened, or a process died.
        """
        if self.missing(length):
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                with self._locked():
                    (self.folder / "settings.json").write_text(self._described)
                    for abandoned in self.folder.glob("*.tmp"):
                        abandoned.unlink()
                    self._render(self.missing(length), recorder, workers)
            except OSError as error:
                raise UserError(f"{self.folder}: cannot write the cache of synthetic people ({error})") from error
            except BrokenProcessPool:
                split = self.folder.name.partition("-")[0]
                raise UserError(
                    f"{self.folder}: one of {workers} processes that render people died, often for want of memory; "
                    f"use fewer, such as ++data.{split}.workers=1; the same command goes on where they stopped"
                ) from None
        for shard in self._shards(length):
            self._mapped(shard)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Only one process renders; others wait and then find the shards."""
        with open(self.folder / ".lock", "w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _render(self, shards: Sequence[int], recorder: Recorder, workers: int) -> None:
        columns = (TextColumn("rendering people"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, transient=True) as progress:
            task = progress.add_task("", total=len(shards) * self.shard_size)
            if workers <= 1:
                for shard in shards:
                    _write_shard(recorder, self.path(shard), shard, self.shard_size)
                    progress.advance(task, self.shard_size)
                return
            arguments = (pickle.dumps(recorder),)
            with ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, arguments) as pool:
                jobs = [pool.submit(_work, self.path(shard), shard, self.shard_size) for shard in shards]
                try:
                    for job in as_completed(jobs):
                        job.result()
                        progress.advance(task, self.shard_size)
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise


def _write_shard(recorder: Recorder, path: Path, shard: int, size: int) -> None:
    """Render a shard and put it in place in one step."""
    indices = range(shard * size, (shard + 1) * size)
    parts = [recorder(indices[i : i + BATCH]) for i in range(0, size, BATCH)]
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with open(temporary, "wb") as handle:
        np.save(handle, np.concatenate(parts))
    os.replace(temporary, path)


_recorder: Recorder | None = None  # of a worker process


def _start_worker(pickled: bytes) -> None:
    global _recorder
    Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    _recorder = pickle.loads(pickled)


def _end_with_parent() -> None:
    # a process that is killed cannot end its workers, which would wait for work for ever
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _work(path: Path, shard: int, size: int) -> None:
    assert _recorder is not None
    _write_shard(_recorder, path, shard, size)
