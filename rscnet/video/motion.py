"""The refined motion of a person in the frames that other programs want, and its files.

Frames: *camera* (x right, y down, z forward), *viewer* of glTF and BVH (y up), *AMASS* (z up). The last two assume a
level camera. Distances come from one pinhole camera for the whole clip, whose focal length is an assumption.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rscnet.body.model import BodyModel
from rscnet.geometry.cameras import camera_to_translation
from rscnet.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle, matrix_to_quaternion
from rscnet.render.animation import Skin, write_animated_glb
from rscnet.render.bvh import write_bvh
from rscnet.render.scene import PALETTE, RGB, VIEWER_FROM_CAMERA, TextureMap
from rscnet.render.shading import vertex_normals
from rscnet.structures import BodyOutput, BodyParameters
from rscnet.temporal.track import Track

_VIEWER_ROTATION = torch.diag(torch.tensor(VIEWER_FROM_CAMERA))
AMASS_FROM_CAMERA = torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


@dataclass(frozen=True)
class PersonMotion:
    """One person from the first to the last frame that shows them.

    Attributes:
        id: number of the track.
        first: frame of the video that row 0 is.
        track: refined; its shape is averaged here.
        interpolated: frames between two sights of the person that are near enough to be shown all the same.
        width, height: of the video's frames in pixels.
        focal: of the camera that distances are told by, in pixels.
    """

    id: int
    first: int
    track: Track
    interpolated: Bool[Tensor, "t"]
    width: int
    height: int
    focal: float

    @property
    def last(self) -> int:
        """The last frame of the video that shows the person."""
        return self.first + len(self.track.valid) - 1

    def visible(self, frame: int) -> bool:
        """Whether a frame of the video shows the person, seen or interpolated."""
        row = frame - self.first
        return self.first <= frame <= self.last and bool(self.track.valid[row] | self.interpolated[row])

    @cached_property
    def betas(self) -> Float[Tensor, "10"]:
        """One shape for the whole track."""
        return self.track.betas[self.track.valid].mean(0)

    @cached_property
    def translation(self) -> Float[Tensor, "t 3"]:
        """Of the body in metres in the camera frame of the whole picture."""
        scale, u, v = self.track.picture_camera.unbind(1)
        return torch.stack([(u - self.width / 2) / scale, (v - self.height / 2) / scale, self.focal / scale], dim=1)

    def posed(self, body: BodyModel, row: int) -> BodyOutput:
        """The body of one row in the camera frame, not translated."""
        rotations = self.track.rotations[row : row + 1].to(body.faces.device)
        return body(BodyParameters.from_rotations(rotations, self.betas[None].to(body.faces.device)))

    def arrays(self, body: BodyModel) -> dict[str, np.ndarray]:
        """What `motion.npz` holds, see docs/video.md."""
        track, pelvis = self.track, self._rest(body).smpl_joints[0, 0]
        poses = matrix_to_axis_angle(track.rotations)
        upright = poses.clone()
        upright[:, 0] = matrix_to_axis_angle(AMASS_FROM_CAMERA @ track.rotations[:, 0])
        values = {
            "poses": upright.flatten(1),
            "trans": (self.translation + pelvis) @ AMASS_FROM_CAMERA.T - pelvis,
            "betas": self.betas,
            "gender": "neutral",
            "mocap_framerate": float(track.fps),
            "poses_camera": poses.flatten(1),
            "translation_camera": self.translation,
            "focal_length": self.focal,
            "principal_point": [self.width / 2, self.height / 2],
            "camera": track.camera,
            "crops": track.crops,
            "translation_crop": camera_to_translation(track.camera),
            "valid": track.valid,
            "interpolated": self.interpolated,
            "frames": np.arange(self.first, self.last + 1),
            "track_id": self.id,
        }
        return {name: np.asarray(value) for name, value in values.items()}

    def write_animations(self, folder: Path, body: BodyModel, texture: TextureMap | None = None) -> list[str]:
        """Writes `motion.glb` and `motion.bvh`; returns their names."""
        rest = self._rest(body)
        joints = rest.smpl_joints[0].numpy()
        rotations = self.track.rotations.clone()
        rotations[:, 0] = _VIEWER_ROTATION @ rotations[:, 0]
        quaternions = matrix_to_quaternion(rotations).numpy()
        pelvis = ((self.translation + rest.smpl_joints[0, 0]) @ _VIEWER_ROTATION.T).numpy()
        pelvis = pelvis - pelvis[0] * np.array([1, 0, 1]) - [0, self._ground(body), 0]
        fps = float(self.track.fps)
        skin = _skin(body, rest, texture, PALETTE[self.id % len(PALETTE)])
        write_animated_glb(folder / "motion.glb", skin, quaternions, pelvis, fps, f"person_{self.id}")
        write_bvh(folder / "motion.bvh", joints, quaternions, pelvis, fps)
        return ["motion.glb", "motion.bvh"]

    def _ground(self, body: BodyModel) -> float:
        """Height of the lowest point of the first frame in the viewer's frame."""
        return -float(self.posed(body, 0).vertices[0, :, 1].max() + self.translation[0, 1])

    def _rest(self, body: BodyModel) -> BodyOutput:
        still = axis_angle_to_matrix(torch.zeros(1, 24, 3))
        shaped = BodyParameters.from_rotations(still, self.betas[None])
        return body(shaped.to(body.faces.device)).to("cpu")


def _skin(body: BodyModel, rest: BodyOutput, texture: TextureMap | None, colour: RGB) -> Skin:
    faces = body.faces.cpu()
    vertices, weights = rest.vertices[0], torch.as_tensor(body.smpl.lbs_weights).cpu()
    normals = vertex_normals(rest.vertices, faces)[0]
    joints = rest.smpl_joints[0].numpy()
    if texture is None:
        return Skin(vertices.numpy(), normals.numpy(), faces.numpy(), weights.numpy(), joints, colour=colour)
    vertex = texture.vertex_of_uv(faces)
    uv = texture.vt.cpu().numpy() * [1, -1] + [0, 1]
    return Skin(
        vertices[vertex].numpy(), normals[vertex].numpy(), texture.ft.cpu().numpy(), weights[vertex].numpy(), joints,
        uv, texture.as_bytes(),
    )  # fmt: skip
