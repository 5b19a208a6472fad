"""The body model against smplx's own loader, and its geometry."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import smplx
import torch

from rscnet.body import BodyModel, embedded_body
from rscnet.geometry.rotations import axis_angle_to_matrix
from rscnet.joints import EXTRA_9, H36M_17, SMPL_24, TRAINING_49, VERTEX_JOINTS
from rscnet.structures import BodyParameters

IDENTITY = torch.eye(3).expand(24, 3, 3)


def parameters(axis_angle: torch.Tensor, betas: torch.Tensor | None = None) -> BodyParameters:
    shape = torch.zeros(len(axis_angle), 10) if betas is None else betas
    return BodyParameters.from_rotations(axis_angle_to_matrix(axis_angle), shape)


@pytest.fixture(scope="module")
def people():
    generator = torch.Generator().manual_seed(3)
    return 0.4 * torch.randn(2, 24, 3, generator=generator), torch.randn(2, 10, generator=generator)


def test_equals_smplx_on_a_file_of_smpl_format(assets, body, people, tmp_path):
    (tmp_path / "SMPL_NEUTRAL.pkl").write_bytes(pickle.dumps(assets.smpl_dict(), protocol=2))
    reference = smplx.SMPL(str(tmp_path), gender="neutral")
    axis_angle, betas = people
    expected = reference(betas=betas, global_orient=axis_angle[:, 0], body_pose=axis_angle[:, 1:].reshape(2, 69))
    posed = body(parameters(axis_angle, betas))
    torch.testing.assert_close(posed.vertices, expected.vertices, atol=1e-5, rtol=0)
    torch.testing.assert_close(posed.smpl_joints, expected.joints[:, :24], atol=1e-5, rtol=0)


def test_training_joints_are_picked_by_name(assets, body, people):
    posed = body(parameters(*people))
    at = {name: posed.joints[:, i] for i, name in reversed(list(enumerate(TRAINING_49)))}
    torch.testing.assert_close(at["left_knee"], posed.smpl_joints[:, SMPL_24.index("left_knee")])
    torch.testing.assert_close(at["nose"], posed.vertices[:, VERTEX_JOINTS["nose"]])
    neck = torch.from_numpy(assets.J_regressor_extra[EXTRA_9.index("neck_lsp")])
    torch.testing.assert_close(at["neck_lsp"], posed.vertices.mT @ neck)


def test_root_turns_the_body_about_the_pelvis(body):
    pose = torch.zeros(2, 24, 3)
    pose[1, 0] = torch.tensor([0.3, -0.8, 0.5])
    posed = body(parameters(pose))
    centred = posed.vertices - posed.smpl_joints[:, :1]
    turned = centred[0] @ axis_angle_to_matrix(pose[1, 0]).T
    torch.testing.assert_close(centred[1], turned, atol=1e-5, rtol=0)
    torch.testing.assert_close(posed.smpl_joints[1, 0], posed.smpl_joints[0, 0])


@pytest.mark.parametrize("index", range(10))
def test_betas_move_joints_with_the_surface(assets, body, index):
    betas = 2 * torch.eye(10)[[index]]
    shaped = body(BodyParameters.from_rotations(IDENTITY[None], betas))
    regressor, direction = torch.from_numpy(assets.J_regressor), torch.from_numpy(assets.shapedirs[..., index])
    expected = regressor @ (torch.from_numpy(assets.v_template) + 2 * direction)
    torch.testing.assert_close(shaped.smpl_joints[0], expected, atol=1e-5, rtol=0)
    assert direction.norm(dim=1).max() > 2e-3, "every coefficient is visible"


def test_first_betas_mean_stature_and_weight(body):
    betas = torch.zeros(3, 10)
    betas[1, 0] = betas[2, 1] = 2.0
    vertices = body(BodyParameters.from_rotations(IDENTITY.expand(3, 24, 3, 3), betas)).vertices
    height = vertices[..., 1].amax(1) - vertices[..., 1].amin(1)
    assert 0.10 < height[1] - height[0] < 0.20
    assert abs(height[2] - height[0]) < 0.005
    corner = vertices[:, body.faces]
    volume = (corner[:, :, 0] * torch.linalg.cross(corner[:, :, 1], corner[:, :, 2])).sum((1, 2)) / 6
    assert 1.2 < volume[2] / volume[0] < 1.5


def test_h36m_joints_follow_the_bones(body):
    pose = torch.zeros(3, 24, 3)
    pose[0, SMPL_24.index("left_hip"), 0] = pose[0, SMPL_24.index("right_hip"), 0] = -1.5
    pose[0, SMPL_24.index("left_knee"), 0] = pose[0, SMPL_24.index("right_knee"), 0] = 1.5
    pose[1, SMPL_24.index("left_shoulder"), 2], pose[1, SMPL_24.index("left_elbow"), 1] = -1.3, -1.7
    pose[2, SMPL_24.index("right_shoulder"), 2] = -1.2
    posed = body(parameters(pose))
    regressed = body.h36m_joints(posed.vertices)
    for name in ("knee", "ankle", "shoulder", "elbow", "wrist"):
        for side in ("left", "right"):
            own = posed.smpl_joints[:, SMPL_24.index(f"{side}_{name}")]
            apart = (regressed[:, H36M_17.index(f"{side}_{name}")] - own).norm(dim=1)
            assert apart.max() < 0.015, f"{side}_{name}: {apart}"
    hips = posed.smpl_joints[:, [SMPL_24.index("left_hip"), SMPL_24.index("right_hip")]]
    assert (regressed[:, [H36M_17.index("left_hip"), H36M_17.index("right_hip")]] - hips).norm(dim=-1).max() < 0.035


@pytest.mark.parametrize(
    ("joint", "axis", "angle"), [("hip", 0, -1.6), ("knee", 0, 1.9), ("shoulder", 2, -1.3), ("elbow", 1, -1.9)]
)
def test_correctives_keep_the_volume_of_bent_joints(assets, body, joint, axis, angle):
    """Linear skinning alone loses volume at a bend; the pose blend shapes give a good part of it back."""
    pose = torch.zeros(1, 24, 3)
    pose[0, SMPL_24.index(f"left_{joint}"), axis] = angle
    bare = BodyModel(replace(assets, posedirs=np.zeros_like(assets.posedirs)))

    def volume(model: BodyModel, axis_angle: torch.Tensor) -> float:
        corner = model(parameters(axis_angle)).vertices[0][body.faces]
        return float((corner[:, 0] * torch.linalg.cross(corner[:, 1], corner[:, 2])).sum() / 6)

    rest = volume(body, torch.zeros(1, 24, 3))
    assert volume(bare, pose) < rest
    assert abs(rest - volume(body, pose)) < 0.8 * (rest - volume(bare, pose))


def test_no_body_data_in_checkpoints(body):
    assert not body.state_dict() and not list(body.parameters())


def test_gradients_reach_pose_and_shape(body, people):
    axis_angle, betas = (tensor.clone().requires_grad_() for tensor in people)
    body(parameters(axis_angle, betas)).joints.square().sum().backward()
    assert axis_angle.grad is not None and (axis_angle.grad[:, :20].norm(dim=-1) > 0).all()
    assert betas.grad is not None and (betas.grad != 0).all()


def test_factory_gives_the_embedded_body(capsys, body):
    made = embedded_body()
    assert torch.equal(made.faces, body.faces)
    assert capsys.readouterr().out == "", "smplx's warning stays silent"
