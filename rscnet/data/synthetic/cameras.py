"""Where the camera stands: which way the person is turned to it, and how the crop is cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from rscnet.geometry.cameras import FOCAL_LENGTH, REFERENCE_SIZE

CROP_OVER_EXTENT = 1.2  # the side of a person crop over the larger side of its keypoints' box (SPIN)
LONGEST_DISTANCE = 300.0  # metres; keeps degenerate boxes from leaving the range of float32


@dataclass(frozen=True)
class Viewpoint:
    """A view of one person, drawn before the body is posed.

    Attributes:
        rotation: from the body's rest frame (y up, facing +z) to the camera frame (y down, z forward).
        zoom: side of the keypoints' box over the side of the crop.
        offset: centre of the crop away from the box' centre, in crop sides.
        focus: point of the box that is centred, 0.5 the middle; others cut the person at the border.
    """

    rotation: Rotation
    zoom: float
    offset: Float[np.ndarray, "2"]
    focus: float

    @property
    def up(self) -> Float[np.ndarray, "3"]:
        """The world's vertical in the camera frame."""
        return self.rotation.apply([0.0, 1.0, 0.0])

    @classmethod
    def draw(cls, rng: np.random.Generator, truncation: float) -> Viewpoint:
        """Yaw mostly uniform; level, from above as surveillance cameras look, or from below; crops cut with jitter."""
        yaw = rng.uniform(-np.pi, np.pi) if rng.random() < 0.75 else rng.normal(0, 0.5)
        kind = rng.random()
        if kind < 0.72:
            elevation = rng.normal(0.07, 0.12)
        else:
            elevation = rng.uniform(0.25, 0.95) if kind < 0.94 else rng.uniform(-0.4, -0.1)
        roll = rng.normal(0, 0.06 if rng.random() < 0.9 else 0.25)
        # seen from above, the head leans towards the camera: a turn about x after the half turn that points y down
        turn = Rotation.from_rotvec([np.pi, 0, 0]) * Rotation.from_euler("xz", [elevation, roll])
        zoom = np.exp(rng.uniform(-0.16, 0.14)) / CROP_OVER_EXTENT
        focus = 0.5
        if rng.random() < truncation:
            zoom, focus = (
                rng.uniform(1.05, 1.6),
                rng.choice([rng.uniform(0.25, 0.45), rng.uniform(0.55, 0.7)], p=[0.75, 0.25]),
            )
        return cls(
            turn * Rotation.from_rotvec([0, yaw, 0]),
            float(zoom),
            rng.normal(0, 0.03, 2).clip(-0.08, 0.08),
            float(focus),
        )

    def translation(self, points: Float[np.ndarray, "k 3"]) -> Float[np.ndarray, "3"]:
        """Camera translation in metres that cuts the crop around `points` (camera frame, untranslated)."""
        low, high = points[:, :2].min(0), points[:, :2].max(0)
        scale = 2 * self.zoom / max(float((high - low).max()), 0.2)
        centre = low + (high - low) * np.array([0.5, self.focus])
        distance = min(2 * FOCAL_LENGTH / (REFERENCE_SIZE * scale), LONGEST_DISTANCE)
        shift = 2 * self.offset / scale - centre
        return np.array([shift[0], shift[1], distance - points[:, 2].mean()])
