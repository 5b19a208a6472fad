import pytest
import torch
from torch import nn
from torchmetrics.functional.image import structural_similarity_index_measure

from rscnet.body.model import BodyModel
from rscnet.errors import UserError
from rscnet.losses.texture import (
    FaceAndHandPrior,
    Frozen,
    PartStyle,
    Perceptual,
    PixelL1,
    PixelL2,
    RenderedPeople,
    Smoothness,
    StructuralSimilarity,
    Symmetry,
    TrueTexture,
    UVMaps,
    grams,
)
from rscnet.losses.texture_objective import TextureObjective
from rscnet.models.features import ReIDNet
from rscnet.render.atlas import UVAtlas

UV = 16


@pytest.fixture(scope="module")
def atlas() -> UVAtlas:
    return UVAtlas(BodyModel.embedded(), UV)


@pytest.fixture
def people() -> RenderedPeople:
    random = torch.Generator().manual_seed(0)
    mask = torch.zeros(2, 32, 16, dtype=torch.bool)
    mask[0, 4:28, 4:12] = True
    region = torch.where(mask, 1, -1)
    region[0, 4:12, 4:12] = 0
    picture, photo = torch.rand(2, 2, 3, 32, 16, generator=random)
    return RenderedPeople(picture, torch.where(mask[:, None], photo, picture), mask, region)


def same(people: RenderedPeople) -> RenderedPeople:
    return RenderedPeople(people.photo, people.photo, people.mask, people.region)


def maps(atlas: UVAtlas, values: torch.Tensor, truth=None, prior=None) -> UVMaps:
    return UVMaps(atlas, values, truth, prior)


PICTURE_TERMS = [
    PixelL1(), PixelL2(), StructuralSimilarity(),
    Perceptual(ReIDNet()), Perceptual(ReIDNet(), "mean"), PartStyle(ReIDNet()),
]  # fmt: skip


@pytest.mark.parametrize("term", PICTURE_TERMS, ids=lambda term: type(term).__name__)
def test_equal_pictures_cost_nothing_others_something_and_gradients_flow(term, people):
    torch.testing.assert_close(term(same(people)), torch.zeros(2), atol=1e-5, rtol=0)
    picture = people.picture.clone().requires_grad_()
    values = term(RenderedPeople(picture, people.photo, people.mask, people.region))
    assert values.shape == (2,) and values[0] > 1e-6
    assert values[1] < 1e-5  # nobody is seen: nothing to compare
    (gradient,) = torch.autograd.grad(values.sum(), picture)
    assert gradient[0].abs().sum() > 0 and gradient.isfinite().all()


def test_pixel_difference_is_the_mean_over_the_body_alone(people):
    photo = people.picture.clone()
    photo[0, :, 4:16, 4:12] += 0.5  # half of the body
    photo[0, :, :4] += 9.0  # background
    value = PixelL1()(RenderedPeople(people.picture, photo, people.mask, people.region))
    torch.testing.assert_close(value, torch.tensor([0.25, 0.0]))
    squared = PixelL2()(RenderedPeople(people.picture, photo, people.mask, people.region))
    torch.testing.assert_close(squared, torch.tensor([0.125, 0.0]))


def test_similarity_is_that_of_torchmetrics():
    """Texformer's constants are those of pictures with a range of one. Behind a border of zeros as wide as the window
    it makes no difference what lies beyond it."""
    picture, noise = torch.rand(2, 2, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    photo, mask = 0.7 * picture + 0.3 * noise, torch.zeros(2, 40, 40)
    mask[:, 11:-11, 11:-11] = 1
    ours = StructuralSimilarity().similarity(RenderedPeople(picture, photo, mask, mask.long()))
    shown = [(2 * one - 1) * mask[:, None] for one in (picture, photo)]
    found = structural_similarity_index_measure(*shown, data_range=1.0, reduction="none", return_full_image=True)
    torch.testing.assert_close(ours, found[1].mean((1, 2, 3)), atol=1e-5, rtol=0)
    assert ours.max() < 0.99


def test_gram_matrices_by_hand():
    feature = torch.tensor([[[[1.0, 2.0]], [[0.0, 3.0]]]])  # two channels, two cells
    matrices, count = grams(feature, torch.tensor([[[0, 1]]]), regions=3)
    assert count.tolist() == [[1, 1, 0]]
    assert matrices[0].tolist() == [[[1, 0], [0, 0]], [[4, 6], [6, 9]], [[0, 0], [0, 0]]]


def test_terms_on_maps_by_hand(atlas):
    flat = torch.full((1, 3, UV, UV), 0.5)
    assert TrueTexture()(maps(atlas, flat, truth=flat + 0.25)).item() == pytest.approx(0.25)
    assert TrueTexture()(maps(atlas, flat)).item() == FaceAndHandPrior()(maps(atlas, flat)).item() == 0
    assert FaceAndHandPrior()(maps(atlas, flat, prior=flat + 0.5)).item() == pytest.approx(0.25)
    assert FaceAndHandPrior(structure_only=True)(maps(atlas, flat, prior=flat + 0.5)).item() == pytest.approx(0)
    steps = torch.arange(UV).float().expand(1, 3, UV, UV)
    assert Smoothness()(maps(atlas, steps)).item() == 1
    assert Symmetry()(maps(atlas, flat)).item() == 0
    half = torch.cat([torch.zeros(1, 3, UV, UV // 2), torch.ones(1, 3, UV, UV // 2)], 3)
    assert Symmetry()(maps(atlas, half)).item() == pytest.approx(1, abs=1e-6)
    assert Symmetry()(maps(atlas, half + half.flip(3))).item() == 0


def test_prior_looks_at_head_and_hands_only(atlas):
    values = torch.rand(1, 3, UV, UV, requires_grad=True)
    (gradient,) = torch.autograd.grad(FaceAndHandPrior()(maps(atlas, values, prior=torch.zeros(1, 3, UV, UV))), values)
    reached = atlas.region[atlas.read(gradient)[0].abs().sum(0) > 0]
    assert set(reached.tolist()) == {0, 4}


def test_objective_weighs_other_views_and_leaves_out_what_has_no_weight(people, atlas):
    def total(cross_view: float, **weights) -> float:
        terms = {"l1": PixelL1(), "ssim": StructuralSimilarity()}
        objective = TextureObjective(terms, {"smoothness": Smoothness()}, weights, cross_view)
        shown = RenderedPeople(people.photo.flip(0) * 0 + people.picture.flip(0), people.photo.flip(0),
                               people.mask.flip(0), people.region.flip(0))  # fmt: skip
        value, logs = objective(shown, maps(atlas, torch.rand(1, 3, UV, UV)))
        assert set(logs) == {key for name in weights if weights[name] for key in (name, f"cross_view/{name}")} | {
            "total"
        }
        return float(value)

    novel = float(PixelL1()(people)[0])  # the picture that the network saw shows nobody
    assert total(0.0, l1=1.0) == 0
    assert total(0.5, l1=2.0, ssim=0) == pytest.approx(novel)
    with pytest.raises(UserError, match=r"loss\.weights\.lpips: there is no such term"):
        TextureObjective({"l1": PixelL1()}, {}, {"lpips": 1.0})


def test_feature_networks_of_losses_are_no_part_of_checkpoints_and_stay_frozen():
    loss = Perceptual(ReIDNet()).train()
    assert not loss.state_dict() and not list(loss.parameters())
    assert isinstance(loss.features, Frozen) and not loss.features.features[0].training
    assert loss.double().features.features[0].project.weight.dtype == torch.float64
    assert isinstance(loss.features.features[0], nn.Module)
