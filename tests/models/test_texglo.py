import pytest
import torch
from torch.nn.functional import interpolate

from rscnet.body.model import BodyModel
from rscnet.errors import UserError
from rscnet.models.global_map import GlobalMap
from rscnet.models.texglo import TexGlo
from rscnet.render.atlas import UVAtlas
from rscnet.render.light import FittedLight
from rscnet.render.scene import Camera
from rscnet.render.texture import render_texture

SMALL = {"height": 64, "width": 32, "uv_size": 32, "channels": 1 / 16, "scales": 3}


def network(**changes) -> TexGlo:
    torch.manual_seed(0)
    return TexGlo(**{**SMALL, **changes}).eval()


def pictures(count: int = 2) -> torch.Tensor:
    return 2 * torch.rand(count, 3, 64, 32, generator=torch.Generator().manual_seed(1)) - 1


@pytest.mark.parametrize("global_module", ["none", "pool", "bottleneck", "full"])
@pytest.mark.parametrize("output", ["rgb", "flow", "fused"])
@pytest.mark.parametrize("visible", [False, True])
def test_every_variant_gives_uv_maps_and_trains(global_module, output, visible):
    net = network(global_module=global_module, output=output, visible=visible).train()
    seen = torch.rand(2, 5, 32, 32) if visible else None
    maps = net(pictures(), torch.tensor([0, 2]), seen)
    assert maps.shape == (2, 3, 32, 32) and maps.abs().max() <= 1
    maps.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_fused_colours_begin_near_those_of_the_second_input():
    net = network(output="fused", visible=True)
    seen = torch.rand(1, 5, 32, 32) - 0.5
    with torch.no_grad():
        maps = net(pictures(1), torch.tensor([0]), seen)
        net.head.bias[3:] = -20.0
        painted = net(pictures(1), torch.tensor([0]), seen)
    assert (maps - seen[:, :3]).abs().mean() < 0.2 * (painted - seen[:, :3]).abs().mean()


def test_light_is_divided_out_of_the_second_input():
    """A grey body in light from above: hidden and seen colours are grey again, at the brightness of the light."""
    body = BodyModel.embedded()
    atlas = UVAtlas(body, 32)
    rest = torch.as_tensor(body.smpl.v_template)[None] * torch.tensor([1.0, -1.0, -1.0])
    vertices = rest - rest.mean(1) + torch.tensor([0.0, 0.0, 50.0])
    surface = atlas.observe(Camera.of_crop(-16, 0, 64).project(vertices), vertices, 64, 32)
    light = 0.7 - 0.3 * surface.normals[..., 1]
    shown = render_texture(
        Camera.of_crop(-16, 0, 64).project(vertices), body.faces, body.vt, body.ft,
        atlas.spread((0.5 * light)[:, None].expand(-1, 3, -1)), 64, 32,
    )[0]  # fmt: skip
    plain, unlit = (
        atlas.read(network(visible=True, light=kind).second_input(2 * shown - 1, surface, atlas))
        for kind in (None, FittedLight(expected=(0.7, 0.0, 0.0, 0.0)))
    )
    assert torch.equal(plain[:, 3:], unlit[:, 3:])
    inner = surface.facing[0] > 0.5
    colours = (unlit[0, :3, inner] + 1) / 2
    assert (colours - 0.5).abs().mean() < 0.06 < 0.12 < ((plain[0, :3, inner] + 1) / 2 - 0.5).abs().mean()
    assert network().second_input(shown, surface, atlas) is None


@pytest.mark.parametrize("rank", [None, 4])
def test_the_global_map_starts_as_the_plain_skip(rank):
    x = torch.rand(2, 8, 16, 8)
    module = GlobalMap(8, (16, 8), (16, 16), groups=4, rank=rank)
    torch.testing.assert_close(module(x), interpolate(x, (16, 16), mode="area"))
    count = sum(p.numel() for p in module.parameters())
    assert count == (4 * 256 * 128 if rank is None else 4 * rank * (256 + 128))


def test_every_image_cell_can_reach_every_uv_cell():
    """One step on the weights is enough, which no convolution of this size could do."""
    module = GlobalMap(4, (4, 2), (4, 4), groups=1)
    x = torch.rand(1, 4, 4, 2, requires_grad=True)
    far = module(x)[0, :, 3, 3].sum()
    (weights,) = torch.autograd.grad(far, [module.write], create_graph=True)
    assert (weights[0, 15] > 0).all() and (weights[0, :15] == 0).all()


def test_rows_of_a_batch_do_not_depend_on_each_other_and_scales_do_matter():
    net = network()
    with torch.no_grad():
        net.encoder.conditions[2].gain[1] += 0.5
        together = net(pictures(), torch.tensor([0, 1]))
        alone = torch.cat([net(pictures()[i : i + 1], torch.tensor([i])) for i in range(2)])
        other = net(pictures(), torch.tensor([0, 0]))
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
    assert torch.equal(together[0], other[0]) and not torch.allclose(together[1], other[1])


def test_flow_takes_colours_from_the_picture():
    net = network(output="flow")
    plain = torch.tensor([0.2, -0.4, 0.6]).view(1, 3, 1, 1).expand(1, 3, 64, 32)
    torch.testing.assert_close(net(plain, torch.tensor([0])), plain[:, :, :32], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"height": 60}, "height: expected a multiple of 16"),
        ({"global_module": "attention"}, "global_module: expected one of none"),
        ({"output": "uv"}, "output: expected one of rgb"),
    ],
)
def test_a_network_that_cannot_be_built_is_one_line(changes, message):
    with pytest.raises(UserError, match=message):
        TexGlo(**{**SMALL, **changes})


def test_channels_that_eight_groups_do_not_divide_have_fewer():
    module = GlobalMap(12, (4, 2), (4, 4))
    assert module.groups == 4 and module(torch.zeros(1, 12, 4, 2)).shape == (1, 12, 4, 4)
