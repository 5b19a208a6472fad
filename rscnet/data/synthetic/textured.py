"""Embedded people with their UV maps: pictures, how the bodies lie in them, and the true textures, cached on disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from rscnet.body import BodyModel
from rscnet.data.synthetic.cache import ShardCache
from rscnet.data.synthetic.generator import PersonGenerator
from rscnet.data.textured import TexturedPicture, middle_columns
from rscnet.geometry.cameras import project, to_pixels
from rscnet.render.atlas import UVAtlas
from rscnet.structures import SurfaceView

LAYOUT = 2  # raise it with every change of the records
NORMAL_STEPS = 127  # of a unit normal's components in bytes


def record_type(height: int, width: int, texels: int, texture_size: int, pictures: int) -> np.dtype:
    """One person; fields as in `TexturedPicture`, but only two barycentrics, and the person's UV map."""
    return np.dtype(
        [
            ("image", np.uint8, (pictures, height, width, 3)),
            ("face", np.int16, (pictures, height, width)),
            ("barycentrics", np.float16, (pictures, height, width, 2)),
            ("place", np.float16, (pictures, texels, 2)),
            ("facing", np.float16, (pictures, texels)),
            ("normals", np.int8, (pictures, texels, 3)),
            ("texture", np.uint8, (texture_size, texture_size, 3)),
        ]
    )


def square_to_columns(height: int, width: int) -> tuple[float, float]:
    """Pixels that a square crop's pixels move by when its middle columns are cut out."""
    return float((height - width) // 2), 0.0


def person_records(
    generator: PersonGenerator, atlas: UVAtlas, width: int, pictures: int, people: Sequence[int]
) -> np.ndarray:
    """The records of some people; bodies are the naked ones, as SMPL labels have them."""
    height = generator.size
    records = np.empty(len(people), record_type(height, width, len(atlas), generator.texture_size, pictures))
    for row, person in enumerate(people):
        shown = generator.views(person, pictures)
        record = records[row]
        record["image"] = np.stack([middle_columns(image, width) for image in shown.images])
        record["texture"] = shown.texture[0]
        surface = _observed(atlas, shown.vertices, shown.translation, height, width)
        record["face"], record["barycentrics"] = surface.face.numpy(), surface.barycentrics[..., :2].numpy()
        record["place"], record["facing"] = surface.place.clamp(-99, 99).numpy(), surface.facing.numpy()
        record["normals"] = (surface.normals * NORMAL_STEPS).round().numpy()
    return records


def _observed(atlas: UVAtlas, vertices: np.ndarray, translation: np.ndarray, height: int, width: int) -> SurfaceView:
    body, moved = torch.from_numpy(vertices), torch.from_numpy(translation)
    camera_frame = body + moved[:, None]
    pixels = to_pixels(project(body, moved), height) - torch.tensor(square_to_columns(height, width))
    return atlas.observe(torch.cat([pixels, camera_frame[..., 2:]], -1), camera_frame, height, width)


class TexturedPeople:
    """`length` embedded people in several pictures each.

    Args:
        body: the body model.
        height, width: of the pictures in pixels; they are the middle columns of square crops.
        uv_size: side of the UV maps that texels are looked up in.
        length: number of people; a longer request extends the same cache.
        split: "train", "val" or "test".
        seed: of all randomness.
        cache_dir: folder for caches; None renders people when they are asked for.
        pictures: of each person.
        workers: processes that render; by default one per core.
        shard_size: people per cache file.
        **generator: further settings of `PersonGenerator`.
    """

    def __init__(
        self,
        body: BodyModel,
        height: int,
        width: int,
        uv_size: int,
        length: int,
        split: str,
        seed: int,
        cache_dir: Path | str | None,
        pictures: int = 2,
        workers: int | None = None,
        shard_size: int = 32,
        **generator: Any,
    ) -> None:
        self.length, self.pictures = length, pictures
        self._workers = os.cpu_count() or 1 if workers is None else workers
        people = PersonGenerator(body, height, seed, split, **generator)
        atlas = UVAtlas(body, uv_size).cpu()
        self._recorder = partial(person_records, people, atlas, width, pictures)
        self._cache: ShardCache | None = None
        if cache_dir is not None:
            settings = people.settings() | {"layout": LAYOUT, "width": width, "uv": uv_size, "pictures": pictures}
            dtype = record_type(height, width, len(atlas), people.texture_size, pictures)
            self._cache = ShardCache(Path(cache_dir), settings, dtype, shard_size)

    def prepare(self) -> None:
        """Render what the cache does not hold yet.

        Raises:
            UserError: a cache that is damaged or cannot be written.
        """
        if self._cache is not None:
            self._cache.prepare(self._recorder, self.length, self._workers)

    def __len__(self) -> int:
        return self.length

    def count(self, person: int) -> int:
        """Number of pictures of a person."""
        return self.pictures

    def picture(self, person: int, number: int) -> TexturedPicture:
        """Picture `number` of a person."""
        record = self._record(person)
        two = record["barycentrics"][number].astype(np.float32)
        face = record["face"][number].astype(np.int64)
        third = np.where(face[..., None] >= 0, 1 - two.sum(-1, keepdims=True), 0)
        return TexturedPicture(
            image=np.array(record["image"][number]),
            face=face,
            barycentrics=np.concatenate([two, third], -1),
            place=record["place"][number].astype(np.float32),
            facing=record["facing"][number].astype(np.float32),
            normals=record["normals"][number].astype(np.float32) / NORMAL_STEPS,
        )

    def texture(self, person: int) -> UInt8[np.ndarray, "t t 3"]:
        """The person's true UV map."""
        return np.array(self._record(person)["texture"])

    def prior(self, random: np.random.Generator) -> UInt8[np.ndarray, "t t 3"]:
        """The UV map of a random person."""
        return self.texture(int(random.integers(self.length)))

    def _record(self, person: int) -> np.void:
        if not 0 <= person < self.length:
            raise IndexError(person)
        return self._recorder([person])[0] if self._cache is None else self._cache.record(person)
