"""Texture losses: of rendered pictures against photos, and of UV maps by themselves (spec sections 9.1 and 9.4).

Terms on pictures take a `RenderedPeople` and give one value per picture, terms on maps one value per UV map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import interpolate, normalize

from rscnet.render.atlas import REGIONS, UVAtlas, visible_fragments
from rscnet.render.light import FittedLight
from rscnet.render.texture import paint
from rscnet.structures import TextureBatch

FACE_AND_HANDS = (REGIONS.index("head"), REGIONS.index("hands"))


@dataclass(frozen=True)
class RenderedPeople:
    """Rendered people beside the photos that they are compared with, RGB in [0, 1].

    Attributes:
        picture: UV maps rendered on bodies and laid on a background.
        photo: the photos.
        mask: where bodies are.
        region: which of `rscnet.render.atlas.REGIONS` is seen, -1 for background.
    """

    picture: Float[Tensor, "m 3 h w"]
    photo: Float[Tensor, "m 3 h w"]
    mask: Bool[Tensor, "m h w"]
    region: Int[Tensor, "m h w"]

    @classmethod
    def of(
        cls,
        maps: Float[Tensor, "n 3 t t"],
        batch: TextureBatch,
        atlas: UVAtlas,
        per_vertex: bool = False,
        light: FittedLight | None = None,
    ) -> RenderedPeople:
        """UV maps of the batch's n people on their bodies in all k pictures, laid on the batch's backgrounds.

        With `light` they stand in the light that is found in each photo, without it in none.
        """
        fragments = visible_fragments(batch.surface)
        photo = batch.pictures.flatten(0, 1)
        textures = maps.repeat(len(batch.pictures), 1, 1, 1)
        if light is not None:
            textures = textures * atlas.spread(light(photo, batch.surface, atlas))
        colours, mask = paint(fragments, atlas.vt, atlas.ft, textures, per_vertex)
        region = fragments.dense(atlas.region_of_face[fragments.face], fill=-1)
        picture = torch.where(mask[:, None], colours, batch.backgrounds.flatten(0, 1))
        return cls(picture, photo, mask, region)


@dataclass(frozen=True)
class UVMaps:
    """Predicted UV maps in [0, 1] of bodies with one atlas; `truth` and somebody else's `prior` where known."""

    atlas: UVAtlas
    maps: Float[Tensor, "n 3 t t"]
    truth: Float[Tensor, "n 3 t t"] | None
    prior: Float[Tensor, "n 3 t t"] | None


def over_body(values: Float[Tensor, "m c h w"], mask: Bool[Tensor, "m h w"]) -> Float[Tensor, "m"]:
    """Mean over channels and the body's pixels; 0 where there are none."""
    inside = mask[:, None].to(values.dtype)
    return (values * inside).sum((1, 2, 3)) / (values.shape[1] * inside.sum((1, 2, 3))).clamp(min=1)


class PixelL1(nn.Module):
    """Mean absolute difference over the body's pixels."""

    def forward(self, people: RenderedPeople) -> Float[Tensor, "m"]:
        return over_body((people.picture - people.photo).abs(), people.mask)


class PixelL2(nn.Module):
    """Mean squared difference over the body's pixels: colours that are not known become their mean, as PSNR has it."""

    def forward(self, people: RenderedPeople) -> Float[Tensor, "m"]:
        return over_body((people.picture - people.photo).square(), people.mask)


class StructuralSimilarity(nn.Module):
    """SSIM with a Gaussian window on [-1, 1], the background set to 0 in both pictures, as Texformer measures it.

    Args:
        window: side of the window in pixels, odd.
        sigma: of the window in pixels.
    """

    line: Float[Tensor, "w"]

    def __init__(self, window: int = 11, sigma: float = 1.5) -> None:
        super().__init__()
        offset = torch.arange(window) - window // 2
        line = torch.exp(-offset.square() / (2 * sigma**2))
        self.register_buffer("line", line / line.sum(), persistent=False)

    def similarity(self, people: RenderedPeople) -> Float[Tensor, "m"]:
        """1 for equal pictures."""
        a, b = ((2 * picture - 1) * people.mask[:, None] for picture in (people.picture, people.photo))
        mean_a, mean_b = self._blurred(a), self._blurred(b)
        variance_a = self._blurred(a.square()) - mean_a.square()
        variance_b = self._blurred(b.square()) - mean_b.square()
        covariance = self._blurred(a * b) - mean_a * mean_b
        structure = (2 * covariance + 0.03**2) / (variance_a + variance_b + 0.03**2)
        luminance = (2 * mean_a * mean_b + 0.01**2) / (mean_a.square() + mean_b.square() + 0.01**2)
        return (luminance * structure).mean((1, 2, 3))

    def forward(self, people: RenderedPeople) -> Float[Tensor, "m"]:
        return 1 - self.similarity(people)

    def _blurred(self, picture: Float[Tensor, "m 3 h w"]) -> Float[Tensor, "m 3 h w"]:
        # the window is separable, and products with banded matrices are nine times as fast as a convolution on a CPU
        height, width = picture.shape[2:]
        return self._band(height) @ (picture @ self._band(width))

    def _band(self, size: int) -> Float[Tensor, "s s"]:
        """The window along one axis as a matrix; beyond the border there are zeros."""
        place = torch.arange(size, device=self.line.device)
        offset = place[:, None] - place + len(self.line) // 2
        inside = (offset >= 0) & (offset < len(self.line))
        return torch.where(inside, self.line[offset.clamp(0, len(self.line) - 1)], 0.0)


