"""From textured people to batches for the texture network: pairs of pictures, degraded inputs, UV maps.

The texture network sees the middle columns of the square person crop (a standing person is half as wide as the crop),
brought to its own height and width. All pictures here are cut that way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from rscnet.data.augmentation import Augmentation
from rscnet.data.datamodule import PeopleDataModule
from rscnet.data.degradations import Degradation
from rscnet.data.keys import generator
from rscnet.data.plan import BatchKey, Curriculum, Epoch
from rscnet.resolution import ResolutionSet
from rscnet.structures import SurfaceView, TextureBatch

Picture = UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True)
class TexturedPicture:
    """One picture of a person; fields as in `rscnet.structures.SurfaceView`, of a single picture."""

    image: Picture
    face: Int[np.ndarray, "h w"]
    barycentrics: Float[np.ndarray, "h w 3"]
    place: Float[np.ndarray, "k 2"]
    facing: Float[np.ndarray, "k"]
    normals: Float[np.ndarray, "k 3"]


class TexturedSource(Protocol):
    """People with pictures in which their bodies are known."""

    def __len__(self) -> int:
        """Number of people."""
        ...

    def count(self, person: int) -> int:
        """Number of pictures of a person, at least 1."""
        ...

    def picture(self, person: int, number: int) -> TexturedPicture: ...

    def texture(self, person: int) -> UInt8[np.ndarray, "t t 3"] | None:
        """The person's UV map of any size where it is known."""
        ...

    def prior(self, random: np.random.Generator) -> UInt8[np.ndarray, "t t 3"]:
        """A UV map of some person, of any size."""
        ...


def middle_columns(crop: UInt8[np.ndarray, "s s 3"], width: int) -> Picture:
    """What the texture network sees of a square crop."""
    left = (crop.shape[1] - width) // 2
    return crop[:, left : left + width]


def as_map(texture: UInt8[np.ndarray, "t t 3"], size: int) -> Float[Tensor, "3 u u"]:
    """A UV map in [0, 1], averaged down where it is larger than `size`."""
    if len(texture) != size:
        texture = cv2.resize(texture, (size, size), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(texture.astype(np.float32) / 255).permute(2, 0, 1)


def as_picture(image: Picture) -> Float[Tensor, "3 h w"]:
    """RGB bytes in [0, 1], channels first."""
    return torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)


