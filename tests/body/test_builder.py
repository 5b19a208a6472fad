"""Pieces of the builder whose results can be foreseen; the whole build is checked through the asset."""

import numpy as np
import pytest

from scripts.embedded_body import relax, skeleton, surface, topology
from scripts.embedded_body.regressors import Landmark, SkinnedBody, regress
from scripts.embedded_body.shapes import ShapeRig


@pytest.fixture(scope="module")
def mesh():
    return topology.build()


def test_topology_matches_the_asset(mesh, assets):
    assert mesh.vertices.shape == assets.v_template.shape and mesh.faces.shape == assets.f.shape
    np.testing.assert_array_equal(np.sort(mesh.corners, 1), np.sort(assets.ft, 1))
    relax.mirror_map(mesh.vertices)  # raises where left and right differ


def test_asset_lies_on_the_analytic_surface(assets):
    points = assets.v_template + np.array([0, skeleton.FLOOR_TO_ORIGIN, 0])
    assert np.abs(surface.body(points[::7])).max() < 2e-3


def test_primitives_measure_distance():
    points = np.array([[0.0, 0.5, 0], [2.0, 0.5, 0], [0, 2.0, 0]])
    np.testing.assert_allclose(surface.cone(points, (0, 0, 0), (0, 1, 0), 0.5, 0.5), [-0.5, 1.5, 0.5])
    np.testing.assert_allclose(surface.ellipsoid(points[1:], (0, 0.5, 0), (1, 1, 1)), [1.0, 0.5])
    far, near = np.array([1.0]), np.array([0.2])
    assert surface.blend(far, near, 0.1) == pytest.approx(0.2), "no rounding away from the seam"
    assert surface.blend(near, near, 0.1) == pytest.approx(0.2 - 0.1 / 4), "a quarter of the width at the seam"


def test_subtree_and_axes():
    joint = skeleton.JOINT
    assert skeleton.subtree(joint["left_elbow"]) == [joint["left_elbow"], joint["left_wrist"], joint["left_hand"]]
    axes = skeleton.bone_axes(skeleton.rest_joints())
    np.testing.assert_allclose(np.linalg.norm(axes, axis=1), 1)
    assert axes[joint["left_shoulder"], 0] > 0.99 and axes[joint["left_hip"], 1] < -0.99


def test_longer_legs_lower_the_feet():
    joints = skeleton.rest_joints()
    rig = ShapeRig(joints, np.zeros_like(joints), np.eye(24), joints)
    moved = rig.bones(length={(skeleton.JOINT["left_hip"],): 0.1}).joints
    thigh = joints[skeleton.JOINT["left_knee"]] - joints[skeleton.JOINT["left_hip"]]
    np.testing.assert_allclose(moved[skeleton.JOINT["left_foot"]], 0.1 * thigh)
    np.testing.assert_allclose(moved[skeleton.JOINT["right_foot"]], 0)


def test_regressed_point_balances_each_bone():
    """Eight corners of a cube, half of it on each of two bones: both halves must balance about the landmark."""
    corners = np.array([[x, y, z] for x in (-1.0, 1) for y in (-1.0, 1) for z in (-1.0, 1)])
    weights = np.zeros((8, 24))
    weights[corners[:, 1] < 0, 0] = weights[corners[:, 1] > 0, 1] = 1
    body = SkinnedBody(corners, np.zeros((8, 3, 10)), weights)
    found = regress(body, Landmark(np.array([0, 1.0, 0]), np.zeros((3, 10))), follow_pose=True)
    assert found.sum() == pytest.approx(1)
    np.testing.assert_allclose(found @ corners, [0, 1, 0], atol=1e-3)
    np.testing.assert_allclose(found @ weights, np.eye(24)[1], atol=1e-3)
