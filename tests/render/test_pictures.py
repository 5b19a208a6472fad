from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation

from rscnet.geometry.cameras import camera_to_translation, project, to_pixels
from rscnet.render.pictures import grid, overlay, side_view, turntable
from rscnet.render.rasterizer import rasterize
from rscnet.render.scene import Camera, Mesh
from rscnet.render.torch_renderer import TorchRenderer

SIZE = 96


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


def silhouette(mesh, size=SIZE):
    return rasterize(mesh.camera.project(mesh.vertices)[None], mesh.faces, size, size).mask()[0].numpy()


def shown(mesh, height=SIZE, width=SIZE, **options):
    return TorchRenderer(**options)([mesh], height, width)[..., 3] > 127


def iou(first, second):
    return (first & second).sum() / (first | second).sum()


def test_the_crop_camera_is_the_projection_of_the_losses(posed):
    expected = to_pixels(project(posed, torch.zeros(3, 3)), 50) * 3 + torch.tensor([20.0, -7.0])
    seen = Camera.of_crop(20, -7, 150).project(posed)
    torch.testing.assert_close(seen[..., :2], expected, rtol=1e-5, atol=1e-3)
    assert torch.equal(seen[..., 2], posed[..., 2])


def test_a_predicted_body_is_placed_by_its_crop(posed, body):
    local, camera = posed[:1] - torch.tensor([0.0, 0.0, 50.0]), torch.tensor([[0.8, 0.1, -0.2]])
    mesh = Mesh.of_body(local[0], camera[0], body.faces, crop=(30, 40, 120))
    expected = to_pixels(project(local, camera_to_translation(camera)), 120)[0] + torch.tensor([30.0, 40.0])
    torch.testing.assert_close(mesh.camera.project(mesh.vertices)[:, :2], expected, rtol=1e-5, atol=1e-3)


def test_overlay_changes_only_pixels_of_the_body(mesh, photo):
    picture = overlay(photo, [mesh])
    changed = (picture != photo).any(-1)
    fine = silhouette(replace(mesh, camera=Camera.of_crop(0, 0, 4 * SIZE)), 4 * SIZE)
    touched = fine.reshape(SIZE, 4, SIZE, 4).any((1, 3))  # thin fingers miss pixel centres
    assert picture.dtype == np.uint8 and picture.shape == photo.shape
    assert not changed[~binary_dilation(touched)].any()
    assert changed[silhouette(mesh)].mean() > 0.99
    assert np.array_equal(overlay(photo, []), photo)
    assert np.array_equal(overlay(photo, [mesh], opacity=0), photo)


def test_a_crop_lands_on_the_whole_photo_where_the_crop_lies(mesh):
    """Drawing on the photo through the crop's box equals pasting the crop's picture into the photo."""
    renderer = TorchRenderer()
    crop = renderer([mesh], SIZE, SIZE)
    photo = renderer([replace(mesh, camera=Camera.of_crop(70, 20, SIZE))], 150, 200)
    expected = np.zeros_like(photo)
    expected[20 : 20 + SIZE, 70 : 70 + SIZE] = crop
    assert (np.abs(photo.astype(int) - expected).max(-1) <= 2).mean() > 0.999
    partly = renderer([replace(mesh, camera=Camera.of_crop(-40, 0, SIZE))], SIZE, SIZE)
    assert (np.abs(partly[:, : SIZE - 40].astype(int) - crop[:, 40:]).max(-1) <= 2).mean() > 0.999
    assert not renderer([replace(mesh, camera=Camera.of_crop(500, 0, SIZE))], SIZE, SIZE).any()


def test_bands_do_not_show(mesh):
    assert np.array_equal(TorchRenderer()([mesh], SIZE, SIZE), TorchRenderer(band_pixels=1000)([mesh], SIZE, SIZE))


def test_the_person_of_the_larger_crop_stands_in_front(mesh):
    """The same weak-perspective camera in a smaller crop means a person farther away."""
    red = replace(mesh, colour=(1.0, 0.0, 0.0), camera=Camera.of_crop(0, 0, SIZE))
    blue = replace(mesh, colour=(0.0, 0.0, 1.0), camera=Camera.of_crop(SIZE / 4, SIZE / 4, SIZE / 2))
    both = shown(red) & shown(blue)
    for order in ([red, blue], [blue, red]):
        picture = TorchRenderer()(order, SIZE, SIZE)[both].astype(int)
        assert (picture[:, 0] > picture[:, 2]).mean() > 0.99


