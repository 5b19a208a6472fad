"""Real sequences as clips: consecutive frames of one person from an annotation file that says where each is from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int

from rscnet.data.clip import Clip, stacked
from rscnet.data.clips import CachedClips, Estimator
from rscnet.data.crops import SPIN_SCALE
from rscnet.data.degradations import Degradation
from rscnet.data.keys import generator
from rscnet.data.spin import SpinAnnotations
from rscnet.errors import UserError
from rscnet.geometry.rotations import axis_angle_to_matrix
from rscnet.structures import GENDERS
from rscnet.temporal.track import Track

CONTENT = {"imgname", "center", "scale", "pose", "shape", "gender"}


class SequenceClips(CachedClips):
    """Clips of `frames` consecutive frames, cut one after the other from each person's way through a sequence.

    The camera of the truth is not labelled and stands at [1, 0, 0]: no loss and no metric asks for it.

    Args:
        people: 3DPW's annotation file as `scripts/prepare_3dpw.py` writes it, with `sequence`, `frame` and true bodies.
        fps: of the sequences.
        length: at most so many clips, evenly from all; None takes every one.
        others: as `CachedClips` has them.
    """

    gendered = True

    def __init__(
        self,
        people: SpinAnnotations,
        estimator: Estimator,
        degradation: Degradation,
        split: str,
        frames: int,
        seed: int,
        cache_dir: str | Path,
        sizes: Sequence[int] | None = None,
        views: int = 4,
        box_noise: float = 0.0,
        fps: float = 30.0,
        length: int | None = None,
    ) -> None:
        super().__init__(estimator, degradation, split, frames, seed, cache_dir, sizes, views, box_noise)
        if people.size != estimator.image_size:
            raise UserError(f"clips: pictures of {people.size} px, but the network takes {estimator.image_size}")
        self.people, self.fps, self.length = people, fps, length

    def __len__(self) -> int:
        return len(self._starts)

    def missing(self) -> list[str]:
        """What is lacking, a line for each."""
        return self.people.missing()

    def prepare(self, skip_bad: bool = False) -> None:
        self.people.prepare()
        super().prepare(skip_bad)

    def gender(self, index: int) -> str:
        known = self.people.fields.get("gender")
        return GENDERS[0] if known is None else GENDERS[int(known[self._starts[index]])]

    def settings(self) -> dict[str, Any]:
        return {"file": self.people.name, "people": self._digest, "seed": self.seed, "fps": self.fps,
                "starts": str(self._starts.tolist())}  # fmt: skip

    @property
    def _digest(self) -> str:
        """Of what clips show and of what is true of it."""
        found = hashlib.blake2b(digest_size=6)
        for name in sorted(CONTENT & self.people.fields.keys()):
            found.update(name.encode() + self.people.fields[name].tobytes())
        return found.hexdigest()

    @cached_property
    def _starts(self) -> Int[np.ndarray, "n"]:
        """The first row of each clip.

        Raises:
            UserError: the file does not say which rows follow each other, or nobody is seen long enough.
        """
        fields = self.people.fields
        if lacking := {"sequence", "frame", "pose", "shape"} - fields.keys():
            raise UserError(f"{self.people.name}.npz: lacks {', '.join(sorted(lacking))}; make it with prepare_3dpw.py")
        frame, sequence = np.asarray(fields["frame"]), np.asarray(fields["sequence"])
        follows = (np.diff(frame) == 1) & (sequence[1:] == sequence[:-1])
        runs = np.split(np.arange(len(frame)), np.flatnonzero(~follows) + 1)
        starts = np.concatenate([run[: max(0, len(run) - self.frames + 1) : self.frames] for run in runs])
        if not len(starts):
            raise UserError(f"{self.people.name}.npz: nobody is seen in {self.frames} consecutive frames")
        chosen = np.linspace(0, len(starts) - 1, min(self.length or len(starts), len(starts))).round().astype(int)
        return starts[chosen]

    def _make(self, index: int) -> Clip:
        random = generator(self.seed, self.split, index, "sequence clip")
        rows = range(int(self._starts[index]), int(self._starts[index]) + self.frames)
        samples = [self.people[row] for row in rows]
        sides = SPIN_SCALE * self.people.fields["scale"][rows.start : rows.stop].astype(float)
        corners = self.people.fields["center"][rows.start : rows.stop] - sides[:, None] / 2
        boxes, images = np.concatenate([corners, sides[:, None]], 1), np.stack([sample.image for sample in samples])
        nearness = sides / np.median(sides)  # people who come nearer grow
        views = [self._view(images, boxes, sizes * nearness, self.fps, random) for sizes in self._draw(random)]
        truth = Track(
            axis_angle_to_matrix(torch.from_numpy(np.stack([sample.pose for sample in samples])).float()),
            torch.from_numpy(np.stack([sample.betas for sample in samples])).float(),
            torch.tensor([1.0, 0.0, 0.0]).expand(self.frames, 3),
            torch.from_numpy(boxes).float(),
            torch.ones(self.frames, dtype=torch.bool),
            torch.tensor(self.fps),
        )
        return Clip(views=stacked(views), truth=truth)
