import torch

from rscnet.render.atlas import UVAtlas, filled_by_symmetry, unproject, visible_fragments, visible_texture
from rscnet.render.rasterizer import rasterize
from rscnet.render.texture import paint

SIZE, UV = 96, 32


def atlas_of(body) -> UVAtlas:
    return UVAtlas(body, UV)


def observed(body, posed, camera):
    atlas = atlas_of(body)
    return atlas, atlas.observe(camera.project(posed), posed, SIZE, SIZE)


def test_read_and_spread_are_inverse_on_the_body_and_fill_the_rest(body):
    atlas = atlas_of(body)
    values = torch.rand(2, 3, len(atlas))
    maps = atlas.spread(values)
    assert maps.shape == (2, 3, UV, UV) and len(atlas) < UV * UV
    assert torch.equal(atlas.read(maps), values)


def test_the_mirror_image_of_a_mirror_image_is_the_texel_and_the_embedded_atlas_is_symmetric(body):
    atlas = atlas_of(body)
    assert torch.equal(atlas.mirror[atlas.mirror], torch.arange(len(atlas)))
    maps = torch.rand(1, 3, UV, UV)
    assert torch.equal(atlas.read(maps)[:, :, atlas.mirror], atlas.read(maps.flip(3)))


def test_pixels_of_a_view_are_those_of_the_rasteriser(body, posed, camera):
    _, view = observed(body, posed, camera)
    ours, theirs = visible_fragments(view), rasterize(camera.project(posed), body.faces, SIZE, SIZE)
    assert torch.equal(ours.index, theirs.index) and torch.equal(ours.face, theirs.face)
    torch.testing.assert_close(ours.barycentrics, theirs.barycentrics)


def test_a_rendered_texture_comes_back_where_it_is_seen(body, posed, camera):
    atlas, view = observed(body, posed, camera)
    rest = torch.as_tensor(body.smpl.v_template)
    smooth = (rest - rest.amin(0)) / (rest.amax(0) - rest.amin(0))  # colours that vary slowly over the body
    texture = atlas.spread(atlas.at(smooth.expand(3, -1, -1)).transpose(1, 2))
    picture, _ = paint(visible_fragments(view), body.vt, body.ft, texture)
    seen = view.facing > 0.5
    assert 0.1 < seen.float().mean() < 0.5
    error = (unproject(picture, view) - atlas.read(texture)).abs().amax(1)
    assert error[seen].median() < 0.02
    assert (error[seen] < 0.1).float().mean() > 0.8  # the rest are texels at seams and small hands


def test_front_is_seen_from_the_front_and_back_from_behind(body, posed, camera):
    atlas, view = observed(body, posed, camera)
    template = torch.as_tensor(body.smpl.v_template)
    z = atlas.at(template[None])[0, :, 2]
    torso = atlas.region == 1
    front, back = torso & (z > z[torso].quantile(0.8)), torso & (z < z[torso].quantile(0.2))
    assert view.facing[0, front].mean() > 0.5 > 0.05 > view.facing[0, back].mean()
    assert view.facing[2, back].mean() > 0.4 > 0.05 > view.facing[2, front].mean()


def test_normals_are_of_unit_length_and_say_how_well_a_texel_is_seen(body, posed, camera):
    _, view = observed(body, posed, camera)
    torch.testing.assert_close(view.normals.norm(dim=-1), torch.ones(view.facing.shape))
    seen = view.facing > 0.2  # the line of sight is within 2 degrees of the camera's axis
    difference = (-view.normals[..., 2][seen] - view.facing[seen]).abs()
    assert difference.mean() < 0.02 and difference.quantile(0.95) < 0.06
    sideways = view.normals[..., 0][seen] * view.place[..., 0][seen]
    assert sideways.mean() > 0  # what lies further to the right turns to the right


def test_what_lies_off_the_picture_is_not_seen(body, posed, camera):
    atlas = atlas_of(body)
    pixels = camera.project(posed) - torch.tensor([SIZE / 2, 0.0, 0.0])
    cut = atlas.observe(pixels, posed, SIZE, SIZE)
    assert (cut.facing[cut.place[..., 0] < -1] == 0).all()
    assert cut.facing.sum() < 0.8 * atlas.observe(camera.project(posed), posed, SIZE, SIZE).facing.sum()


def test_visible_texture_says_what_is_seen_of_texels_and_of_their_mirror_images(body, posed, camera):
    atlas, view = observed(body, posed, camera)
    found = atlas.read(visible_texture(unproject(torch.ones(3, 3, SIZE, SIZE), view), view, atlas))
    assert torch.equal(found[:, 3], view.facing)
    assert torch.equal(found[:, 4], view.facing[:, atlas.mirror])
    torch.testing.assert_close(found[:, :3], torch.ones_like(found[:, :3]))  # all that is seen is white


def test_hidden_texels_take_their_mirror_image_then_their_regions_mean(body):
    atlas = atlas_of(body)
    k = len(atlas)
    colours, seen = torch.rand(1, 3, k), torch.zeros(1, k, dtype=torch.bool)
    head = (atlas.region == 0).nonzero().squeeze(1)
    one = head[(atlas.mirror[head] != head).nonzero()[0]].item()
    seen[0, one] = True
    filled = filled_by_symmetry(colours, seen, atlas)
    assert torch.equal(filled[0, :, one], colours[0, :, one])
    assert torch.equal(filled[0, :, atlas.mirror[one]], colours[0, :, one])
    torch.testing.assert_close(filled[0], colours[0, :, one : one + 1].expand(3, k))  # all that is known
    assert torch.equal(filled_by_symmetry(colours, ~seen & False, atlas), torch.full((1, 3, k), 0.5))
