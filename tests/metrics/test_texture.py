import pytest
import torch

from rscnet.body.model import BodyModel
from rscnet.losses.texture import RenderedPeople
from rscnet.metrics.texture import uv_psnr
from rscnet.metrics.texture_table import TextureErrors
from rscnet.models.features import ReIDNet, cosine_similarity
from rscnet.render.atlas import UVAtlas
from rscnet.structures import SurfaceView, TextureBatch

UV = 16


@pytest.fixture(scope="module")
def atlas() -> UVAtlas:
    return UVAtlas(BodyModel.embedded(), UV)


def test_psnr_is_split_by_what_the_picture_shows(atlas):
    truth = torch.zeros(2, 3, UV, UV)
    seen = torch.zeros(2, len(atlas))
    seen[0, : len(atlas) // 2] = 1
    error = torch.where(seen > 0, 0.1, 0.01)[:, None].expand(-1, 3, -1)
    found = uv_psnr(atlas, atlas.spread(error), truth, seen)
    assert found["visible"][0].item() == pytest.approx(20)
    assert found["hidden"].tolist() == pytest.approx([40, 40])
    assert found["visible"][1].isnan()
    assert 20 < found["all"][0] < 40


def batch(atlas: UVAtlas, texture: torch.Tensor) -> TextureBatch:
    """Two people in two pictures each, all of one face of the body's surface whose texels are known."""
    face = torch.full((4, 32, 16), -1)
    face[:, 8:24, 4:12] = 0
    third = torch.where((face >= 0)[..., None], torch.full((4, 32, 16, 3), 1 / 3), 0.0)
    normals = torch.tensor([0.0, 0.0, -1.0]).expand(4, len(atlas), 3)
    view = SurfaceView(face, third, torch.zeros(4, len(atlas), 2), torch.ones(4, len(atlas)), normals)
    pictures = torch.rand(2, 2, 3, 32, 16, generator=torch.Generator().manual_seed(0))
    shown = RenderedPeople.of(texture, TextureBatch(
        torch.zeros(1), torch.zeros(1), torch.zeros(1), pictures, view, pictures, torch.zeros(2, 2)
    ), atlas)  # fmt: skip
    sizes = torch.tensor([[32, 32], [16, 16]])
    photos = shown.picture.unflatten(0, (2, 2))
    inputs = torch.zeros(2, 2, 3, 32, 16)
    return TextureBatch(inputs, sizes, sizes * 0, photos, view, photos, torch.zeros(2, 2), texture)


def test_a_perfect_method_scores_perfectly_and_a_worse_one_worse(atlas):
    texture = torch.rand(2, 3, UV, UV, generator=torch.Generator().manual_seed(1))
    errors = TextureErrors(atlas, {"reid": ReIDNet().eval()})
    table = errors(lambda b: torch.cat([texture, 1 - texture]), [batch(atlas, texture)], [32, 16])
    assert table[32]["uv_all"] == pytest.approx(100)
    for name in ("ssim", "ssim_novel", "reid", "reid_novel"):
        assert table[32][name] == pytest.approx(1, abs=1e-5)
        assert table[16][name] < 0.999
    assert table[16]["uv_all"] < 10
    assert "uv_hidden" in table[32]


def test_cosine_is_the_mean_over_layers():
    first, second = [torch.eye(2)[None]], [torch.ones(1, 2, 2)]
    assert cosine_similarity(first, second).item() == pytest.approx(2 / (2**0.5 * 2))
    assert cosine_similarity(first * 2, [first[0], -first[0]]).item() == pytest.approx(0)
