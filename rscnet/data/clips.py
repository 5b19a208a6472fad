"""Motion clips as tracks: what a per-frame network says of every frame at several resolutions, beside the truth.

Pictures are rendered, shown to the frozen network and forgotten; only its parameters (and features) are cached, so that
training on tracks takes minutes.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from rich.progress import track as progress
from torch import Tensor

from rscnet.body import BodyModel
from rscnet.data.clip import Clip, read_clip, stacked, write_clip
from rscnet.data.degradations import Degradation
from rscnet.data.images import crop_square
from rscnet.data.keys import generator
from rscnet.data.synthetic.generator import PersonGenerator
from rscnet.data.synthetic.recorded import RecordedMotions
from rscnet.data.synthetic.rendered import RenderedPeople
from rscnet.data.views import normalise
from rscnet.errors import UserError
from rscnet.geometry.cameras import translation_to_camera
from rscnet.geometry.rotations import axis_angle_to_matrix
from rscnet.resolution import ResolutionSet
from rscnet.structures import GENDERS, Prediction
from rscnet.temporal.track import Track

CLIP_VERSION = 1  # raise it with every change of motions, sizes or noise: caches are keyed by it
DRIFT = 0.7  # the largest change of the logarithm of a person's size within a clip
PICTURES = 64  # that go through the network at once


class Estimator(Protocol):
    """A frozen per-frame network."""

    image_size: int
    ranges: list[tuple[int, int]]
    digest: str

    def __call__(self, views: Float[Tensor, "n 3 h w"], scale_index: Int[Tensor, "n"]) -> Prediction: ...


class CachedClips(ABC):
    """Clips with what a network says of them, each made once and kept on disk.

    Args:
        estimator: the frozen network.
        degradation: how pictures lose their resolution.
        split: "train", "val" or "test".
        frames: of each clip.
        seed: of all randomness.
        cache_dir: folder for caches.
        sizes: in pixels, constant over the clip, one view each; None draws `views` drifting ones, the first full.
        views: how many of them.
        box_noise: how much boxes tremble from frame to frame, as part of their side.

    Raises:
        UserError: an impossible setting.
    """

    gendered = False

    def __init__(
        self,
        estimator: Estimator,
        degradation: Degradation,
        split: str,
        frames: int,
        seed: int,
        cache_dir: str | Path,
        sizes: Sequence[int] | None,
        views: int,
        box_noise: float,
    ) -> None:
        if split not in ("train", "val", "test") or frames < 4 or views < 1:
            raise UserError(
                "clips: expected split train, val or test, views from 1 and frames from 4, "
                f"got {split}, {views} and {frames}"
            )
        self.split, self.frames, self.seed, self.cache_dir = split, frames, seed, Path(cache_dir)
        self.estimator, self.degradation, self.box_noise = estimator, degradation, box_noise
        self.resolution = ResolutionSet(estimator.ranges, [estimator.image_size])
        self.sizes, self.views = sizes and [self.resolution.effective(size) for size in sizes], views
        self._clips: dict[int, Clip] = {}
        self._bad: dict[int, str] = {}

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What clips depend on beside what all kinds share."""

    @abstractmethod
    def _make(self, index: int) -> Clip: ...

    def gender(self, index: int) -> str:
        """Of the body that poses a clip's truth, one of `rscnet.structures.GENDERS`."""
        return GENDERS[0]

    def __getitem__(self, index: int) -> Clip:
        if not 0 <= index < len(self):
            raise IndexError(index)
        if index in self._bad:
            raise UserError(self._bad[index])
        if index not in self._clips:
            self._clips[index] = self._cached(index)
        return self._clips[index]

    def prepare(self, skip_bad: bool = False) -> None:
        """Show to the network what the cache lacks.

        Args:
            skip_bad: go on where a clip cannot be made, and refuse it when it is asked for.

        Raises:
            UserError: a clip that cannot be made, or a cache that cannot be written.
        """
        missing = [i for i in range(len(self)) if i not in self._bad and not self._path(i).exists()]
        for index in progress(missing, f"{self.split} clips", transient=True, disable=not missing):
            try:
                clip = self._make(index)
            except UserError as error:
                if not skip_bad:
                    raise
                self._bad[index] = str(error)
            else:
                write_clip(self._path(index), clip)

    @cached_property
    def _folder(self) -> Path:
        settings = self.settings() | {
            "clip_version": CLIP_VERSION, "network": self.estimator.digest, "frames": self.frames,
            "sizes": str(self.sizes), "views": self.views, "box_noise": self.box_noise,
            "degradation": str(vars(self.degradation)),
        }  # fmt: skip
        digest = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=6).hexdigest()
        return self.cache_dir / f"clips-{self.split}-{digest}"

    def _path(self, index: int) -> Path:
        return self._folder / f"{index:05d}.npz"

    def _cached(self, index: int) -> Clip:
        if not self._path(index).exists():
            write_clip(self._path(index), self._make(index))
        return read_clip(self._path(index))

    def _draw(self, random: np.random.Generator) -> list[Float[np.ndarray, "t"]]:
        """Sizes over time of each view."""
        if self.sizes is not None:
            return [np.full(self.frames, float(size)) for size in self.sizes]
        low, full = self.resolution.ranges[-1][0], self.resolution.full_size
        drawn = [np.full(self.frames, float(full))]
        for _ in range(self.views - 1):
            drift = random.uniform(-DRIFT, DRIFT) * np.linspace(-0.5, 0.5, self.frames)
            drawn.append((np.exp(random.uniform(np.log(low), np.log(full)) + drift)).clip(low, full))
        return drawn

    def _view(
        self,
        images: UInt8[np.ndarray, "t s s 3"],
        boxes: Float[np.ndarray, "t 3"],
        sizes: Float[np.ndarray, "t"],
        fps: float,
        random: np.random.Generator,
    ) -> Track:
        """The clip as a network sees it through trembling boxes, at these sizes.

        Args:
            images: at the network's size.
            boxes: that the pictures show, [left, top, side] in a picture where people are full size.
            sizes: of the people in pixels.
        """
        full = self.estimator.image_size
        sides = np.rint(full * np.exp(self.box_noise * random.standard_normal(self.frames))).astype(int)
        shift = self.box_noise * full * random.standard_normal((self.frames, 2))
        corners = np.rint((full - sides[:, None]) / 2 + shift).astype(int)
        seen = np.maximum(2, np.rint(sizes * sides / full)).astype(int)
        pictures = np.stack(
            [
                self.degradation(crop_square(image, left, top, side), size, full, random)
                for image, (left, top), side, size in zip(images, corners, sides, seen, strict=True)
            ]
        )
        scales = torch.tensor([self.resolution.scale_index(size) for size in seen])
        said = [
            self.estimator(normalise(pictures[i : i + PICTURES]), scales[i : i + PICTURES])
            for i in range(0, self.frames, PICTURES)
        ]
        prediction = Prediction.concatenate(said)
        parameters = prediction.parameters
        assert parameters.camera is not None
        pixel = boxes[:, 2:] / full
        crops = np.concatenate([boxes[:, :2] + corners * pixel, sides[:, None] * pixel], axis=1)
        crops = crops * (sizes / boxes[:, 2])[:, None]
        return Track(
            parameters.rotations, parameters.betas, parameters.camera, torch.from_numpy(crops).float(),
            torch.ones(self.frames, dtype=torch.bool), torch.tensor(fps), prediction.feature.float(),
        )  # fmt: skip


