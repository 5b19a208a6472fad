from dataclasses import replace
from functools import partial

import pytest
import torch
from tiny_bodies import leaf, parameters, target, tiny_body

from rscnet.errors import UserError
from rscnet.geometry.cameras import NORMALISED_FOCAL, camera_to_translation, project
from rscnet.geometry.rotations import axis_angle_to_matrix
from rscnet.joints import ANNOTATION_HIPS
from rscnet.losses.posed import pose_bodies
from rscnet.losses.supervised import (
    Betas,
    CameraTranslation,
    JointDistance,
    JointDistances,
    Joints3D,
    Keypoints2D,
    Pose,
    SupervisedLoss,
    Vertices,
)
from rscnet.metrics.functional import mpjpe, pa_mpjpe

AlignedDistance = partial(JointDistance, aligned=True)
TERMS = [Keypoints2D, Joints3D, Pose, Betas, CameraTranslation, Vertices, JointDistance, AlignedDistance]


@pytest.fixture
def posed():
    return leaf(pose_bodies(tiny_body, parameters(6)))  # two views of three people


def truth_of(labels):
    return pose_bodies(tiny_body, labels.parameters)


def test_posing_projects_with_the_camera():
    p = parameters(3)
    posed = pose_bodies(tiny_body, p)
    torch.testing.assert_close(posed.translation, camera_to_translation(p.camera))
    moved = posed.joints + posed.translation[:, None]
    torch.testing.assert_close(posed.keypoints_2d, NORMALISED_FOCAL * moved[..., :2] / moved[..., 2:])


def test_posing_ignores_mixed_precision():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = pose_bodies(tiny_body, parameters(2))
    torch.testing.assert_close(mixed.keypoints_2d, pose_bodies(tiny_body, parameters(2)).keypoints_2d)


def test_keypoints_by_hand(posed):
    labels = target(3)
    labels.keypoints_2d[..., 2] = 0.0
    labels.keypoints_2d[0, 30] = torch.tensor([0.0, 0.0, 0.5])
    labels.keypoints_2d[1, 3, 2] = 1.0  # an OpenPose joint, weight zero
    guess = replace(posed, keypoints_2d=torch.zeros(6, 49, 2))
    guess.keypoints_2d[0, 30] = torch.tensor([3.0, 4.0])  # first view of person 0
    guess.keypoints_2d[3, 30] = torch.tensor([1.0, 0.0])  # second view of person 0
    # one valid person; 49 joints and 2 coordinates thin the mean out
    expected = torch.tensor([0.5 * 25, 0.5 * 1]) / (49 * 2)
    torch.testing.assert_close(Keypoints2D()(guess, labels), expected)
    # with the OpenPose joints counted there are two valid people
    labels.keypoints_2d[1, 3] = torch.tensor([0.0, 2.0, 1.0])
    expected = torch.tensor([0.5 * 25 + 4, 0.5 * 1 + 4]) / (2 * 49 * 2)
    torch.testing.assert_close(Keypoints2D(openpose_weight=1.0)(guess, labels), expected)


def test_joints_are_centred_at_the_hips(posed):
    labels = target(3)
    labels.joints_3d[..., 3] = 1.0
    shifted = posed.joints.detach().clone()
    shifted[:, 25:] = labels.joints_3d[..., :3].repeat(2, 1, 1) + torch.tensor([5.0, -3.0, 1.0])
    torch.testing.assert_close(Joints3D()(replace(posed, joints=shifted), labels), torch.zeros(2))
    shifted[0, 25] += torch.tensor([0.0, 0.3, 0.0])  # an ankle of person 0 in the first view, off the hips
    expected = torch.tensor([0.09, 0.0]) / (3 * 24 * 3)
    torch.testing.assert_close(Joints3D()(replace(posed, joints=shifted), labels), expected)


@pytest.mark.parametrize("term", [Joints3D, JointDistance, CameraTranslation])
def test_whoever_has_no_labelled_hips_has_no_place_relative_to_them(posed, labelled, term):
    others = term()(posed[[1, 2, 4, 5]], labelled[1:])
    hip = ANNOTATION_HIPS[0]
    labelled.joints_3d[0, hip] = 0.0
    labelled.keypoints_2d[0, 25 + hip, 2] = 0.0
    torch.testing.assert_close(term()(posed, labelled), others)


@pytest.fixture
def labelled():
    labels = target(3)
    labels.joints_3d[..., 3] = 1.0
    return labels


def with_joints(posed, joints):
    return replace(posed, joints=torch.cat([posed.joints[:, :25], joints], dim=1))


