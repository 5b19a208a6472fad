"""Boxes of single frames linked to people: by overlap, else by nearness in units of their size; none is dropped.

Small and fast people hardly overlap from frame to frame, and trackers that want confident, large boxes lose them. What
is left of a box that belongs to nobody begins a track of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

from rscnet.data.boxes import Box
from rscnet.video.tracks import PersonTrack

NEAR = 1.0  # longer sides of a box that its centre may have moved, per frame out of sight, where nothing overlaps
MEMORY = 0.7  # of the speed so far that stays when a new box tells it


@dataclass
class _Walker:
    """A person who is followed."""

    track: PersonTrack
    box: Float[np.ndarray, "4"]
    speed: Float[np.ndarray, "2"]
    seen: int

    def expected(self, frame: int) -> Float[np.ndarray, "4"]:
        moved = self.box.copy()
        moved[:2] += self.speed * (frame - self.seen)
        return moved

    def meet(self, frame: int, box: Box) -> None:
        now = np.asarray(box, float)
        shift = (now[:2] + now[2:] / 2 - self.box[:2] - self.box[2:] / 2) / (frame - self.seen)
        self.speed = MEMORY * self.speed + (1 - MEMORY) * shift if len(self.track.boxes) > 1 else shift
        self.box, self.seen = now, frame
        self.track.boxes[frame] = box


def link(boxes: Mapping[int, Sequence[Box]], max_gap: int, min_iou: float = 0.2) -> list[PersonTrack]:
    """Tracks of all boxes, numbered from 0 in the order of their beginnings.

    Args:
        boxes: [left, top, width, height] in pixels by frame.
        max_gap: frames for which a person may be out of sight.
        min_iou: overlap (intersection over union) that links two boxes at once.
    """
    walkers: list[_Walker] = []
    tracks: list[PersonTrack] = []
    for frame in sorted(boxes):
        walkers = [walker for walker in walkers if frame - walker.seen <= max_gap + 1]
        found = list(boxes[frame])
        free = dict(enumerate(found))
        for walker, index in _assigned(walkers, found, frame, min_iou):
            walker.meet(frame, free.pop(index))
        for box in free.values():
            track = PersonTrack(len(tracks), {frame: box})
            tracks.append(track)
            walkers.append(_Walker(track, np.asarray(box, float), np.zeros(2), frame))
    return tracks


def _assigned(walkers: list[_Walker], found: Sequence[Box], frame: int, min_iou: float) -> list[tuple[_Walker, int]]:
    if not walkers or not found:
        return []
    expected = np.stack([walker.expected(frame) for walker in walkers])
    boxes = np.asarray(found, float)
    overlap = iou(expected, boxes)
    centre = expected[:, None, :2] + expected[:, None, 2:] / 2 - boxes[None, :, :2] - boxes[None, :, 2:] / 2
    reach = NEAR * np.maximum(expected[:, None, 2:].max(-1), boxes[None, :, 2:].max(-1))
    reach = reach * np.array([[frame - walker.seen] for walker in walkers]) ** 0.5
    distance = np.linalg.norm(centre, axis=-1) / reach
    score = np.where(overlap >= min_iou, 1 + overlap, np.clip(1 - distance, 0, None))
    rows, columns = linear_sum_assignment(-score)
    return [(walkers[i], int(j)) for i, j in zip(rows, columns, strict=True) if score[i, j] > 0]


def iou(first: Float[np.ndarray, "n 4"], second: Float[np.ndarray, "m 4"]) -> Float[np.ndarray, "n m"]:
    """Intersection over union of boxes [left, top, width, height]."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum((first[:, :2] + first[:, 2:])[:, None], (second[:, :2] + second[:, 2:])[None])
    shared = np.clip(high - low, 0, None).prod(-1)
    return shared / (first[:, 2:].prod(-1)[:, None] + second[:, 2:].prod(-1)[None] - shared)
