import pytest
import torch
from torch.nn.functional import grid_sample

from rscnet.render.rasterizer import rasterize
from rscnet.render.texture import paint, render_texture, sample_texture

SIZE = 96


def test_v_is_up_and_texel_centres_are_exact():
    texture = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, None]
    uv = torch.tensor([[0.25, 0.75], [0.75, 0.75], [0.25, 0.25], [0.75, 0.25], [0.5, 0.5], [0.0, 1.0], [2.0, -1.0]])
    values = sample_texture(texture, uv, torch.zeros(len(uv), dtype=torch.long))[:, 0]
    assert values.tolist() == [1.0, 2.0, 3.0, 4.0, 2.5, 1.0, 4.0]


def test_equal_to_grid_sample_values_and_gradients():
    torch.manual_seed(0)
    texture = torch.rand(2, 3, 5, 7, dtype=torch.float64, requires_grad=True)
    uv = torch.rand(2, 40, 2, dtype=torch.float64) * 1.2 - 0.1
    image_index = torch.arange(2).repeat_interleave(40)
    ours = sample_texture(texture, uv.view(-1, 2), image_index)
    grid = torch.stack([uv[..., 0] * 2 - 1, 1 - uv[..., 1] * 2], -1)[:, None]
    theirs = (
        grid_sample(texture, grid, padding_mode="border", align_corners=False)[:, :, 0].transpose(1, 2).reshape(-1, 3)
    )
    torch.testing.assert_close(ours, theirs)
    weight = torch.rand_like(ours)
    for mine, other in zip(*(torch.autograd.grad((x * weight).sum(), texture) for x in (ours, theirs)), strict=True):
        torch.testing.assert_close(mine, other)


def test_gradcheck_of_texture_and_uv():
    torch.manual_seed(1)
    texture = torch.rand(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    uv = (0.2 + 0.6 * torch.rand(6, 2, dtype=torch.float64)).requires_grad_()
    index = torch.zeros(6, dtype=torch.long)
    assert torch.autograd.gradcheck(lambda t, c: sample_texture(t, c, index), (texture, uv))


def test_rendering_is_linear_in_the_texture_and_reaches_only_seen_texels(posed, body, camera):
    pixels = camera.project(posed)
    texture = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0), requires_grad=True)
    image, mask = render_texture(pixels, body.faces, body.vt, body.ft, texture, SIZE, SIZE)
    assert image.shape == (3, 3, SIZE, SIZE) and mask.shape == (3, SIZE, SIZE)
    assert image.detach().masked_select(~mask[:, None]).eq(0).all()
    (gradient,) = torch.autograd.grad(image.sum(), texture)
    # Each covered pixel hands out a total weight of one.
    torch.testing.assert_close(gradient.sum((2, 3)), mask.sum((1, 2), dtype=torch.float32)[:, None].expand(3, 3))
    torch.testing.assert_close((gradient * texture.detach()).sum(), image.detach().sum())
    assert 0.1 < (gradient > 0).float().mean() < 0.9


def test_mirrored_body_with_mirrored_texture_is_the_mirrored_picture(posed, body, camera):
    """The atlas is mirror symmetric, so flip augmentation may flip the texture."""
    pixels = camera.project(posed)
    mirrored = pixels[:, body.mirror] * torch.tensor([-1.0, 1.0, 1.0]) + torch.tensor([SIZE, 0.0, 0.0])
    texture = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    image, mask = render_texture(pixels, body.faces, body.vt, body.ft, texture, SIZE, SIZE)
    other, other_mask = render_texture(mirrored, body.faces, body.vt, body.ft, texture.flip(-1), SIZE, SIZE)
    assert (mask.flip(-1) == other_mask).float().mean() > 0.9999
    difference = (image.flip(-1) - other).abs().amax(1)
    assert (difference < 1e-3).float().mean() > 0.9995


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_texture_gradient_is_deterministic_on_cuda(posed, body, camera):
    pixels = camera.project(posed).cuda()
    faces, vt, ft = (t.cuda() for t in (body.faces, body.vt, body.ft))
    texture = torch.rand(3, 3, 64, 64, device="cuda", requires_grad=True)

    def gradient():
        image, _ = render_texture(pixels, faces, vt, ft, texture, SIZE, SIZE)
        return torch.autograd.grad((image**2).sum(), texture)[0]

    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        assert torch.equal(gradient(), gradient())
    finally:
        torch.use_deterministic_algorithms(before)


def test_pictures_give_exact_gradients_to_textures(posed, body, camera):
    """Finite differences of a loss in image space, pixel by pixel and at the UV vertices."""
    fragments = rasterize(camera.project(posed).double(), body.faces, 24, 24)
    vt = body.vt.double()
    wanted = torch.rand(3, 2, 24, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    texture = torch.rand(3, 2, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    for per_vertex in (False, True):

        def loss(maps, per_vertex=per_vertex):
            picture, mask = paint(fragments, vt, body.ft, maps, per_vertex)
            return ((picture - wanted).square() * mask[:, None]).sum()

        assert torch.autograd.gradcheck(loss, (texture.clone().requires_grad_(),))


def test_between_uv_vertices_texels_count_only_when_looked_up_per_pixel(posed, body, camera):
    fragments = rasterize(camera.project(posed[:1]), body.faces, SIZE, SIZE)
    texture = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0), requires_grad=True)
    reached = []
    for per_vertex in (False, True):
        picture, mask = paint(fragments, body.vt, body.ft, texture, per_vertex)
        (gradient,) = torch.autograd.grad(picture.sum(), texture)
        torch.testing.assert_close(gradient.sum((2, 3)), mask.sum((1, 2), dtype=torch.float32)[:, None].expand(1, 3))
        reached.append(gradient.ne(0))
    assert (reached[0] & ~reached[1]).any()
    plain = torch.rand(1, 3, 1, 1).expand(1, 3, 8, 8)
    both = [paint(fragments, body.vt, body.ft, plain, per_vertex)[0] for per_vertex in (False, True)]
    torch.testing.assert_close(*both)