class EmbeddedClips(CachedClips):
    """Clips of embedded people.

    Args:
        body: the body model.
        length: number of clips.
        rates: frames per second, one of which is drawn for each clip.
        motions: recordings that people move by; None draws walking, running, waving and so on.
        others: as `CachedClips` has them.
    """

    def __init__(
        self,
        body: BodyModel,
        estimator: Estimator,
        degradation: Degradation,
        split: str,
        length: int,
        frames: int,
        rates: Sequence[float],
        seed: int,
        cache_dir: str | Path,
        sizes: Sequence[int] | None = None,
        views: int = 4,
        box_noise: float = 0.02,
        motions: RecordedMotions | None = None,
    ) -> None:
        super().__init__(estimator, degradation, split, frames, seed, cache_dir, sizes, views, box_noise)
        if length < 1 or min(rates) <= 0:
            raise UserError(f"clips: expected length from 1 and rates above 0, got {length} and {list(rates)}")
        self.length, self.rates, self.motions = length, list(rates), motions
        self._people = PersonGenerator(body, estimator.image_size, seed, split, truncation=0.05, occlusion=0.15)

    def __len__(self) -> int:
        return self.length

    def missing(self) -> list[str]:
        """What recordings lack, a line for each."""
        return [] if self.motions is None else self.motions.missing()

    def settings(self) -> dict[str, Any]:
        recorded = {} if self.motions is None else {"motions": self.motions.digest}
        return self._people.settings() | {"rates": str(self.rates)} | recorded

    def _make(self, index: int) -> Clip:
        random = generator(self.seed, self.split, index, "clip")
        fps = float(random.choice(self.rates))
        moves = self.motions and self.motions.passage(random, self._people.rest_joints, self.frames, fps)
        people = self._people.clip(index, self.frames, fps, moves=moves)
        boxes = np.tile([0.0, 0.0, self.estimator.image_size], (self.frames, 1))
        views = [self._view(people.images, boxes, sizes, fps, random) for sizes in self._draw(random)]
        return Clip(views=stacked(views), truth=_truth(people, fps))


def _truth(people: RenderedPeople, fps: float) -> Track:
    count, size = len(people.images), people.images.shape[1]
    return Track(
        axis_angle_to_matrix(torch.from_numpy(people.pose)),
        torch.from_numpy(people.betas),
        translation_to_camera(torch.from_numpy(people.translation)),
        torch.tensor([0.0, 0.0, size]).expand(count, 3),
        torch.ones(count, dtype=torch.bool),
        torch.tensor(fps),
    )
