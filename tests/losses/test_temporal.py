from dataclasses import replace

import pytest
import torch
from small_clips import steady_track

from rscnet.body import BodyModel
from rscnet.errors import UserError
from rscnet.losses.temporal import TemporalLoss, body_joints
from rscnet.temporal.track import Track

EVERYTHING = {name: 1.0 for name in ("joints_3d", "pose", "betas", "velocity", "acceleration", "distillation")}


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return BodyModel.embedded()


def views(*tracks: Track) -> Track:
    return Track.concatenate([track.map(lambda tensor: tensor[None, None]) for track in tracks])


def truth() -> Track:
    return steady_track().map(lambda tensor: tensor[None])


def test_nothing_is_lost_on_the_truth(body: BodyModel) -> None:
    total, terms = TemporalLoss(EVERYTHING)(views(steady_track(), steady_track()), truth(), body)
    assert total < 1e-3 and set(terms) == set(EVERYTHING)


def test_terms_by_hand(body: BodyModel) -> None:
    """A body that stands still: its errors of speed are the speeds of the truth."""
    still = steady_track().map(lambda tensor: tensor[:1].expand(tensor.shape) if tensor.dim() else tensor)
    slow = replace(still, fps=torch.tensor(12.5))
    joints = body_joints(truth(), body)[0]
    _, terms = TemporalLoss(EVERYTHING)(views(slow), replace(truth(), fps=torch.tensor([12.5])), body)
    expected = joints.diff(dim=0).norm(dim=-1).mean() / 2
    torch.testing.assert_close(terms["velocity"], expected, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(
        terms["acceleration"], joints.diff(n=2, dim=0).norm(dim=-1).mean() / 4, atol=1e-4, rtol=1e-3
    )
    assert "distillation" not in terms


def test_the_sharpest_view_teaches_and_does_not_learn(body: BodyModel) -> None:
    loss = TemporalLoss({"distillation": 1.0})
    both = views(steady_track(), steady_track())
    rotations = both.rotations.clone()
    rotations[1, ..., 0, 0, 1] += 0.2
    rotations.requires_grad_()
    total, _ = loss(replace(both, rotations=rotations), truth(), body)
    total.backward()
    assert rotations.grad is not None
    assert rotations.grad[0].abs().max() == 0 and rotations.grad[1].abs().max() > 0


def test_unknown_terms_are_named() -> None:
    with pytest.raises(UserError, match="no such term: jerk"):
        TemporalLoss({"jerk": 1.0})