def degraded(
    image: Picture, size: int, degradation: Degradation, random: np.random.Generator
) -> Float[Tensor, "3 h w"]:
    """The network's input in [-1, 1]: the picture as a crop of `size` pixels would have shown it."""
    height, width = image.shape[:2]
    square = cv2.copyMakeBorder(image, 0, 0, (height - width) // 2, (height - width + 1) // 2, cv2.BORDER_REPLICATE)
    return 2 * as_picture(middle_columns(degradation(square, size, height, random), width)) - 1


class TexturedViews(Dataset[TextureBatch]):
    """Turns batch keys into batches; every draw is keyed by (seed, epoch, person).

    Args:
        source: the people.
        resolution: ranges, sizes and scale indices.
        degradation: how an input loses its resolution.
        uv_size: side of the UV maps in texels.
        background: what rendered people are laid on: their `own` picture (only the person is compared), or the
            pictures of `others` in the batch, as the original does with photos of streets.
        seed: key of all random draws.
        sizes: fixed sizes of the inputs, pictures 0 and 1 of each person (evaluation); None draws one size and two
            pictures (training).
    """

    def __init__(
        self,
        source: TexturedSource,
        resolution: ResolutionSet,
        degradation: Degradation,
        uv_size: int,
        background: Literal["own", "others"],
        seed: int,
        sizes: Sequence[int] | None = None,
    ) -> None:
        self.source, self.resolution, self.degradation = source, resolution, degradation
        self.uv_size, self.background, self.seed = uv_size, background, seed
        self.sizes = None if sizes is None else [resolution.effective(size) for size in sizes]

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, key: BatchKey) -> TextureBatch:
        inputs, sizes, pairs, priors = [], [], [], []
        for person in key.indices:
            random = generator(self.seed, key.epoch, person, "texture")
            pair = [self.source.picture(person, number) for number in self._numbers(person, random)]
            drawn = self.sizes or [self.resolution.draw(int(random.integers(len(self.resolution))), random)]
            inputs.append(torch.stack([degraded(pair[0].image, size, self.degradation, random) for size in drawn]))
            sizes.append(drawn)
            pairs.append(pair)
            priors.append(as_map(self.source.prior(random), self.uv_size))
        rows = [pair[number] for number in range(2) for pair in pairs]
        size_array = np.asarray(sizes, np.int64).T
        scale_index = np.vectorize(self.resolution.scale_index, otypes=[np.int64])(size_array)
        pictures = torch.stack([as_picture(row.image) for row in rows]).unflatten(0, (2, len(pairs)))
        textures = [self.source.texture(person) for person in key.indices]
        known = [as_map(texture, self.uv_size) for texture in textures if texture is not None]
        return TextureBatch(
            inputs=torch.stack(inputs, dim=1),
            sizes=torch.from_numpy(np.ascontiguousarray(size_array)),
            scale_index=torch.from_numpy(scale_index),
            pictures=pictures,
            surface=SurfaceView(
                face=torch.from_numpy(np.stack([row.face for row in rows]).astype(np.int64)),
                barycentrics=torch.from_numpy(np.stack([row.barycentrics for row in rows]).astype(np.float32)),
                place=torch.from_numpy(np.stack([row.place for row in rows]).astype(np.float32)),
                facing=torch.from_numpy(np.stack([row.facing for row in rows]).astype(np.float32)),
                normals=torch.from_numpy(np.stack([row.normals for row in rows]).astype(np.float32)),
            ),
            backgrounds=pictures if self.background == "own" else pictures.roll(1, dims=1),
            identity=torch.tensor([[0, person] for person in key.indices]),
            texture=torch.stack(known) if len(known) == len(textures) else None,
            prior=torch.stack(priors),
        )

    def _numbers(self, person: int, random: np.random.Generator) -> tuple[int, int]:
        """The picture that the network sees and the one that it is compared with beside it."""
        count = self.source.count(person)
        if self.sizes is not None or count == 1:
            return 0, min(1, count - 1)
        first, second = random.permutation(count)[:2]
        return int(first), int(second)


class TextureDataModule(PeopleDataModule):
    """Textured people; an epoch shows each of them once.

    Args:
        uv_size: side of the UV maps in texels.
        background: see `TexturedViews`.
        skip_bad: see `PeopleDataModule`; sources of files look for bad pictures before they are used.
        others: as `PeopleDataModule` has them; pictures keep their colours, which are what is to be learned.
    """

    def __init__(
        self,
        train: TexturedSource,
        val: TexturedSource,
        test: TexturedSource,
        resolution: ResolutionSet,
        degradation: Degradation,
        augmentation: Augmentation,
        curriculum: Curriculum,
        image_size: int,
        seed: int,
        uv_size: int = 128,
        background: Literal["own", "others"] = "own",
        skip_bad: bool = False,
        workers: int = 0,
        eval_batch_size: int = 32,
    ) -> None:
        super().__init__(
            train, val, test, resolution, degradation, augmentation, curriculum, image_size, seed, workers,  # type: ignore[arg-type]
            eval_batch_size, skip_bad=skip_bad,
        )  # fmt: skip
        curriculum.require_all_views("a textured person is seen at one size, drawn from all ranges")
        self.uv_size = uv_size
        self.background: Literal["own", "others"] = background

    def ranges_seen(self, epoch: Epoch) -> int:
        return len(self.resolution)

    def mean_texture(self, people: int = 256) -> Float[Tensor, "3 u u"]:
        """Mean UV map of the first training people; of drawn maps where theirs are not known."""
        random = generator(self.seed, "mean texture")
        maps = []
        for person in range(min(people, len(self.train))):
            texture = self.train.texture(person)  # type: ignore[attr-defined]
            maps.append(as_map(self.train.prior(random) if texture is None else texture, self.uv_size))  # type: ignore[attr-defined]
        return torch.stack(maps).mean(0)

    def readable(self, source: Any) -> Sequence[int]:
        return range(len(source))

    def _views(self, source: Any, augmentation: Augmentation | None = None) -> Any:
        self._skipped(source)
        sizes = self.resolution.eval_sizes if augmentation is None else None
        return TexturedViews(source, self.resolution, self.degradation, self.uv_size, self.background, self.seed, sizes)
