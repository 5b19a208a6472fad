"""Textured meshes as other programs see them: right way up, front in front, left on the left."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh

from rscnet.errors import UserError
from rscnet.render import pyrender_backend
from rscnet.render.atlas import UVAtlas
from rscnet.render.export import write_glb, write_obj
from rscnet.render.pyrender_backend import PyrenderRenderer
from rscnet.render.scene import Camera, TextureMap
from rscnet.render.texture import render_texture

SIZE = 160


@pytest.fixture(scope="module")
def rest_colours(body):
    """A texture that says where each texel is: red grows to the subject's left, green upwards, blue to the front."""
    atlas, rest = UVAtlas(body, 128), torch.as_tensor(body.smpl.v_template)
    unit = (rest - rest.amin(0)) / (rest.amax(0) - rest.amin(0))
    return TextureMap(atlas.spread(atlas.at(unit[None]).transpose(1, 2))[0], body.vt, body.ft)


def placed(mesh, body, texture):
    """The body at rest before the camera, facing it."""
    rest = torch.as_tensor(body.smpl.v_template) * torch.tensor([1.0, -1.0, -1.0])
    vertices = rest - rest.mean(0) + torch.tensor([0.0, 0.0, 50.0])
    return replace(mesh, vertices=vertices, texture=texture, camera=Camera.of_crop(0, 0, SIZE))


@pytest.mark.parametrize("name", ["mesh.glb", "mesh.obj"])
def test_another_program_finds_each_colour_where_it_belongs(tmp_path, mesh, body, rest_colours, name):
    write = write_glb if name.endswith("glb") else write_obj
    write(tmp_path / name, placed(mesh, body, rest_colours))
    loaded = trimesh.load(tmp_path / name, force="mesh", process=False)
    colours = loaded.visual.to_color().vertex_colors[:, :3] / 255  # trimesh looks the picture up at the UV
    extent = loaded.vertices.max(0) - loaded.vertices.min(0)
    where = (loaded.vertices - loaded.vertices.min(0)) / extent  # x left, y up, z front
    error = np.abs(colours - where).max(1)
    assert np.median(error) < 0.02 and np.quantile(error, 0.9) < 0.1


@pytest.fixture(scope="module")
def opengl():
    try:
        PyrenderRenderer()
        return pyrender_backend._offscreen(__import__("os").getpid())
    except UserError as reason:
        pytest.skip(str(reason))


def test_pyrender_draws_the_same_picture_from_the_file(tmp_path, mesh, body, rest_colours, opengl):
    import pyrender

    body_mesh = placed(mesh, body, rest_colours)
    write_glb(tmp_path / "mesh.glb", body_mesh, centred=False)
    scene = pyrender.Scene.from_trimesh_scene(trimesh.load(tmp_path / "mesh.glb"), bg_color=[0, 0, 0, 0])
    focal = body_mesh.camera.focal
    scene.add(pyrender.IntrinsicsCamera(focal, focal, SIZE / 2, SIZE / 2, znear=40, zfar=60))
    opengl.viewport_width = opengl.viewport_height = SIZE
    theirs, _ = opengl.render(scene, flags=pyrender.RenderFlags.FLAT | pyrender.RenderFlags.RGBA)
    pixels = body_mesh.camera.project(body_mesh.vertices)[None]
    texture = rest_colours.image[None]
    ours, mask = render_texture(pixels, body.faces, body.vt, body.ft, texture, SIZE, SIZE)
    both = mask[0].numpy() & (theirs[..., 3] == 255)
    assert both.sum() > 0.9 * mask.sum()  # the rest lies on the antialiased rim
    error = np.abs(ours[0].permute(1, 2, 0).numpy() - theirs[..., :3] / 255)[both].max(1)
    assert np.median(error) < 0.02 and np.quantile(error, 0.95) < 0.1
