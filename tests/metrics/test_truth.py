"""What labels say under a protocol."""

from dataclasses import replace

import pytest
import torch

from rscnet.body import BodyModel
from rscnet.body.assets import load_embedded
from rscnet.errors import UserError
from rscnet.geometry.rotations import axis_angle_to_matrix
from rscnet.joints import ANNOTATION_24, H36M_17
from rscnet.metrics.truth import GroundTruth, measure_body
from rscnet.protocol import ANNOTATION_OF_H36M_17, Protocol
from rscnet.structures import BodyParameters, Target


def target(confidence: torch.Tensor, has: torch.Tensor) -> Target:
    count = len(has)
    joints = torch.arange(count * 24 * 3, dtype=torch.float32).reshape(count, 24, 3)
    eye = torch.eye(3).expand(count, 24, 3, 3)
    parameters = BodyParameters.from_rotations(eye, torch.zeros(count, 10))
    return Target(torch.zeros(count, 49, 3), torch.cat([joints, confidence[..., None]], -1), parameters, ~has, has)


def test_joints_are_spin_s():
    # SPIN's tables again, joint by joint
    spin = dict(
        zip(
            [6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10, 0, 7, 9],
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 18, 14, 16, 17],
            strict=True,
        )
    )
    assert {i: ANNOTATION_OF_H36M_17[i] for i in range(17)} == spin


def test_labelled_joints_count_where_all_that_are_compared_are_known():
    confidence = torch.ones(5, 24)
    confidence[1, ANNOTATION_24.index("jaw_h36m")] = 0  # compared with 17 joints only
    confidence[2, ANNOTATION_24.index("left_ankle")] = 0
    confidence[3, ANNOTATION_24.index("pelvis_mpii")] = 0  # what all are relative to
    labels = target(confidence, torch.tensor([True, True, True, True, False]))
    for joints, valid in ((14, [True, True, False, False, False]), (17, [True, False, False, False, False])):
        truth, found = GroundTruth(Protocol("joints", joints), {})(labels)
        assert found.tolist() == valid and truth.vertices is None
    assert truth.joints.shape == (5, len(H36M_17), 3)
    wrist = ANNOTATION_24.index("left_wrist")
    assert torch.equal(truth.joints[:, H36M_17.index("left_wrist")], labels.joints_3d[:, wrist, :3])


@pytest.mark.parametrize("wrong", [{"truth": "pictures"}, {"joints": 24}, {"pck": -1.0}, {"pck": 0.0}])
def test_a_protocol_that_does_not_exist(wrong):
    with pytest.raises(UserError, match="expected truth bodies or joints"):
        Protocol(**wrong)


def test_bodies_of_each_gender_stay_with_their_people():
    assets = load_embedded()
    sizes = {"neutral": 1.0, "male": 1.1, "female": 0.9}
    bodies = {
        name: BodyModel(replace(assets, v_template=assets.v_template * size, shapedirs=assets.shapedirs * size))
        for name, size in sizes.items()
    }
    labels = target(torch.ones(5, 24), torch.zeros(5, dtype=torch.bool))
    pose = axis_angle_to_matrix(0.4 * torch.randn(5, 24, 3, generator=torch.Generator().manual_seed(0)))
    people = BodyParameters.from_rotations(pose, torch.zeros(5, 10))
    labels = replace(labels, parameters=people, gender=torch.tensor([2, 0, 1, 2, 0]))
    for surface in (True, False):
        truth, valid = GroundTruth(Protocol(gendered=True), bodies)(labels, surface)
        assert valid.all() and (truth.vertices is not None) == surface
        for row, name in enumerate(("female", "neutral", "male", "female", "neutral")):
            expected = measure_body(bodies[name], people[row : row + 1])
            torch.testing.assert_close(truth.joints[row], expected.joints[0], atol=1e-5, rtol=0)
            if truth.vertices is not None and expected.vertices is not None:
                torch.testing.assert_close(truth.vertices[row], expected.vertices[0])


def test_errors_per_vertex_are_measured_only_where_they_are_wanted():
    body = BodyModel.embedded()
    assert GroundTruth(Protocol(), {"neutral": body}).same_surface(body)
    assert not GroundTruth(Protocol(surface=False), {"neutral": body}).same_surface(body)
