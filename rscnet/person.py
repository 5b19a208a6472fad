"""One predicted person: parameters, body and joints, as a mesh to draw and as arrays to store."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from rscnet.geometry.rotations import matrix_to_axis_angle
from rscnet.joints import TRAINING_49
from rscnet.render.scene import PALETTE, RGB, Camera, Mesh


@dataclass(frozen=True, eq=False)
class PersonPrediction:
    """One person. Metres in the camera frame of the crop (x right, y down, z forward); pixels of the whole picture with
    pixel centres at + 0.5.

    Attributes:
        global_orient: rotation matrix of the pelvis into the camera frame.
        body_pose: rotation matrices of SMPL's other 23 joints, each relative to its parent.
        betas: shape coefficients.
        camera: weak perspective [s, tx, ty] over the crop.
        translation: of the body in the camera frame.
        vertices: of the posed body, moved by `translation`.
        joints: the 49 joints of `rscnet.joints.TRAINING_49`, moved by `translation`.
        keypoints_2d: these joints in pixels of the picture.
        box: [left, top, width, height] of the person in pixels, as given; without one the whole picture.
        crop: [left, top, side] in pixels of the square that the network saw; it may reach beyond the picture.
        size: the crop's true side in pixels, before it was brought to the network's input size.
        scale_index: the resolution range that `size` falls into.
    """

    global_orient: Float[np.ndarray, "3 3"]
    body_pose: Float[np.ndarray, "23 3 3"]
    betas: Float[np.ndarray, "10"]
    camera: Float[np.ndarray, "3"]
    translation: Float[np.ndarray, "3"]
    vertices: Float[np.ndarray, "v 3"]
    joints: Float[np.ndarray, "49 3"]
    keypoints_2d: Float[np.ndarray, "49 2"]
    box: Float[np.ndarray, "4"]
    crop: Int[np.ndarray, "3"]
    size: int
    scale_index: int

    def mesh(
        self, faces: Int[Tensor, "f 3"], colour: RGB = PALETTE[0], crop: tuple[float, float, float] | None = None
    ) -> Mesh:
        """The body to draw or export, on the device of `faces`.

        Args:
            faces: see `Predictor.faces`.
            colour: of the surface.
            crop: where the crop lies in the picture to draw on; default in the whole photo, (0, 0, side) for a picture
                of the crop alone, enlarged to `side`.
        """
        left, top, side = (float(value) for value in self.crop) if crop is None else crop
        return Mesh(torch.from_numpy(self.vertices).to(faces.device), faces, Camera.of_crop(left, top, side), colour)

    def arrays(self) -> dict[str, np.ndarray]:
        """What `parameters.npz` holds: every attribute, and the same under the names of SMPL and of pinhole cameras."""
        rotations = torch.from_numpy(np.concatenate([self.global_orient[None], self.body_pose]))
        camera = Camera.of_crop(*(float(value) for value in self.crop))
        return {
            **{field.name: np.asarray(getattr(self, field.name)) for field in fields(self)},
            "poses": matrix_to_axis_angle(rotations).reshape(-1).numpy(),
            "trans": self.translation,
            "focal_length": np.asarray(camera.focal),
            "principal_point": np.asarray(camera.centre),
            "joint_names": np.asarray(TRAINING_49),
        }
