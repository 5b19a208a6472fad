import torch
from tiny_bodies import batch, parameters, prediction

from rscnet.structures import BodyParameters


def test_rotations_put_the_root_first():
    rotations = torch.randn(2, 24, 3, 3)
    p = BodyParameters.from_rotations(rotations, torch.zeros(2, 10))
    assert p.global_orient.shape == (2, 1, 3, 3) and p.body_pose.shape == (2, 23, 3, 3) and p.camera is None
    assert torch.equal(p.rotations, rotations) and torch.equal(p.global_orient[:, 0], rotations[:, 0])


def test_functions_reach_nested_structures_and_keep_what_is_absent():
    original = batch(3, views=2)
    doubled = original.map(lambda tensor: tensor * 2)
    assert torch.equal(doubled.target.parameters.betas, 2 * original.target.parameters.betas)
    assert torch.equal(doubled.identity, 2 * original.identity)
    assert doubled.parts is None and type(doubled.target) is type(original.target)


def test_indexing_picks_samples_everywhere():
    guess = prediction(3, views=1)
    some = guess[1:]
    assert torch.equal(some.parameters.camera, guess.parameters.camera[1:])
    assert torch.equal(some.projection, guess.projection[1:])
    picked = guess[torch.tensor([True, False, True])]
    assert torch.equal(picked.parameters.body_pose, guess.parameters.body_pose[[0, 2]])


def test_detaching_cuts_the_graph():
    p = parameters(2).map(lambda tensor: tensor.clone().requires_grad_())
    scaled = p.map(lambda tensor: tensor * 2)
    assert scaled.betas.requires_grad and not scaled.detach().betas.requires_grad


def test_moving_to_another_device():
    moved = batch(2, views=2).to("meta")
    assert {moved.views.device.type, moved.target.parameters.betas.device.type} == {"meta"}
