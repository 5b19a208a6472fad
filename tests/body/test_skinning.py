"""Joints without a surface against the joints of the whole surface."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from rscnet.body import BodyModel
from rscnet.body.skinning import JointSkinning
from rscnet.geometry.rotations import axis_angle_to_matrix
from rscnet.joints import SMPL_24, TRAINING_49, VERTEX_JOINTS
from rscnet.structures import BodyJoints, BodyParameters


@pytest.fixture(scope="module")
def people():
    generator = torch.Generator().manual_seed(8)
    axis_angle = 0.7 * torch.randn(6, 24, 3, generator=generator)
    return axis_angle_to_matrix(axis_angle), 2 * torch.randn(6, 10, generator=generator)


def results(pose: Callable[[BodyParameters], BodyJoints], rotations: Tensor, betas: Tensor):
    """Joints of both kinds, and the gradients of an arbitrary sum of them."""
    rotations, betas = rotations.clone().requires_grad_(), betas.clone().requires_grad_()
    posed = pose(BodyParameters.from_rotations(rotations, betas))
    generator = torch.Generator().manual_seed(9)
    joints = torch.cat([posed.joints, posed.smpl_joints], dim=1)
    loss = (joints * torch.randn(joints.shape, generator=generator)).sum()
    return joints, torch.autograd.grad(loss, (rotations, betas))


def test_equals_the_joints_and_gradients_of_the_whole_surface(body, people):
    expected, expected_gradients = results(body, *people)
    found, gradients = results(body.joints, *people)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(gradients, expected_gradients, atol=1e-4, rtol=0)


def test_correctives_and_uneven_weights_are_kept(assets, people):
    """Other bodies spread weights over more bones, below zero too, and let every rotation move every vertex."""
    noise = np.random.default_rng(0)
    weights = assets.weights + 0.05 * noise.standard_normal(assets.weights.shape)
    rough = replace(
        assets,
        weights=(weights / weights.sum(1, keepdims=True)).astype(np.float32),
        posedirs=(0.01 * noise.standard_normal(assets.posedirs.shape)).astype(np.float32),
    )
    model, posed = BodyModel(rough), BodyParameters.from_rotations(*people)
    torch.testing.assert_close(model.joints(posed).joints, model(posed).joints, atol=1e-5, rtol=0)


def test_vertices_without_a_joint_take_no_part(assets, people):
    read = assets.J_regressor.any(0) | assets.J_regressor_extra.any(0)
    read[list(VERTEX_JOINTS.values())] = True
    template = np.where(read[:, None], assets.v_template, np.float32(7))
    posed = BodyParameters.from_rotations(*people)
    expected = JointSkinning(assets)(posed)
    torch.testing.assert_close(JointSkinning(replace(assets, v_template=template))(posed).joints, expected.joints)


def test_a_bent_elbow_carries_the_wrist_about_it(body):
    rotations = torch.eye(3).repeat(1, 24, 1, 1)
    rest = body.joints(BodyParameters.from_rotations(rotations, torch.zeros(1, 10))).smpl_joints[0]
    elbow, wrist = SMPL_24.index("left_elbow"), SMPL_24.index("left_wrist")
    rotations[0, elbow] = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    bent = body.joints(BodyParameters.from_rotations(rotations, torch.zeros(1, 10))).smpl_joints[0]
    x, y, z = rest[wrist] - rest[elbow]
    torch.testing.assert_close(bent[wrist] - bent[elbow], torch.stack([-y, x, z]))
    torch.testing.assert_close(bent[:elbow], rest[:elbow])


def test_half_a_batch_is_half_the_result(body, people):
    posed = BodyParameters.from_rotations(*people)
    joints = body.joints(posed).joints
    assert joints.shape == (6, len(TRAINING_49), 3)
    torch.testing.assert_close(body.joints(posed[:3]).joints, joints[:3])
