"""What a picture of a synthetic person is made from, before anything is rendered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32
from scipy.spatial.transform import Rotation

from rscnet.data.synthetic.cameras import Viewpoint
from rscnet.data.synthetic.lighting import Light
from rscnet.data.synthetic.occluders import Stage


@dataclass(frozen=True)
class Person:
    """What stays the same on all pictures of a person; `offsets` are metres of clothes above the skin."""

    betas: Float32[np.ndarray, "10"]
    texture: Float32[np.ndarray, "t t 3"]
    offsets: Float32[np.ndarray, "v"]


@dataclass(frozen=True)
class Shot:
    """One picture before rendering. `key` names its random streams, `frame` its sensor noise; `pose` are axis-angles
    with the pelvis' lean as root."""

    person: int
    key: tuple[int | str, ...]
    frame: int
    pose: Float[np.ndarray, "24 3"]
    combination: tuple[str, str, str, str]
    viewpoint: Viewpoint
    light: Light
    airborne: float  # metres between the lowest point and the ground
    seat: Stage | Literal["own", "none"] = "own"  # where a seat is drawn: under who sits, nowhere, or where this is

    def rotations(self) -> Float32[np.ndarray, "24 3"]:
        """Axis-angles of the 24 joints with the root in the camera frame."""
        root = self.viewpoint.rotation * Rotation.from_rotvec(self.pose[0])
        return np.concatenate([root.as_rotvec()[None], self.pose[1:]]).astype(np.float32)
