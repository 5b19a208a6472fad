"""One annotated person crop as readers give it, before views are made of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8


@dataclass(frozen=True)
class Sample:
    """A square person crop with whatever is known about it; arrays are NumPy, units metres and radians.

    Attributes:
        image: RGB crop at base size.
        keypoints_2d: the 49 training joints, normalised to [-1, 1] over the crop (x right, y down), confidence last.
        joints_3d: the 24 annotation joints in the camera frame (any origin), confidence last.
        pose: axis-angle of the 24 SMPL joints, the root in the camera frame.
        betas: shape coefficients.
        has_smpl: whether `pose` and `betas` are labels.
        has_joints_3d: whether `joints_3d` is labelled.
        identity: (data set number, sample number); names the picture in the feature queue.
        gender: of the body model that `pose` and `betas` belong to, as position in `rscnet.structures.GENDERS`.
        parts: body-part labels 0 (background), 1..24 (SMPL joint + 1) on a coarser grid, where known.
    """

    image: UInt8[np.ndarray, "s s 3"]
    keypoints_2d: Float32[np.ndarray, "49 3"]
    joints_3d: Float32[np.ndarray, "24 4"]
    pose: Float[np.ndarray, "24 3"]
    betas: Float[np.ndarray, "10"]
    has_smpl: bool | Bool[np.ndarray, ""]
    has_joints_3d: bool | Bool[np.ndarray, ""]
    identity: tuple[int, int]
    parts: UInt8[np.ndarray, "h w"] | None = None
    gender: int = 0
