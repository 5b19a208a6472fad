import json
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh

from rscnet.render.export import write_glb, write_obj
from rscnet.render.shading import vertex_normals

VIEWER = np.array([1.0, -1.0, -1.0])


def load(path):
    return trimesh.load(path, process=False, force="mesh", maintain_order=True)


@pytest.mark.parametrize("write, name", [(write_obj, "body.obj"), (write_glb, "body.glb")])
def test_comes_back_upright_with_every_vertex_in_place(tmp_path, mesh, body, write, name):
    write(tmp_path / "new" / name, mesh)
    loaded = load(tmp_path / "new" / name)
    expected = (mesh.vertices - mesh.centre()).numpy() * VIEWER
    np.testing.assert_allclose(loaded.vertices, expected, atol=2e-6)
    assert np.array_equal(loaded.faces, mesh.faces.numpy())
    assert loaded.is_watertight and loaded.volume > 0.03
    head = loaded.vertices[body.part_labels.numpy() == 15]
    feet = loaded.vertices[np.isin(body.part_labels.numpy(), (7, 8))]
    assert head[:, 1].min() > feet[:, 1].max() + 1
    # This person faces the camera, hence the viewer at +z: toes (parts 10, 11) stand before the ankles.
    toes = loaded.vertices[np.isin(body.part_labels.numpy(), (10, 11))]
    assert toes[:, 2].mean() > feet[:, 2].mean()
    assert [path.name for path in (tmp_path / "new").iterdir()] == [name]


def test_translation_is_kept_on_request(tmp_path, mesh):
    write_obj(tmp_path / "a.obj", mesh, centred=False)
    np.testing.assert_allclose(load(tmp_path / "a.obj").vertices, mesh.vertices.numpy() * VIEWER, atol=1e-5)


@pytest.mark.parametrize("write, name, gamma", [(write_obj, "body.obj", 1), (write_glb, "body.glb", 2.2)])
def test_vertex_colours(tmp_path, mesh, write, name, gamma):
    """glTF's vertex colours are linear light by its specification; OBJ's are taken as they are."""
    colours = torch.rand(len(mesh.vertices), 3, generator=torch.Generator().manual_seed(0))
    write(tmp_path / name, replace(mesh, colour=colours))
    loaded = load(tmp_path / name)
    np.testing.assert_allclose(loaded.visual.vertex_colors[:, :3] / 255, colours.numpy() ** gamma, atol=1 / 255)


def test_textured_glb_has_picture_uv_and_seamless_normals(tmp_path, mesh, texture):
    path = tmp_path / "textured.glb"
    write_glb(path, replace(mesh, texture=texture))
    loaded = load(path)
    used = torch.unique(texture.ft).numpy()
    vertex = texture.vertex_of_uv(mesh.faces).numpy()
    assert len(loaded.vertices) == len(texture.vt)
    np.testing.assert_allclose(loaded.visual.uv, texture.vt.numpy(), atol=1e-6)
    image = np.asarray(loaded.visual.material.baseColorTexture.convert("RGB"))
    np.testing.assert_allclose(image / 255, texture.image.permute(1, 2, 0).numpy(), atol=0.5 / 255 + 1e-6)
    normals = vertex_normals(mesh.vertices[None], mesh.faces)[0].numpy() * VIEWER
    np.testing.assert_allclose(_attribute(path, "NORMAL")[used], normals[vertex][used], atol=1e-5)


def test_textured_obj_points_to_its_material_and_picture(tmp_path, mesh, texture):
    write_obj(tmp_path / "textured.obj", replace(mesh, texture=texture))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["textured.mtl", "textured.obj", "textured.png"]
    text = (tmp_path / "textured.obj").read_text()
    assert text.count("\nv ") == len(mesh.vertices) and text.count("\nvt ") == len(texture.vt)
    corner = [int(number) for number in text.splitlines()[-1].split()[1].split("/")]
    assert corner == [int(mesh.faces[-1, 0]) + 1, int(texture.ft[-1, 0]) + 1, int(mesh.faces[-1, 0]) + 1]
    loaded = load(tmp_path / "textured.obj")
    assert loaded.visual.kind == "texture" and loaded.visual.material.image.size == (32, 32)


def test_a_failed_write_leaves_the_old_file(tmp_path, mesh, texture, monkeypatch):
    path = tmp_path / "body.obj"
    path.write_text("old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_obj(path, mesh)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("body.obj", "old")]


def _attribute(path, name):
    """A vertex attribute as it stands in the file (trimesh computes its own normals when it reads)."""
    data = path.read_bytes()
    (length,) = struct.unpack("<I", data[12:16])
    header = json.loads(data[20 : 20 + length])
    accessor = header["accessors"][header["meshes"][0]["primitives"][0]["attributes"][name]]
    view = header["bufferViews"][accessor["bufferView"]]
    start = 20 + length + 8 + view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    return np.frombuffer(data, np.float32, 3 * accessor["count"], start).reshape(-1, 3)
