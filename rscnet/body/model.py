"""Differentiable body model: parameters in, vertices and joints out. The surface is skinned by smplx, for every body
alike; joints alone have a shorter way."""

from __future__ import annotations

import contextlib
import io
from typing import Self

import numpy as np
import smplx
import torch
from jaxtyping import Float, Int
from smplx.utils import Struct
from torch import Tensor, nn

from rscnet.body.assets import BodyAssets, load_embedded
from rscnet.body.skinning import JointSkinning, RegressedJoints
from rscnet.joints import H36M_17, SMPL_24, TRAINING_49_FROM_SMPL_54
from rscnet.structures import BodyJoints, BodyOutput, BodyParameters


class JointRegressor(nn.Module):
    """Joints as weighted means of vertices; only the few vertices that carry weight are read (ten times faster)."""

    support: Int[Tensor, "k"]
    weights: Float[Tensor, "j k"]

    def __init__(self, weights: Float[np.ndarray, "j v"]) -> None:
        super().__init__()
        support = np.flatnonzero(weights.any(axis=0))
        self.register_buffer("support", torch.from_numpy(support), persistent=False)
        self.register_buffer("weights", torch.from_numpy(weights[:, support]), persistent=False)

    def forward(self, vertices: Float[Tensor, "n v 3"]) -> Float[Tensor, "n j 3"]:
        """Joints in the vertices' own frame and unit."""
        return self.weights @ vertices.index_select(1, self.support)


class BodyModel(nn.Module):
    """Linear blend skinning of `BodyAssets` with the joints that training and evaluation use.

    All tensors are buffers that stay out of checkpoints: body data may be licensed and never travels with weights.
    """

    faces: Int[Tensor, "f 3"]
    vt: Float[Tensor, "t 2"]
    ft: Int[Tensor, "f 3"]
    mirror: Int[Tensor, "v"]
    part_labels: Int[Tensor, "v"]
    mean_pose: Float[Tensor, "144"]
    mean_shape: Float[Tensor, "10"]
    mean_cam: Float[Tensor, "3"]
    extra_regressor: Float[Tensor, "9 v"]
    joint_map: Int[Tensor, "49"]

    def __init__(self, assets: BodyAssets) -> None:
        super().__init__()
        self.digest = assets.digest()
        with contextlib.redirect_stdout(io.StringIO()):  # smplx warns of ten shape coefficients, which are what we want
            self.smpl = smplx.SMPLLayer(model_path="", data_struct=Struct(**assets.smpl_dict()), num_betas=10)
        for module in self.smpl.modules():
            for name, buffer in list(module.named_buffers(recurse=False)):
                module.register_buffer(name, buffer, persistent=False)
        self.skin_joints = JointSkinning(assets)
        h36m = range(len(SMPL_24), len(SMPL_24) + len(H36M_17))
        self.skin_h36m = RegressedJoints(assets, assets.J_regressor_h36m, h36m)
        self.regress_extra = JointRegressor(assets.J_regressor_extra)
        self.regress_h36m = JointRegressor(assets.J_regressor_h36m)
        for name, array in {
            "faces": assets.f,
            "vt": assets.vt,
            "ft": assets.ft,
            "mirror": assets.mirror,
            "part_labels": assets.part_labels,
            "mean_pose": assets.mean_pose,
            "mean_shape": assets.mean_shape,
            "mean_cam": assets.mean_cam,
            "extra_regressor": assets.J_regressor_extra,
            "joint_map": np.asarray(TRAINING_49_FROM_SMPL_54),
        }.items():
            self.register_buffer(name, torch.from_numpy(array.copy()), persistent=False)

    @classmethod
    def embedded(cls) -> Self:
        """The body that ships inside the package."""
        return cls(load_embedded())

    def forward(self, parameters: BodyParameters) -> BodyOutput:
        """Pose and shape the body.

        Args:
            parameters: rotation matrices and betas of n people; the camera is not used.

        Returns:
            Metres in the frame that `global_orient` rotates into (the camera frame, not translated).
        """
        posed = self.smpl(
            betas=parameters.betas,
            body_pose=parameters.body_pose,
            global_orient=parameters.global_orient,
            pose2rot=False,
        )
        joints_54 = torch.cat([posed.joints, self.regress_extra(posed.vertices)], dim=1)
        return BodyOutput(
            vertices=posed.vertices, joints=joints_54[:, self.joint_map], smpl_joints=joints_54[:, : len(SMPL_24)]
        )

    def joints(self, parameters: BodyParameters) -> BodyJoints:
        """The joints of `forward` without its vertices, at a small part of the cost."""
        return self.skin_joints(parameters)

    def h36m_joints(self, vertices: Float[Tensor, "n v 3"]) -> Float[Tensor, "n 17 3"]:
        """Human3.6M's 17 joints, regressed from posed vertices in the vertices' own frame and unit."""
        return self.regress_h36m(vertices)

    def posed_h36m_joints(self, parameters: BodyParameters) -> Float[Tensor, "n 17 3"]:
        """`h36m_joints` of the vertices of `forward`, without making them, at a small part of the cost."""
        return self.skin_h36m(parameters)


def embedded_body() -> BodyModel:
    """`BodyModel.embedded()` under a plain name, for Hydra's `_target_`."""
    return BodyModel.embedded()
