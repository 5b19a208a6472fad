"""The joints of a body without its surface: linear blend skinning (Loper et al. 2015) folded into the joints alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rscnet.body.assets import BodyAssets
from rscnet.joints import SMPL_24, TRAINING_49, TRAINING_49_FROM_SMPL_54, VERTEX_JOINTS
from rscnet.structures import BodyJoints, BodyParameters


class RegressedJoints(nn.Module):
    """Joints that are weighted means of vertices, exact up to rounding and many times cheaper than the skinned surface.

    A joint regressed from vertices is a sum over the bones that move those vertices: the bone's share of the joint
    stands at the bone's posed origin, plus an arm that turns with the bone. Arms, like the bones themselves, are linear
    in betas and pose correctives, so that three products with fixed matrices and the kinematic chain give all joints.
    Vertices that no joint reads take no part.

    Arms are numbered: 24 bones, each turned by its parent, then one for each pair of a joint and a bone that moves it.

    Args:
        assets: the body.
        regressor: weights of the joints over the vertices.
        chosen: which joints are given, in this order: places among SMPL's 24 followed by those of the regressor.
    """

    rest: Float[Tensor, "3*a"]
    directions: Float[Tensor, "217 3*a"]
    carriers: Int[Tensor, "a"]
    jumps: Int[Tensor, "r 25"]
    sums: Float[Tensor, "a o"]

    def __init__(self, assets: BodyAssets, regressor: Float[np.ndarray, "j v"], chosen: Sequence[int]) -> None:
        super().__init__()
        parents = assets.kintree_table[0]
        joint, bone, shares, surface_arms = _surface_arms(assets, regressor)
        bones = _rest_joints(assets)
        bones[1:] -= bones[parents[1:]]
        arms = np.concatenate([bones, surface_arms]).transpose(2, 1, 0).reshape(-1, 3 * (len(bones) + len(bone)))
        # correctives count from the rest pose, where every rotation is the identity
        rest = arms[0] - np.tile(np.eye(3).ravel(), len(parents) - 1) @ arms[11:]

        chain = _ancestry(parents)
        own = np.arange(len(shares))[:, None] == joint
        sums = np.block([[chain, np.zeros((len(chain), len(bone)))], [shares @ chain, own]])
        for name, array in {
            "rest": rest.astype(np.float32),
            "directions": arms[1:].astype(np.float32),
            "carriers": np.concatenate([parents, bone]) + 1,  # zero is the world, which never turns
            "jumps": _jumps(parents),
            "sums": sums[list(chosen)].T.astype(np.float32),
        }.items():
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(array)), persistent=False)

    def forward(self, parameters: BodyParameters) -> Float[Tensor, "n o 3"]:
        """Joints in metres in the frame that `global_orient` rotates into; the camera is not used."""
        features = torch.cat([parameters.betas, parameters.body_pose.flatten(1)], dim=1)
        arms = torch.addmm(self.rest, features, self.directions).view(len(features), 3, -1)
        turns = self._chain(parameters.rotations).index_select(1, self.carriers).permute(0, 2, 3, 1)
        turned = (turns * arms[:, None]).sum(2)
        return (turned @ self.sums).mT

    def _chain(self, rotations: Float[Tensor, "n 24 3 3"]) -> Float[Tensor, "n 25 3 3"]:
        """Rotations relative to the world, the world itself first; each round doubles the stretch of chain covered."""
        world = torch.eye(3, dtype=rotations.dtype, device=rotations.device).expand(len(rotations), 1, 3, 3)
        turned = torch.cat([world, rotations], dim=1)
        for ancestors in self.jumps:
            turned = turned.index_select(1, ancestors) @ turned
        return turned


class JointSkinning(nn.Module):
    """The joints of training without the surface that they lie on."""

    def __init__(self, assets: BodyAssets) -> None:
        super().__init__()
        vertex_joints = np.equal.outer(list(VERTEX_JOINTS.values()), np.arange(len(assets.v_template)))
        regressor = np.concatenate([vertex_joints, assets.J_regressor_extra])
        self.regressed = RegressedJoints(assets, regressor, [*TRAINING_49_FROM_SMPL_54, *range(len(SMPL_24))])

    def forward(self, parameters: BodyParameters) -> BodyJoints:
        """Joints in metres in the frame that `global_orient` rotates into; the camera is not used."""
        joints = self.regressed(parameters)
        return BodyJoints(joints=joints[:, : len(TRAINING_49)], smpl_joints=joints[:, len(TRAINING_49) :])


def _surface_arms(
    assets: BodyAssets, regressor: Float[np.ndarray, "j v"]
) -> tuple[Int[np.ndarray, "p"], Int[np.ndarray, "p"], Float[np.ndarray, "j 24"], Float[np.ndarray, "p 3 218"]]:
    """For each pair of a joint on the surface and a bone that moves it: joint, bone and the arm from the bone's origin
    as coefficients of (1, betas, pose correctives); also the bones' shares of each joint."""
    support = np.flatnonzero(regressor.any(axis=0))
    regressor, weights = regressor[:, support], assets.weights[support].astype(np.float64)
    joint, bone = np.nonzero(np.abs(regressor) @ np.abs(weights))
    shares = regressor @ weights
    surface = np.concatenate(
        [assets.v_template[support, :, None], assets.shapedirs[support], assets.posedirs[support]], axis=2
    )
    moments = np.tensordot(regressor[joint] * weights.T[bone], surface, axes=1)
    return joint, bone, shares, moments - shares[joint, bone][:, None, None] * _rest_joints(assets)[bone]


def _rest_joints(assets: BodyAssets) -> Float[np.ndarray, "24 3 218"]:
    """Joint locations as coefficients of (1, betas, pose correctives); the last are zero."""
    surface = np.concatenate([assets.v_template[:, :, None], assets.shapedirs], axis=2)
    located = np.tensordot(assets.J_regressor.astype(np.float64), surface, axes=1)
    return np.pad(located, ((0, 0), (0, 0), (0, assets.posedirs.shape[2])))


def _ancestry(parents: Int[np.ndarray, "24"]) -> Float[np.ndarray, "24 24"]:
    """One where the column is the row's joint or an ancestor of it."""
    chain = np.eye(len(parents))
    for joint, parent in enumerate(parents[1:], start=1):
        chain[joint] += chain[parent]
    return chain


def _jumps(parents: Int[np.ndarray, "24"]) -> Int[np.ndarray, "r 25"]:
    """Ancestors one, two, four ... steps up, of the world (zero, its own ancestor) and the joints, until all arrive."""
    ancestors = np.concatenate([[0], parents + 1])
    jumps = []
    while ancestors.any():
        jumps.append(ancestors)
        ancestors = ancestors[ancestors]
    return np.stack(jumps)
