import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from rscnet.errors import UserError
from rscnet.render import pyrender_backend
from rscnet.render.pyrender_backend import PyrenderRenderer
from rscnet.render.scene import Camera
from rscnet.render.torch_renderer import TorchRenderer

SIZE = 224


@pytest.fixture(scope="module")
def renderer():
    try:
        return PyrenderRenderer()
    except UserError as reason:
        pytest.skip(str(reason))


@pytest.fixture
def placed(mesh):
    return replace(mesh, camera=Camera.of_crop(0, 0, SIZE))


def assert_same_silhouette(meshes, renderer, height=SIZE, width=SIZE):
    ours, theirs = (draw(meshes, height, width)[..., 3] > 127 for draw in (TorchRenderer(), renderer))
    assert (ours & theirs).sum() / (ours | theirs).sum() > 0.97


def test_silhouette_is_that_of_the_torch_renderer(placed, renderer):
    assert_same_silhouette([placed], renderer)
    assert_same_silhouette([placed.framed(120, 90)], renderer, 120, 90)


def test_far_body_is_not_clipped(placed, renderer):
    """A small weak-perspective scale puts the body beyond pyrender's default far plane of 100 m."""
    camera = replace(placed.camera, focal=3 * placed.camera.focal)
    far = replace(placed, vertices=placed.vertices + torch.tensor([0.0, 0.0, 100.0]), camera=camera)
    assert_same_silhouette([far], renderer)


def test_bodies_of_different_crops_share_the_photo(placed, renderer):
    large = replace(placed, colour=(1.0, 0.1, 0.1), camera=Camera.of_crop(10, 0, SIZE))
    small = replace(placed, colour=(0.1, 0.1, 1.0), camera=Camera.of_crop(90, 60, SIZE / 2))
    assert_same_silhouette([small, large], renderer, SIZE, 300)
    assert_same_silhouette([large, small], renderer, SIZE, 300)
    torch_picture, picture = (draw([small, large], SIZE, 300) for draw in (TorchRenderer(), renderer))
    solid = (torch_picture[..., 3] == 255) & (picture[..., 3] == 255)
    red = [each[..., 0] > each[..., 2] for each in (torch_picture, picture)]
    assert (red[0] == red[1])[solid].mean() > 0.98


def test_texture_lies_where_torch_puts_it(placed, texture, renderer):
    stripes = torch.zeros_like(texture.image)
    stripes[0, :, ::2], stripes[2, :, 1::2] = 0.9, 0.9
    textured = replace(placed, texture=replace(texture, image=stripes.repeat_interleave(4, 1).repeat_interleave(4, 2)))
    pictures = [draw([textured], SIZE, SIZE).astype(int) for draw in (TorchRenderer(), renderer)]
    solid = (pictures[0][..., 3] == 255) & (pictures[1][..., 3] == 255)
    first, second = ((picture[..., 0] - picture[..., 2])[solid] for picture in pictures)
    assert np.corrcoef(first, second)[0, 1] > 0.9


def test_vertex_colours(placed, renderer):
    coloured = replace(placed, colour=torch.tensor([0.0, 1.0, 0.0]).expand(len(placed.vertices), 3))
    picture = renderer([coloured], SIZE, SIZE).astype(int)
    solid = picture[picture[..., 3] == 255]
    assert (solid[:, 1] > solid[:, 0] + 30).mean() > 0.99


def test_one_context_per_process(renderer):
    assert PyrenderRenderer(antialias=2) != renderer
    assert pyrender_backend._offscreen.cache_info().currsize == 1


def test_no_meshes_give_an_empty_picture(renderer):
    assert not renderer([], 8, 9).any() and renderer([], 8, 9).shape == (8, 9, 4)


def test_without_opengl_one_line_says_what_to_install():
    """In a fresh process, since OpenGL's platform is settled at its first import."""
    program = (
        "from rscnet.errors import UserError\n"
        "from rscnet.render.pyrender_backend import PyrenderRenderer\n"
        "try:\n    PyrenderRenderer()\nexcept UserError as error:\n    print(error)\n"
    )
    environment = {"PATH": "/usr/bin:/bin", "PYOPENGL_PLATFORM": "nonsense"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    message = done.stdout.strip()
    assert message.startswith("render=pyrender: no headless OpenGL works here (nonsense: ")
    assert "apt-get install libegl1" in message and "render=torch needs nothing" in message
    assert "\n" not in message