def test_distance_by_hand(posed, labelled):
    joints = labelled.joints_3d[..., :3].repeat(2, 1, 1) + torch.tensor([5.0, -3.0, 1.0])
    joints[0, 0] += torch.tensor([0.3, 0.0, 0.4])  # an ankle of person 0 in the first view is off by half a metre
    joints[1, 20] += 9.0  # errors are not measured on an eye
    expected = torch.tensor([0.5 / (3 * 14), 0.0])
    torch.testing.assert_close(JointDistance()(with_joints(posed, joints), labelled), expected, atol=1.01e-3, rtol=0)
    labelled.joints_3d[0, 0, 3] = 0.0
    assert JointDistance()(with_joints(posed, joints), labelled)[0] < 1.01e-3


@pytest.mark.parametrize(("aligned", "metric"), [(False, mpjpe), (True, pa_mpjpe)])
def test_distance_is_the_metric(posed, labelled, aligned, metric):
    joints, truth = posed.joints[:3, 25:].detach(), labelled.joints_3d[..., :3]
    centred = [j[:, :14] - j[:, list(ANNOTATION_HIPS)].mean(1, keepdim=True) for j in (joints, truth)]
    loss = JointDistance(aligned)(posed, labelled)
    torch.testing.assert_close(loss[0], metric(*centred).mean(), atol=1e-5, rtol=1e-4)


def test_aligned_distance_does_not_see_a_similarity(posed, labelled):
    turn = axis_angle_to_matrix(torch.tensor([0.3, -1.0, 2.0]))
    joints = (2.5 * labelled.joints_3d[..., :3] @ turn + 4.0).repeat(2, 1, 1)
    assert AlignedDistance()(with_joints(posed, joints), labelled).max() < 1.01e-3
    assert JointDistance()(with_joints(posed, joints), labelled).min() > 0.3


def test_aligned_distance_needs_all_joints(posed, labelled):
    whole = AlignedDistance()(posed[[1, 2, 4, 5]], labelled[1:])
    labelled.joints_3d[0, 3, 3] = 0.0
    labelled.joints_3d[0, 3, :3] = torch.nan
    torch.testing.assert_close(AlignedDistance()(posed, labelled), whole)


def test_aligned_distance_goes_down_along_its_gradient(posed, labelled):
    loss = AlignedDistance()(posed, labelled).sum()
    loss.backward()
    moved = replace(posed, joints=(posed.joints - 0.02 * posed.joints.grad).detach())
    assert AlignedDistance()(moved, labelled).sum() < loss


def test_aligned_distance_of_no_number_is_no_number(posed, labelled):
    joints = posed.joints.detach().clone()
    joints[0, 30] = torch.nan
    loss = AlignedDistance()(replace(posed, joints=joints), labelled)
    assert loss[0].isnan() and loss[1].isfinite()


def test_pose_and_betas_by_hand(posed):
    labels = target(3)
    labels.has_smpl[:] = torch.tensor([True, False, True])
    rotations, betas = labels.parameters.rotations.repeat(2, 1, 1, 1), labels.parameters.betas.repeat(2, 1)
    rotations[0, 5, 1, 2] += 0.5
    rotations[1] += 9.0  # not labelled
    betas[5, 3] += 2.0
    guess = replace(
        posed,
        parameters=replace(posed.parameters, global_orient=rotations[:, :1], body_pose=rotations[:, 1:], betas=betas),
    )
    torch.testing.assert_close(Pose()(guess, labels), torch.tensor([0.25, 0.0]) / (2 * 24 * 9))
    torch.testing.assert_close(Betas()(guess, labels), torch.tensor([0.0, 4.0]) / (2 * 10))


def test_vertices_by_hand(posed):
    labels = target(3)
    truth = truth_of(labels)
    vertices = truth.vertices.repeat(2, 1, 1)
    vertices[4, 0] -= 0.5
    torch.testing.assert_close(
        Vertices()(replace(posed, vertices=vertices), labels, truth), torch.tensor([0.0, 1.5]) / (3 * 6 * 3)
    )


def test_translation_is_found_from_joints_of_any_origin(posed):
    labels = target(3)
    joints, true = labels.joints_3d[..., :3].clone(), torch.tensor([0.1, -0.2, 45.0]).expand(3, 3)
    labels.keypoints_2d[:, 25:, :2] = project(joints, true)
    labels.keypoints_2d[..., 2] = labels.joints_3d[..., 3] = 1.0
    labels.joints_3d[..., :3] += torch.tensor([2.0, 1.0, -3.0])  # another origin, the same person
    predicted = posed.joints.detach().clone()
    predicted[:, 25:] = joints.repeat(2, 1, 1)
    translation = true.repeat(2, 1)
    right = replace(posed, joints=predicted, translation=translation)
    torch.testing.assert_close(CameraTranslation()(right, labels), torch.zeros(2), atol=1e-4, rtol=0)
    off = replace(right, translation=translation + torch.tensor([0.0, 0.0, 3.0]))
    torch.testing.assert_close(CameraTranslation()(off, labels), torch.full((2,), 3.0), atol=1e-2, rtol=0)


