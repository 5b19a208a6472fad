"""From a video and the boxes of its people to refined motions, in one pass and with small memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from rscnet.predictor import Estimates, Photo, Predictor
from rscnet.structures import BodyParameters
from rscnet.temporal.track import TemporalBackend, Track, fill_gaps
from rscnet.video.frames import Video
from rscnet.video.motion import PersonMotion
from rscnet.video.tracks import PersonTrack

FIRST_ROWS = 256
"""Frames that the table of a person has room for at first."""


class _Sightings:
    """What was predicted of one person, frame by frame, in one growing table: many small tensors between the large ones
    of the network would keep the memory of those from being used again."""

    def __init__(self) -> None:
        self.frames: list[int] = []
        self.shapes: list[torch.Size] = []
        self.table = torch.empty(0)

    def add(self, frame: int, values: Sequence[Tensor]) -> None:
        """Copies one frame's values."""
        row = torch.cat([value.reshape(-1).float() for value in values])
        if not self.frames:
            self.shapes, self.table = [value.shape for value in values], row.new_empty(FIRST_ROWS, len(row))
        if len(self.frames) == len(self.table):
            self.table = torch.cat([self.table, torch.empty_like(self.table)])
        self.table[len(self.frames)] = row
        self.frames.append(frame)

    def columns(self) -> list[Tensor]:
        """Each of the values over the frames."""
        rows = self.table[: len(self.frames)]
        parts = rows.split([shape.numel() for shape in self.shapes], dim=1)
        return [part.reshape(len(rows), *shape) for part, shape in zip(parts, self.shapes, strict=True)]


class MotionJob:
    """Predicts everybody in every frame, then refines each of them over time.

    Args:
        predictor: the per-frame network.
        backend: of temporal refinement.
        batch_size: people that go through the network at once.
        max_gap: seconds out of sight that are filled and shown.
        focal: of the camera that distances are told by, in pixels; None is the picture's diagonal.

    Attributes:
        frames: of the video that were read, damaged ones included.
    """

    def __init__(
        self, predictor: Predictor, backend: TemporalBackend, batch_size: int, max_gap: float, focal: float | None
    ) -> None:
        self.predictor, self.backend = predictor, backend
        self.batch_size, self.max_gap, self.focal = batch_size, max_gap, focal
        self.with_features = bool(getattr(backend, "reads_features", False))
        self.frames = 0

    def run(self, video: Video, tracks: Sequence[PersonTrack], step: Callable[[], None]) -> list[PersonMotion]:
        """The motions of those tracks that any readable frame shows.

        Args:
            video: read once.
            tracks: boxes of people.
            step: called after every frame.
        """
        found = {track.id: _Sightings() for track in tracks}
        pending: deque[tuple[int, list[int]]] = deque()
        for estimates in self.predictor.estimate_each(self._photos(video, tracks, pending, step), self.batch_size):
            frame, people = pending.popleft()
            for person, row in zip(people, _rows(estimates, self.with_features), strict=True):
                found[person].add(frame, row)
        motions = [self._motion(person, seen, video) for person, seen in found.items() if seen.frames]
        return [motion for motion in motions if motion is not None]

    def _photos(
        self,
        video: Video,
        tracks: Sequence[PersonTrack],
        pending: deque[tuple[int, list[int]]],
        step: Callable[[], None],
    ) -> Iterator[Photo]:
        for number, picture in enumerate(video):
            self.frames = number + 1
            step()
            shown = [track for track in tracks if track.shown(number)]
            if picture is None or not shown:
                continue
            pending.append((number, [track.id for track in shown]))
            boxes = [track.box(number) for track in shown]
            yield picture, None if boxes[0] is None else [box for box in boxes if box is not None]

    def _motion(self, person: int, seen: _Sightings, video: Video) -> PersonMotion | None:
        first, count = seen.frames[0], seen.frames[-1] - seen.frames[0] + 1
        rows = torch.tensor(seen.frames) - first
        columns = []
        for column in seen.columns():
            spread = column.new_zeros(count, *column.shape[1:])
            spread[rows] = column
            columns.append(spread)
        rotations, betas, camera, crops, *feature = columns
        valid = torch.zeros(count, dtype=torch.bool)
        valid[rows] = (camera[rows, 0] > 0) & camera[rows].isfinite().all(1)  # else the body is behind the camera
        if not valid.any():
            return None
        track = Track(rotations, betas, camera, crops, valid, torch.tensor(video.fps), feature[0] if feature else None)
        track = self.backend(fill_gaps(track))
        focal = self.focal or float(np.hypot(video.width, video.height))
        near = short_gaps(valid, round(self.max_gap * video.fps))
        return PersonMotion(person, first, track, near, video.width, video.height, focal)


def short_gaps(valid: Bool[Tensor, "t"], longest: int) -> Bool[Tensor, "t"]:
    """Frames of the gaps that are at most `longest` frames long."""
    seen = valid.nonzero().squeeze(1)
    short = torch.zeros_like(valid)
    for before, after in zip(seen.tolist(), seen[1:].tolist(), strict=False):
        if after - before - 1 <= longest:
            short[before + 1 : after] = True
    return short


def _rows(estimates: Estimates, with_features: bool) -> Iterator[tuple[Tensor, ...]]:
    """Rotations, betas, camera, crop and perhaps the feature of each person of a picture."""
    parameters: BodyParameters = estimates.prediction.parameters
    assert parameters.camera is not None
    columns = [parameters.rotations, parameters.betas, parameters.camera, estimates.crops]
    if with_features:
        columns.append(estimates.prediction.feature)
    yield from zip(*columns, strict=True)
