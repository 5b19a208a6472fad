"""Textures of predicted bodies: one UV map from one or several crops of a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from rscnet.body.model import BodyModel
from rscnet.data.degradations import resize
from rscnet.data.images import crop_square
from rscnet.data.textured import as_picture, middle_columns
from rscnet.errors import UserError
from rscnet.person import PersonPrediction
from rscnet.render.atlas import UVAtlas
from rscnet.render.scene import Camera, Mesh, TextureMap
from rscnet.trained import TrainedTexture, load_texture

HIDDEN_WEIGHT = 0.02  # of a texel that a picture does not show, beside 1 for one that faces the camera


@dataclass(frozen=True, eq=False)
class PersonCrop:
    """A person in one picture.

    Attributes:
        image: RGB square at its own resolution; its side is the size that the network is told.
        vertices: of the body in metres in the camera frame of the crop, moved by its translation.
    """

    image: UInt8[np.ndarray, "s s 3"]
    vertices: Float[np.ndarray, "v 3"]

    @classmethod
    def of(cls, picture: UInt8[np.ndarray, "h w 3"], person: PersonPrediction) -> PersonCrop:
        """A predicted person in the picture that they were predicted from."""
        left, top, side = (int(value) for value in person.crop)
        return cls(crop_square(picture, left, top, side), person.vertices)


class Texturer:
    """A trained texture network, ready for people of any size.

    Args:
        trained: network, body and the configuration that they were trained with.
        device: of torch.
    """

    def __init__(self, trained: TrainedTexture, device: torch.device | str = "cpu") -> None:
        self.trained, self.device = trained, torch.device(device)
        self._network = trained.network.to(self.device).eval()
        self._atlas = UVAtlas(trained.body, trained.network.uv_size).to(self.device)
        self._resolution = trained.resolution

    @classmethod
    def from_checkpoint(
        cls, checkpoint: str | Path, device: torch.device | str = "cpu", smpl: str | None = None
    ) -> Self:
        """The texturer of a weights file, a run folder, or of shipped weights by name; `smpl` is the folder of the
        licensed body files, for networks trained with them.

        Raises:
            UserError: nothing of that name, a damaged file, or another kind of model.
        """
        return cls(load_texture(str(checkpoint), smpl), device)

    def fits(self, body: BodyModel) -> bool:
        """Whether a body has the surface and the UV that the network was trained for."""
        own = self.trained.body
        pairs = ((own.faces, body.faces), (own.ft, body.ft), (own.vt, body.vt))
        return all(a.shape == b.shape and torch.equal(a.cpu(), b.cpu()) for a, b in pairs)

    def mesh(self, crop: PersonCrop) -> Mesh:
        """The body in a crop, to draw over it."""
        vertices = torch.from_numpy(crop.vertices).float()
        return Mesh(vertices, self.trained.body.faces.cpu(), Camera.of_crop(0, 0, len(crop.image)))

    def texture(self, crops: Iterable[PersonCrop], batch_size: int = 16) -> TextureMap:
        """One UV map of one person, fused over their crops (frames of a video, pictures of a folder).

        Each texel is the mean of what the network says for each crop, weighted by how directly that crop shows the
        texel and by the crop's area in pixels; what no crop shows counts little, but alike, from all.

        Raises:
            UserError: no crops.
        """
        fusion = Fusion(self, batch_size)
        for crop in crops:
            fusion.add(crop)
        return fusion.texture()

    def as_texture(self, texels: Float[Tensor, "3 k"]) -> TextureMap:
        """Colours of the covered texels as a UV map of the body."""
        spread = self._atlas.spread(texels[None])[0].clamp(0, 1)
        return TextureMap(spread.cpu(), self._atlas.vt.cpu(), self._atlas.ft.cpu())

    @torch.no_grad()
    def weighted(self, crops: Sequence[PersonCrop]) -> tuple[Float[Tensor, "3 k"], Float[Tensor, "k"]]:
        """Sum of the texels' colours in each crop times their weights, and the sum of the weights."""
        height, width = self._network.size
        images = [middle_columns(resize(crop.image, height), width) for crop in crops]
        pictures = 2 * torch.stack([as_picture(image) for image in images]).to(self.device) - 1
        sizes = [len(crop.image) for crop in crops]
        scale_index = torch.tensor([self._resolution.scale_index(size) for size in sizes], device=self.device)
        vertices = torch.from_numpy(np.stack([crop.vertices for crop in crops])).float().to(self.device)
        pixels = Camera.of_crop(-((height - width) // 2), 0, height).project(vertices)
        surface = self._atlas.observe(pixels, vertices, height, width)
        visible = self._network.second_input(pictures, surface, self._atlas)
        maps = self._atlas.read((self._network(pictures, scale_index, visible) + 1) / 2)
        area = torch.tensor([float(size) ** 2 for size in sizes], device=self.device)
        weight = area[:, None] * (surface.facing + HIDDEN_WEIGHT)
        return (maps * weight[:, None]).sum(0), weight.sum(0)


class Fusion:
    """The UV map of one person, made of crops that come one after the other; only a batch of them is kept in memory.

    Args:
        texturer: says what each crop looks like.
        batch_size: crops that go through its network at once.
    """

    def __init__(self, texturer: Texturer, batch_size: int = 16) -> None:
        self.texturer, self.batch_size = texturer, batch_size
        self._waiting: list[PersonCrop] = []
        self._total = self._weights = torch.zeros(())

    def add(self, crop: PersonCrop) -> None:
        """One more picture of the person."""
        self._waiting.append(crop)
        if len(self._waiting) == self.batch_size:
            self._flush()

    def texture(self) -> TextureMap:
        """The mean of all crops so far.

        Raises:
            UserError: there are none.
        """
        self._flush()
        if not self._weights.dim():
            raise UserError("texture: no crops; expected at least one picture of the person")
        return self.texturer.as_texture(self._total / self._weights)

    def _flush(self) -> None:
        if self._waiting:
            total, weights = self.texturer.weighted(self._waiting)
            self._total, self._weights = self._total + total, self._weights + weights
            self._waiting = []