def test_translation_loss_moves_the_camera_only(posed):
    CameraTranslation()(posed, target(3)).sum().backward()
    assert posed.joints.grad is None and posed.translation.grad.abs().sum() > 0


def test_translation_needs_points_to_fit(posed):
    labels = target(3)
    labels.keypoints_2d[..., :2] = project(posed.joints[:3], torch.tensor([0.0, 0.0, 50.0]).expand(3, 3)).detach()
    labels.joints_3d[..., :3] = posed.joints[:3, 25:].detach()
    alone = CameraTranslation()(posed[torch.tensor([0, 3])], labels[:1])
    labels.keypoints_2d[1, :, 2] = 0.0  # of the second person no keypoint is seen, of the third no joint is known
    labels.joints_3d[2, :, 3] = 0.0
    torch.testing.assert_close(CameraTranslation()(posed, labels), alone)


@pytest.mark.parametrize("term", TERMS)
def test_repeating_the_batch_changes_nothing(term):
    labels = target(3)
    labels.has_smpl[1] = labels.has_joints_3d[2] = False
    one = pose_bodies(tiny_body, parameters(3))
    two = one.map(lambda tensor: torch.cat([tensor, tensor]))
    labels_twice = labels.map(lambda tensor: torch.cat([tensor, tensor]))
    torch.testing.assert_close(term()(one, labels, truth_of(labels)), term()(two, labels_twice, truth_of(labels_twice)))


@pytest.mark.parametrize("term", TERMS)
def test_views_are_independent_rows(posed, term):
    labels = target(3)
    both = term()(posed, labels, truth_of(labels))
    first, second = (term()(posed[rows], labels, truth_of(labels)) for rows in (slice(0, 3), slice(3, 6)))
    torch.testing.assert_close(both, torch.cat([first, second]))


@pytest.mark.parametrize("term", TERMS)
def test_nothing_valid_is_zero_with_a_graph(posed, term):
    labels = target(3)
    labels.has_smpl[:] = labels.has_joints_3d[:] = False
    # what is not labelled may hold anything, also NaN
    labels = replace(
        labels,
        joints_3d=torch.full_like(labels.joints_3d, torch.nan),
        parameters=labels.parameters.map(lambda t: t * torch.nan),
    )
    labels.keypoints_2d[..., :2] = torch.nan
    labels.keypoints_2d[..., 2] = 0.0
    loss = term()(posed, labels, truth_of(labels))
    assert loss.tolist() == [0.0, 0.0]
    loss.sum().backward()
    grads = [
        tensor.grad
        for tensor in (
            posed.joints,
            posed.vertices,
            posed.translation,
            posed.keypoints_2d,
            posed.parameters.betas,
            posed.parameters.body_pose,
        )
    ]
    assert any(grad is not None for grad in grads)
    assert all(grad.abs().max() == 0 for grad in grads if grad is not None)


def test_combination_skips_terms_without_weight(posed):
    labels = target(3)
    terms = {"keypoints_2d": Keypoints2D(), "pose": Pose(), "betas": Betas(), "vertices": Vertices()}
    loss = SupervisedLoss(terms, {"keypoints_2d": 5.0, "pose": None, "betas": 0.1, "vertices": 0.0})
    values = loss(posed, labels)
    assert set(values) == {"keypoints_2d", "betas"} and not loss.needs_truth
    expected = 5 * Keypoints2D()(posed, labels) + 0.1 * Betas()(posed, labels)
    torch.testing.assert_close(loss.total(values), expected)
    assert SupervisedLoss({"v": Vertices()}, {"v": 1.0}).needs_truth
    mine = Pose()
    mine.needs_truth = True  # type: ignore[assignment]  # as a class of one's own may say
    assert SupervisedLoss({"mine": mine}, {"mine": 1.0}).needs_truth


def test_joint_distances_are_switched_by_weight(posed, labelled):
    both = JointDistances(mpjpe=2.0, pa_mpjpe=0.5)(posed, labelled)
    expected = 2 * JointDistance()(posed, labelled) + 0.5 * AlignedDistance()(posed, labelled)
    torch.testing.assert_close(JointDistances(mpjpe=2.0, pa_mpjpe=0.5).total(both), expected)
    assert set(JointDistances(mpjpe=0.0)(posed, labelled)) == {"pa_mpjpe"}
    with pytest.raises(UserError, match="must not be zero"):
        JointDistances(mpjpe=0.0, pa_mpjpe=None)


@pytest.mark.parametrize("weights", [{}, {"pose": 1.0, "keypoint": 1.0}])
def test_weights_and_terms_must_agree(weights):
    with pytest.raises(UserError, match="must have the same names"):
        SupervisedLoss({"pose": Pose()}, weights)
