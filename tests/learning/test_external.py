"""What another program's model may say, and what it is told when it says something else."""

import re
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from rscnet.body import BodyModel
from rscnet.errors import UserError
from rscnet.geometry.rotations import axis_angle_to_matrix
from rscnet.joints import H36M_17
from rscnet.learning.external import ExternalModule
from rscnet.metrics.truth import Measured, measure_body
from rscnet.structures import Batch, BodyParameters, Target

VIEWS, PEOPLE = 2, 3
COUNT = VIEWS * PEOPLE
POSE = 0.3 * torch.randn(COUNT, 24, 3, generator=torch.Generator().manual_seed(0))
BETAS = torch.randn(COUNT, 10, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return BodyModel.embedded()


def batch() -> Batch:
    """Views of one grey each, the normalised one of 0.25 and of 0.75."""
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    grey = (torch.tensor([0.25, 0.75])[:, None] - mean) / std
    views = grey[:, None, :, None, None].expand(VIEWS, PEOPLE, 3, 4, 4)
    sizes = torch.tensor([[64] * PEOPLE, [16] * PEOPLE])
    eye = BodyParameters.from_rotations(torch.eye(3).expand(PEOPLE, 24, 3, 3), torch.zeros(PEOPLE, 10))
    no = torch.zeros(PEOPLE, dtype=torch.bool)
    target = Target(torch.zeros(PEOPLE, 49, 3), torch.zeros(PEOPLE, 24, 4), eye, no, no)
    return Batch(views, sizes, torch.zeros_like(sizes), target, torch.zeros(PEOPLE, 2, dtype=torch.long))


def said(body: BodyModel, monkeypatch: pytest.MonkeyPatch, function: Any) -> Measured:
    module = ModuleType("their_program")
    module.f = function  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "their_program", module)
    return ExternalModule("their_program:f", body).test_step(batch(), 0)


@pytest.mark.parametrize("kind", ["vectors", "flat vectors", "matrices", "arrays"])
def test_parameters_pose_the_body(body, monkeypatch, kind):
    matrices = axis_angle_to_matrix(POSE)
    answers = {
        "vectors": (POSE[:, :1], POSE[:, 1:]),
        "flat vectors": (POSE[:, 0], POSE[:, 1:].flatten(1)),
        "matrices": (matrices[:, 0], matrices[:, 1:]),
        "arrays": (matrices[:, :1].numpy(), matrices[:, 1:].double().numpy()),
    }
    orient, pose = answers[kind]
    found = said(body, monkeypatch, lambda images: {"global_orient": orient, "body_pose": pose, "betas": BETAS})
    expected = measure_body(body, BodyParameters.from_rotations(matrices, BETAS))
    torch.testing.assert_close(found.joints, expected.joints, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.vertices, expected.vertices, atol=1e-5, rtol=0)


def test_a_function_is_given_pictures_and_sizes(body, monkeypatch):
    given = {}

    def remember(images: torch.Tensor, sizes: torch.Tensor) -> np.ndarray:
        given.update(images=images, sizes=sizes, grad=torch.is_grad_enabled())
        return np.zeros((COUNT, 17, 3))

    found = said(body, monkeypatch, remember)
    assert found.vertices is None and found.joints.shape == (COUNT, len(H36M_17), 3)
    expected = torch.tensor([0.25] * PEOPLE + [0.75] * PEOPLE)[:, None, None, None].expand(COUNT, 3, 4, 4)
    torch.testing.assert_close(given["images"], expected)
    assert given["sizes"].tolist() == [64] * PEOPLE + [16] * PEOPLE
    assert given["grad"] is False


def crash(images: torch.Tensor) -> None:
    raise ValueError("no\nweights")


def joints_of(value: Any) -> Any:
    return lambda images: {"joints": value}


SPOILT = torch.zeros(COUNT, 17, 3)
SPOILT[2, 5, 1] = torch.nan
REST = {"body_pose": POSE[:, 1:], "betas": BETAS}


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (joints_of(torch.zeros(COUNT, 14, 3)), "returned joints (6, 14, 3), expected (6, 17, 3)"),
        (joints_of(torch.zeros(2, 17, 3)), "returned joints (2, 17, 3), expected (6, 17, 3)"),
        (joints_of(SPOILT), "joints with nan or infinity, first in row 2"),
        (joints_of([0.0]), "returned joints of list, not a tensor"),
        (lambda images: REST, "returned body_pose, betas without global_orient"),
        (lambda images: {**REST, "global_orient": 2 * torch.eye(3).expand(COUNT, 3, 3)}, "with matrices that are no "),
        (lambda images: {**REST, "global_orient": -torch.eye(3).expand(COUNT, 3, 3)}, "with matrices that are no "),
        (lambda images: {**REST, "global_orient": POSE[:, 0], "betas": BETAS[:, :5]}, "betas (6, 5), expected (6, 10)"),
        (lambda images: None, "returned NoneType, expected a mapping with global_orient"),
        (crash, "ValueError: no weights"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(body, monkeypatch, function, message):
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        said(body, monkeypatch, function)
    assert str(caught.value).startswith("external.callable: their_program:f ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (None, "expected package.module:function, got None"),
        ("json", "expected package.module:function, got json"),
        ("json:nothing", "has no function nothing"),
        ("no_such_package.model:f", "cannot import no_such_package.model from .*ModuleNotFoundError"),
    ],
)
def test_a_function_that_is_not_there(body, name, message):
    with pytest.raises(UserError, match=message):
        ExternalModule(name, body)


def test_it_is_not_trained(body):
    with pytest.raises(UserError, match="can only be evaluated"):
        ExternalModule("json:dumps", body).configure_optimizers()
