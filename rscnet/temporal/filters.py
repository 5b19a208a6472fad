"""Back-ends without training: filters that run on the rotations themselves, never on their coordinates.

Averages are taken of turns relative to a rotation nearby, so neither quaternions' signs nor angles past 180 degrees
matter. The shape is averaged over the track; the camera is filtered as a place in the picture.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from rscnet.errors import UserError
from rscnet.geometry.rotations import axis_angle_to_matrix, geodesic, matrix_to_axis_angle
from rscnet.temporal.track import Track

CENTRINGS = 2  # the second one measures turns from the first average


@dataclass(frozen=True)
class NoRefinement:
    """Every frame as the network sees it."""

    def __call__(self, track: Track) -> Track:
        return track


@dataclass(frozen=True)
class LocalPolynomial:
    """A polynomial fitted to the neighbours of each frame, read at that frame.

    A Gaussian kernel of degree 0 is the Gaussian filter; equal weights of degree 2 or 3 are Savitzky and Golay's.
    Windows are cut at the ends of the track. Frames that did not show the person count as little as `unseen` says.

    Attributes:
        seconds: standard deviation of the Gaussian, or length of the window of equal weights.
        kernel: "gaussian" or "uniform".
        degree: of the polynomial.
        unseen: weight of interpolated frames.
    """

    seconds: float
    kernel: Literal["gaussian", "uniform"]
    degree: int
    unseen: float = 0.25

    def __post_init__(self) -> None:
        if self.seconds <= 0 or self.degree < 0 or self.kernel not in ("gaussian", "uniform"):
            raise UserError(f"temporal: expected seconds > 0, degree >= 0 and kernel gaussian or uniform, got {self}")

    def __call__(self, track: Track) -> Track:
        weights = self.weights(track)
        place = track.picture_camera
        place = torch.cat([place[:, :1].log(), place[:, 1:]], dim=1)
        place = torch.stack([weight[:, None] * rows for weight, rows in _neighbours(weights, place)]).sum(0)
        place = torch.cat([place[:, :1].exp(), place[:, 1:]], dim=1)
        rotations = track.rotations
        for _ in range(CENTRINGS):
            turns = [
                weight[:, None, None] * matrix_to_axis_angle(rotations.mT @ other)
                for weight, other in _neighbours(weights, track.rotations)
            ]
            rotations = rotations @ axis_angle_to_matrix(torch.stack(turns).sum(0))
        smooth = replace(track, rotations=rotations, betas=mean_shape(track))
        return smooth.with_picture_camera(place)

    def weights(self, track: Track) -> Float[Tensor, "t k"]:
        """What each frame takes of itself (the middle column) and its neighbours; rows sum to one."""
        frames = self.seconds * float(track.fps)
        count = len(track.valid)
        reach = min(round(3 * frames if self.kernel == "gaussian" else (frames - 1) / 2), count - 1)
        half = max(1, reach)  # what lies beyond both ends, or beyond a window of one frame, weighs nothing
        offsets = torch.arange(-half, half + 1, dtype=torch.float64)
        at = torch.arange(count)[:, None] + offsets.long()
        kernel = (
            (-0.5 * (offsets / frames) ** 2).exp() if self.kernel == "gaussian" else (offsets.abs() <= reach).double()
        )
        trust = torch.where(track.valid, 1.0, self.unseen).double()[at.clamp(0, count - 1)]
        weight = kernel * trust * ((at >= 0) & (at < count))
        powers = (offsets[:, None] / half) ** torch.arange(self.degree + 1)
        normal = torch.einsum("tk,kp,kq->tpq", weight, powers, powers)
        # the pseudo-inverse copes with windows of fewer frames than the polynomial has coefficients
        return (torch.linalg.pinv(normal)[:, :1] @ (powers.T * weight[:, None]))[:, 0].float()


@dataclass(frozen=True)
class OneEuro:
    """The One-Euro filter (Casiez et al., CHI 2012): still poses are smoothed much, fast ones little.

    It runs over the track from both ends and the two results meet half way, which takes out the delay of one pass.

    Attributes:
        min_cutoff: hertz, for something at rest.
        beta: hertz more for each unit of speed: radians per second for rotations, body sizes per second for places.
        speed_cutoff: hertz, of the speed's own filter.
    """

    min_cutoff: float
    beta: float
    speed_cutoff: float = 1.0

    def __post_init__(self) -> None:
        if self.min_cutoff <= 0 or self.beta < 0 or self.speed_cutoff <= 0:
            raise UserError(f"temporal: expected min_cutoff > 0, beta >= 0 and speed_cutoff > 0, got {self}")

    def __call__(self, track: Track) -> Track:
        forth, back = (self._pass(track, step) for step in (1, -1))
        place = (forth[1] + back[1]) / 2
        place = torch.cat([place[:, :1].exp(), place[:, 1:] * _body_size(track)], dim=1)
        smooth = replace(track, rotations=geodesic(forth[0], back[0], 0.5), betas=mean_shape(track))
        return smooth.with_picture_camera(place)

    def _pass(self, track: Track, step: int) -> tuple[Float[Tensor, "t 24 3 3"], Float[Tensor, "t 3"]]:
        fps = float(track.fps)
        rotations, place = track.rotations, track.picture_camera
        # pixels per metre by their logarithm, places in units of the body's size: one beta for near and far
        place = torch.cat([place[:, :1].log(), place[:, 1:] / _body_size(track)], dim=1)
        order = range(len(place))[::step]
        turned, moved = rotations.clone(), place.clone()
        spin, speed = torch.zeros_like(rotations[0, ..., 0]), torch.zeros_like(place[0])
        for before, now in itertools.pairwise(order):
            turn = matrix_to_axis_angle(turned[before].mT @ rotations[now])
            spin = spin + self._share(self.speed_cutoff, fps) * (turn * fps - spin)
            share = self._share(self.min_cutoff + self.beta * spin.norm(dim=-1, keepdim=True), fps)
            turned[now] = turned[before] @ axis_angle_to_matrix(share * turn)
            way = place[now] - moved[before]
            speed = speed + self._share(self.speed_cutoff, fps) * (way * fps - speed)
            moved[now] = moved[before] + self._share(self.min_cutoff + self.beta * speed.abs(), fps) * way
        return turned, moved

    @staticmethod
    def _share(cutoff: Tensor | float, fps: float) -> Tensor | float:
        """What a low pass of this cutoff takes of the new value."""
        return 1 / (1 + fps / (2 * torch.pi * cutoff))


def mean_shape(track: Track) -> Float[Tensor, "t 10"]:
    """The mean shape of the frames that show the person, for every frame."""
    return track.betas[track.valid].mean(0).expand_as(track.betas)


def _body_size(track: Track) -> Float[Tensor, ""]:
    """Typical side of the person's crop in pixels."""
    return track.crops[:, 2].median()


def _neighbours(weights: Float[Tensor, "t k"], values: Tensor) -> list[tuple[Float[Tensor, "t"], Tensor]]:
    """For each offset of the window the weights, and the values that far from each frame."""
    count, half = len(values), weights.shape[1] // 2
    frames = torch.arange(count)
    return [
        (weights[:, offset + half], values[(frames + offset).clamp(0, count - 1)]) for offset in range(-half, half + 1)
    ]