def test_antialiasing_keeps_colour_at_the_rim(mesh):
    flat = replace(mesh, colour=torch.ones_like(mesh.vertices))
    rgba = TorchRenderer()([flat], SIZE, SIZE)
    rim = (rgba[..., 3] > 0) & (rgba[..., 3] < 255)
    assert rim.sum() > 50
    assert rgba[rim][:, :3].min() > 40  # never mixed with the black of nothing
    assert iou(shown(mesh, antialias=1), silhouette(mesh)) == 1


def test_side_view_turns_the_right_hand_side_of_the_picture_to_the_viewer(mesh):
    turned = mesh.rotated(90).vertices
    torch.testing.assert_close(turned.mean(0)[1], mesh.vertices.mean(0)[1])
    assert turned[mesh.vertices[:, 0].argmax(), 2] < turned[mesh.vertices[:, 0].argmin(), 2]
    torch.testing.assert_close(mesh.rotated(360).vertices, mesh.vertices, rtol=0, atol=1e-4)
    picture = side_view(mesh, SIZE)
    paper = picture[0, 0]
    assert picture.shape == (SIZE, SIZE, 3)
    assert iou((picture != paper).any(-1), silhouette(mesh.rotated(90))) > 0.85


def test_turntable_is_framed_and_closes_the_circle(mesh):
    pictures = turntable(mesh, 4, 80, 60)
    assert [picture.shape for picture in pictures] == [(80, 60, 3)] * 4
    for picture in pictures:
        drawn = (picture != picture[0, 0]).any(-1)
        rows, columns = drawn.any(1).nonzero()[0], drawn.any(0).nonzero()[0]
        assert rows[0] > 0 and rows[-1] < 79 and columns[0] > 0 and columns[-1] < 59
        assert len(rows) > 50
    framed = mesh.framed(SIZE, SIZE)
    assert iou(shown(framed), shown(framed.rotated(180))[:, ::-1]) > 0.97


def test_texture_and_vertex_colours_reach_the_picture(mesh, texture):
    green = torch.zeros_like(texture.image)
    green[1] = 0.8
    painted = replace(mesh, texture=replace(texture, image=green))
    coloured = replace(mesh, colour=torch.tensor([0.0, 0.8, 0.0]).expand(len(mesh.vertices), 3))
    plain = replace(mesh, colour=(0.0, 0.8, 0.0))
    pictures = [TorchRenderer()([each], SIZE, SIZE).astype(int) for each in (painted, coloured, plain)]
    assert np.abs(pictures[0] - pictures[1]).max() <= 1 and np.abs(pictures[1] - pictures[2]).max() <= 1
    seen = pictures[0][pictures[0][..., 3] == 255]
    assert (seen[:, 1] > seen[:, 0]).all()
    mixed = [replace(painted, camera=Camera.of_crop(-20, 0, SIZE)), replace(mesh, camera=Camera.of_crop(30, 0, SIZE))]
    together = TorchRenderer()(mixed, SIZE, SIZE)
    assert np.abs(together[:, :40].astype(int) - TorchRenderer()(mixed[:1], SIZE, SIZE)[:, :40]).max() <= 1


def test_grid_places_pictures_and_labels():
    red, blue = (np.zeros((20, 30, 3), np.uint8) + np.array(c, np.uint8) for c in ([255, 0, 0], [0, 0, 255]))
    sheet = grid([red, blue, red[:10]], columns=2, gap=2)
    assert sheet.shape == (2 * 22 + 2, 2 * 32 + 2, 3)
    assert np.array_equal(sheet[2:22, 2:32], red) and np.array_equal(sheet[2:22, 34:64], blue)
    assert np.array_equal(sheet[29:39, 2:32], red[:10])
    labelled = grid([red, blue], 2, ["a", "much too long for thirty pixels"], gap=2)
    assert labelled.shape[0] > 24 and np.array_equal(labelled[2:22, 2:32], red)
    assert (labelled[22:, 2:32].min() < 100) and (labelled[:, 64:] > 200).all()
    with pytest.raises(ValueError, match="one label"):
        grid([red], 1, [])
