"""Motion clips as tracks: what a per-frame network says of every frame at several resolutions, beside the truth.

Pictures are rendered, shown to the frozen network and forgotten; only its parameters (and features) are cached, so that
training on tracks takes minutes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Float, Int
from rich.progress import track as progress
from torch import Tensor

from rscnet.body import BodyModel
from rscnet.data.degradations import Degradation
from rscnet.data.images import crop_square
from rscnet.data.keys import generator
from rscnet.data.synthetic.generator import PersonGenerator
from rscnet.data.synthetic.rendered import RenderedPeople
from rscnet.data.views import normalise
from rscnet.errors import UserError
from rscnet.geometry.cameras import translation_to_camera
from rscnet.geometry.rotations import axis_angle_to_matrix
from rscnet.resolution import ResolutionSet
from rscnet.structures import Prediction, TensorStruct
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


@dataclass(frozen=True)
class Clip(TensorStruct):
    """A clip seen `k` times at different resolutions, the first of them full, and what is true of it."""

    views: Track
    truth: Track


class EmbeddedClips:
    """Clips of embedded people with what a network says of them.

    Args:
        body: the body model.
        estimator: the frozen network.
        degradation: how pictures lose their resolution.
        split: "train", "val" or "test".
        length: number of clips.
        frames: of each clip.
        rates: frames per second, one of which is drawn for each clip.
        seed: of all randomness.
        cache_dir: folder for caches.
        sizes: in pixels, constant over the clip, one view each; None draws `views` drifting ones, the first full.
        views: how many of them.
        box_noise: how much boxes tremble from frame to frame, as part of their side.

    Raises:
        UserError: an impossible setting.
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
    ) -> None:
        if split not in ("train", "val", "test") or length < 1 or frames < 4 or views < 1 or min(rates) <= 0:
            raise UserError(
                "clips: expected split train, val or test, length and views from 1, frames from 4 and rates above 0, "
                f"got {split}, {length}, {views}, {frames}, {list(rates)}"
            )
        self.length, self.split, self.frames, self.rates, self.seed = length, split, frames, list(rates), seed
        self.estimator, self.degradation, self.box_noise = estimator, degradation, box_noise
        self.resolution = ResolutionSet(estimator.ranges, [estimator.image_size])
        self.sizes, self.views = sizes and [self.resolution.effective(size) for size in sizes], views
        self._people = PersonGenerator(body, estimator.image_size, seed, split, truncation=0.05, occlusion=0.15)
        settings = self._people.settings() | {
            "clip_version": CLIP_VERSION, "network": estimator.digest, "frames": frames, "rates": str(self.rates),
            "sizes": str(self.sizes), "views": views, "box_noise": box_noise, "degradation": str(vars(degradation)),
        }  # fmt: skip
        digest = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=6).hexdigest()
        self._folder = Path(cache_dir) / f"clips-{split}-{digest}"
        self._clips: dict[int, Clip] = {}

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Clip:
        if not 0 <= index < self.length:
            raise IndexError(index)
        if index not in self._clips:
            self._clips[index] = self._cached(index)
        return self._clips[index]

    def prepare(self) -> None:
        """Render and estimate what the cache lacks."""
        missing = [i for i in range(self.length) if not self._path(i).exists()]
        for index in progress(missing, f"{self.split} clips", transient=True, disable=not missing):
            self._cached(index)

    def _path(self, index: int) -> Path:
        return self._folder / f"{index:05d}.npz"

    def _cached(self, index: int) -> Clip:
        path = self._path(index)
        try:
            if not path.exists():
                self._folder.mkdir(parents=True, exist_ok=True)
                temporary = path.with_suffix(f".{os.getpid()}.tmp.npz")
                np.savez(temporary, **_to_arrays(self._make(index)))  # type: ignore[arg-type]
                os.replace(temporary, path)
            with np.load(path, allow_pickle=False) as arrays:
                return _from_arrays(dict(arrays))
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"{path}: damaged or not writable ({error}); delete {self._folder}") from error

    def _make(self, index: int) -> Clip:
        random = generator(self.seed, self.split, index, "clip")
        fps = float(random.choice(self.rates))
        people = self._people.clip(index, self.frames, fps)
        truth = _truth(people, fps)
        return Clip(
            views=_stacked([self._view(people, sizes, fps, random) for sizes in self._draw(random)]), truth=truth
        )

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
        self, people: RenderedPeople, sizes: Float[np.ndarray, "t"], fps: float, random: np.random.Generator
    ) -> Track:
        """The clip as a network sees it through trembling boxes, at these sizes."""
        full = self.estimator.image_size
        sides = np.rint(full * np.exp(self.box_noise * random.standard_normal(self.frames))).astype(int)
        shift = self.box_noise * full * random.standard_normal((self.frames, 2))
        corners = np.rint((full - sides[:, None]) / 2 + shift).astype(int)
        seen = np.maximum(2, np.rint(sizes * sides / full)).astype(int)
        pictures = np.stack(
            [
                self.degradation(crop_square(image, left, top, side), size, full, random)
                for image, (left, top), side, size in zip(people.images, corners, sides, seen, strict=True)
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
        crops = np.concatenate([corners, sides[:, None]], axis=1) * (sizes / full)[:, None]
        return Track(
            parameters.rotations, parameters.betas, parameters.camera, torch.from_numpy(crops).float(),
            torch.ones(self.frames, dtype=torch.bool), torch.tensor(fps), prediction.feature.float(),
        )  # fmt: skip


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


def _stacked(tracks: Sequence[Track]) -> Track:
    stacked: dict[str, Any] = {}
    for name in (f.name for f in fields(Track)):
        values = [getattr(track, name) for track in tracks]
        stacked[name] = None if values[0] is None else torch.stack(values)
    return Track(**stacked)


def _to_arrays(clip: Clip) -> dict[str, np.ndarray]:
    return {
        f"{part}.{f.name}": value.numpy()
        for part, track in (("views", clip.views), ("truth", clip.truth))
        for f in fields(Track)
        if (value := getattr(track, f.name)) is not None
    }


def _from_arrays(arrays: dict[str, np.ndarray]) -> Clip:
    parts: dict[str, dict[str, Any]] = {"views": {}, "truth": {}}
    for key, value in arrays.items():
        part, name = key.split(".")
        parts[part][name] = torch.from_numpy(value)
    return Clip(Track(**parts["views"]), Track(**parts["truth"]))


def collate(clips: Sequence[Clip], views: int) -> Clip:
    """Clips of one length side by side: views "k b t", truth "b t"."""
    return Clip(
        views=_stacked([_stacked([clip.views[view] for clip in clips]) for view in range(views)]),
        truth=_stacked([clip.truth for clip in clips]),
    )
