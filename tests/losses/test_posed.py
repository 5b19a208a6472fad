"""Posing with and without the surface."""

import torch
from tiny_bodies import parameters, tiny_body

from rscnet.losses.posed import pose_bodies


def test_without_vertices_joints_and_keypoints_stay():
    with_surface = pose_bodies(tiny_body, parameters(3))
    bare = pose_bodies(tiny_body, parameters(3), with_vertices=False)
    assert with_surface.vertices is not None and bare.vertices is None
    for name in ("joints", "translation", "keypoints_2d"):
        torch.testing.assert_close(getattr(bare, name), getattr(with_surface, name))
