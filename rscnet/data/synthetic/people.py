"""Synthetic people as a source of samples, cached on disk or rendered on the fly."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rscnet.body import BodyModel
from rscnet.data.sample import Sample
from rscnet.data.synthetic.cache import ShardCache, picture_records, record_type
from rscnet.data.synthetic.generator import PersonGenerator
from rscnet.data.synthetic.poses import PoseMix
from rscnet.errors import UserError


class SyntheticPeople:
    """`length` pictures of synthetic people with full labels.

    With a cache the pictures are rendered by `prepare` (only those still missing) and then memory mapped; a prepared
    source holds no body and is cheap to send to loader processes.

    Args:
        body: the body model.
        size: side of the crop in pixels, a multiple of 4.
        length: number of pictures; a longer request extends the same cache.
        split: "train", "val" or "test".
        seed: of all randomness.
        cache_dir: folder for caches; None renders every picture when it is asked for.
        workers: processes that render; by default one per core.
        dataset: number of this data set in samples' identities.
        shard_size: pictures per cache file.
        pose_noise, limb_mixing, everyday, gaze, free_limbs: as in `PoseMix`.
        clutter, company, **generator: further settings of `PersonGenerator`.

    Raises:
        UserError: an impossible setting, or a cache that is damaged or cannot be written.
    """

    def __init__(
        self,
        body: BodyModel,
        size: int,
        length: int,
        split: str,
        seed: int,
        cache_dir: Path | str | None,
        workers: int | None = None,
        dataset: int = 0,
        shard_size: int = 256,
        clutter: float = 0.0,
        company: float = 0.0,
        pose_noise: float = 1.0,
        limb_mixing: float = 0.5,
        everyday: float = 0.0,
        gaze: float = 0.0,
        free_limbs: float = 0.0,
        **generator: Any,
    ) -> None:
        if split not in ("train", "val", "test"):
            raise UserError(f"synthetic people: split must be train, val or test, got {split!r}")
        if size < 16 or size % 4 or length < 1:
            raise UserError(
                f"synthetic people: size must be a multiple of 4 from 16, length at least 1, got {size}, {length}"
            )
        self.length, self.dataset = length, dataset
        self._workers = os.cpu_count() or 1 if workers is None else workers
        self._generator: PersonGenerator | None = PersonGenerator(
            body, size, seed, split, clutter=clutter, company=company,
            poses=PoseMix(pose_noise, limb_mixing, everyday, gaze, free_limbs), **generator,
        )  # fmt: skip
        self._cache: ShardCache | None = None
        if cache_dir is not None:
            self._cache = ShardCache(Path(cache_dir), self._generator.settings(), record_type(size), shard_size)

    def prepare(self) -> None:
        """Render what the cache does not hold yet; nothing to do without a cache or a second time.

        Raises:
            UserError: a cache that is damaged or cannot be written.
        """
        if self._cache is not None and self._generator is not None:
            self._cache.prepare(partial(picture_records, self._generator), self.length, self._workers)
            self._generator = None

    def unrendered(self) -> int:
        """How many pictures `prepare` has to render, in whole files; 0 without a cache."""
        return 0 if self._cache is None else len(self._cache.missing(self.length)) * self._cache.shard_size

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        """Sample `index`; its `joints_3d` are in the camera frame, not translated.

        Raises:
            IndexError: outside the length.
        """
        if not 0 <= index < self.length:
            raise IndexError(index)
        record = self._record(index)
        confident = np.ones((24, 1), np.float32)
        return Sample(
            image=np.array(record["image"]),
            keypoints_2d=np.array(record["keypoints_2d"]),
            joints_3d=np.concatenate([record["joints_3d"], confident], axis=1),
            pose=np.array(record["pose"]),
            betas=np.array(record["betas"]),
            has_smpl=True,
            has_joints_3d=True,
            identity=(self.dataset, index),
            parts=np.array(record["parts"]),
        )

    def _record(self, index: int) -> np.void:
        if self._cache is not None:
            self.prepare()
            return self._cache.record(index)
        assert self._generator is not None
        return picture_records(self._generator, [index])[0]
