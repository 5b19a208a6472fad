import torch
from trimesh import Trimesh

from rscnet.render.shading import StudioLight, hemisphere, lambert, vertex_normals


def test_vertex_normals_of_a_pyramid():
    vertices = torch.tensor([[[1.0, 0, 0], [0, 1.0, 0], [-1.0, 0, 0], [0, -1.0, 0], [0, 0, 1.0]]])
    faces = torch.tensor([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
    normals = vertex_normals(vertices, faces)[0]
    torch.testing.assert_close(normals[4], torch.tensor([0.0, 0.0, 1.0]))
    torch.testing.assert_close(normals[0], torch.tensor([0.5**0.5, 0.0, 0.5**0.5]))


def test_vertex_normals_point_out_of_the_body(posed, body):
    normals = vertex_normals(posed, body.faces)
    assert normals.shape == posed.shape
    torch.testing.assert_close(normals.norm(dim=-1), torch.ones(posed.shape[:2]))
    inflated = Trimesh(posed[1] + 1e-3 * normals[1], body.faces, process=False)
    assert inflated.volume > Trimesh(posed[1], body.faces, process=False).volume > 0


def test_light_terms():
    normals = torch.tensor([[0.0, -1.0, 0.0], [0.0, 1.0, 0.0], [0.0, -0.6, -0.8]])
    up = torch.tensor([0.0, -1.0, 0.0])
    torch.testing.assert_close(lambert(normals, up), torch.tensor([1.0, 0.0, 0.6]))
    torch.testing.assert_close(hemisphere(normals, up), torch.tensor([1.0, 0.0, 0.8]))


def test_studio_light_is_brightest_towards_its_key():
    light = StudioLight()
    normals = torch.nn.functional.normalize(torch.tensor([light.key, (0.0, 0.0, -1.0), (0.6, 0.8, 0.5)]), dim=-1)
    towards, front, away = light(torch.full((3, 3), 0.6), normals).mean(1)
    assert towards > front > away > 0