class Perceptual(nn.Module):
    """Squared difference of feature maps, each flattened and of unit length, summed over layers.

    Args:
        features: pictures in [0, 1] to feature maps, see `rscnet.models.features`; frozen here.
        reduction: `sum` of squares (twice one minus the cosine), or `mean` over elements as the original, which is
            smaller by the size of the map and goes with its weight of 5000.
    """

    def __init__(self, features: nn.Module, reduction: Literal["sum", "mean"] = "sum") -> None:
        super().__init__()
        self.features, self.reduction = Frozen(features), reduction

    def forward(self, people: RenderedPeople) -> Float[Tensor, "m"]:
        with torch.no_grad():
            wanted = self.features(people.photo)
        total = torch.zeros(len(people.photo), device=people.photo.device)
        for a, b in zip(self.features(people.picture), wanted, strict=True):
            difference = (normalize(a.flatten(1), dim=1) - normalize(b.flatten(1), dim=1)).square()
            total = total + (difference.sum(1) if self.reduction == "sum" else difference.mean(1))
        return total


class PartStyle(nn.Module):
    """Difference of the Gram matrices of first-layer features of each body region (Texformer's, not the paper's).

    Args:
        features: pictures in [0, 1] to feature maps, see `rscnet.models.features`; frozen here.
        least_area: regions below this share of the picture are left out.
    """

    def __init__(self, features: nn.Module, least_area: float = 0.004) -> None:
        super().__init__()
        self.features, self.least_area = Frozen(features), least_area

    def forward(self, people: RenderedPeople) -> Float[Tensor, "m"]:
        with torch.no_grad():
            wanted = self.features(people.photo)[0]
        found = self.features(people.picture)[0]
        region = interpolate(people.region[:, None].float(), found.shape[2:], mode="nearest")[:, 0].long()
        (a, count), (b, _) = (grams(feature.float(), region, len(REGIONS)) for feature in (found, wanted))
        large = (count >= self.least_area * region[0].numel()).to(a.dtype)
        return ((a - b).square().mean((2, 3)) * large).sum(1) / large.sum(1).clamp(min=1)


class TrueTexture(nn.Module):
    """Mean absolute error of the UV map where the truth is known; only used when asked for."""

    def forward(self, uv: UVMaps) -> Float[Tensor, "n"]:
        if uv.truth is None:
            return uv.maps.new_zeros(len(uv.maps))
        return (uv.atlas.read(uv.maps) - uv.atlas.read(uv.truth)).abs().mean((1, 2))


class FaceAndHandPrior(nn.Module):
    """Squared difference of head and hands from somebody else's: skin and faces are alike, and pictures of them small.

    Args:
        structure_only: compare deviations from each map's own mean colour there, so that skin keeps its tone.
    """

    def __init__(self, structure_only: bool = False) -> None:
        super().__init__()
        self.structure_only = structure_only

    def forward(self, uv: UVMaps) -> Float[Tensor, "n"]:
        if uv.prior is None:
            return uv.maps.new_zeros(len(uv.maps))
        chosen = torch.isin(uv.atlas.region, uv.atlas.region.new_tensor(FACE_AND_HANDS))
        found, prior = (uv.atlas.read(maps)[:, :, chosen] for maps in (uv.maps, uv.prior))
        if self.structure_only:
            found, prior = found - found.mean(2, keepdim=True), prior - prior.mean(2, keepdim=True)
        return (found - prior).square().mean((1, 2))


class Symmetry(nn.Module):
    """Mean absolute difference between each texel and its mirror image on the body."""

    def forward(self, uv: UVMaps) -> Float[Tensor, "n"]:
        texels = uv.atlas.read(uv.maps)
        return (texels - texels[:, :, uv.atlas.mirror]).abs().mean((1, 2))


class Smoothness(nn.Module):
    """Mean absolute difference between neighbouring texels (total variation)."""

    def forward(self, uv: UVMaps) -> Float[Tensor, "n"]:
        down, right = uv.maps.diff(dim=2).abs(), uv.maps.diff(dim=3).abs()
        return down.mean((1, 2, 3)) + right.mean((1, 2, 3))


class Frozen(nn.Module):
    """A feature network that is part of a loss: never trained, never in training mode, never in checkpoints."""

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.features = (features.eval().requires_grad_(False),)  # a tuple hides it from the module tree

    def _apply(self, fn, recurse: bool = True):
        self.features[0]._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def forward(self, pictures: Float[Tensor, "m 3 h w"]) -> list[Float[Tensor, "m c hf wf"]]:
        return self.features[0](pictures)


def grams(
    feature: Float[Tensor, "n c h w"], region: Int[Tensor, "n h w"], regions: int
) -> tuple[Float[Tensor, "n r c c"], Float[Tensor, "n r"]]:
    """Gram matrix of the features of each region divided by its number of cells, and these numbers."""
    member = torch.nn.functional.one_hot(region + 1, regions + 1)[..., 1:].flatten(1, 2).to(feature.dtype)
    cells = feature.flatten(2)
    matrices = torch.stack([(cells * member[:, None, :, r]) @ cells.transpose(1, 2) for r in range(regions)], 1)
    count = member.sum(1)
    return matrices / count.clamp(min=1)[..., None, None], count
