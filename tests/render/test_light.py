from dataclasses import replace

import pytest
import torch
from torch.nn.functional import grid_sample, normalize

from rscnet.render.atlas import UVAtlas
from rscnet.render.light import FittedLight
from rscnet.structures import SurfaceView

UV, SIDE = 32, 64


@pytest.fixture
def atlas(body) -> UVAtlas:
    return UVAtlas(body, UV)


@pytest.fixture
def surface(atlas) -> SurfaceView:
    """Texels side by side in the picture, every second one turned away, all with normals of their own."""
    line = (torch.arange(SIDE) + 0.5) / SIDE * 2 - 1
    place = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).reshape(1, -1, 2)[:, : len(atlas)]
    random = torch.Generator().manual_seed(0)
    normals = normalize(torch.randn(1, len(atlas), 3, generator=random), dim=-1)
    facing = (torch.arange(len(atlas)) % 2).float()[None]
    nothing = torch.zeros(1, 1, 1)
    return SurfaceView(nothing.long(), nothing[..., None], place, facing, normals)


def lit(surface: SurfaceView, coefficients) -> torch.Tensor:
    ambient, *direction = coefficients
    return (ambient + (surface.normals * torch.tensor(direction)).sum(-1))[:, None].expand(-1, 3, -1)


def photo_of(colours: torch.Tensor, light: torch.Tensor, surface: SurfaceView) -> torch.Tensor:
    """What hidden texels would show is something else."""
    photo = torch.full((1, 3, SIDE * SIDE), 9.0)
    photo[..., : light.shape[2]] = torch.where(surface.facing[:, None] > 0, colours * light, 9.0)
    return photo.unflatten(2, (SIDE, SIDE))


def test_light_and_colours_are_found_again_where_regions_have_one_colour(atlas, surface):
    """Light of the expected brightness from elsewhere; texels without any use are no part of it."""
    colours = (0.2 + 0.08 * atlas.region)[None, None].expand(1, 3, -1)
    light, expected = (0.7, 0.2, -0.1, -0.25), (0.7, 0.0, 0.0, 0.0)
    photo = photo_of(colours, lit(surface, light), surface)
    method = FittedLight(expected, noise=1e-4, least=0.05)
    torch.testing.assert_close(method(photo, surface, atlas), lit(surface, light), atol=0.05, rtol=0)
    seen = surface.facing[0] > 0
    found = method.removed(photo, surface, atlas)[..., seen]
    assert (found - colours[..., seen]).abs().mean() < 0.02
    ambient = FittedLight(expected, noise=10.0, least=0.05).removed(photo, surface, atlas)[..., seen]
    assert (ambient - colours[..., seen]).abs().mean() > 0.05


def test_brightness_is_the_expected_one(atlas, surface):
    """Half the colour in twice the light would give the same photo."""
    photo = photo_of(torch.tensor(0.4), lit(surface, (0.7, 0.0, 0.0, 0.0)), surface)
    for ambient in (0.35, 0.7):
        found = FittedLight((ambient, 0.0, 0.0, 0.0))(photo, surface, atlas)
        torch.testing.assert_close(found, torch.full_like(found, ambient), atol=1e-3, rtol=0)


def test_nobody_is_seen_in_the_expected_light_and_none_falls_below_the_least(atlas, surface):
    nobody = replace(surface, facing=torch.zeros_like(surface.facing))
    found = FittedLight((0.2, 0.0, -0.8, 0.0), least=0.3)(torch.rand(1, 3, SIDE, SIDE), nobody, atlas)
    torch.testing.assert_close(found, lit(surface, (0.2, 0.0, -0.8, 0.0)).clamp(min=0.3))
    assert found.min() == pytest.approx(0.3)


def test_removed_colours_in_their_light_are_the_photo(atlas, surface):
    photo = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)) * 0.3
    light = FittedLight()
    again = light.removed(photo, surface, atlas) * light(photo, surface, atlas)
    torch.testing.assert_close(again, grid_sample(photo, surface.place[:, None], align_corners=False)[:, :, 0])
