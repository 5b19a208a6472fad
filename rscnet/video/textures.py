"""One UV map for each person of a video, fused over frames of their track."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from rscnet.body.model import BodyModel
from rscnet.data.images import Picture, crop_square
from rscnet.geometry.cameras import camera_to_translation
from rscnet.render.scene import TextureMap
from rscnet.texturing import Fusion, PersonCrop, Texturer
from rscnet.video.frames import Video
from rscnet.video.motion import PersonMotion


def track_textures(
    video: Video, people: Sequence[PersonMotion], body: BodyModel, texturer: Texturer, frames: int
) -> dict[int, TextureMap]:
    """The texture of each person, by number, weighted by visibility and resolution, see `Texturer.texture`.

    Args:
        video: read once more, up to the last frame that is needed.
        people: refined; where a frame of theirs was only interpolated it shows somebody else, and is not looked at.
        body: poses them.
        texturer: the texture network.
        frames: of each person that are looked at, spread over the track.
    """
    fusions = {person.id: Fusion(texturer) for person in people}
    wanted: dict[int, list[PersonMotion]] = {}
    for person in people:
        for row in _spread(np.flatnonzero(person.track.valid.numpy()), frames):
            wanted.setdefault(person.first + int(row), []).append(person)
    for number, picture in enumerate(video):
        for person in wanted.get(number, ()):
            if picture is not None:
                fusions[person.id].add(_crop(picture, person, body, number - person.first))
        if number >= max(wanted):
            break
    return {number: fusion.texture() for number, fusion in fusions.items()}


def _spread(rows: Int[np.ndarray, "n"], count: int) -> Int[np.ndarray, "m"]:
    """At most `count` of the rows, evenly."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, count).round().astype(int))]


def _crop(picture: Picture, person: PersonMotion, body: BodyModel, row: int) -> PersonCrop:
    left, top, side = (round(float(value)) for value in person.track.crops[row])
    posed = person.posed(body, row).vertices[0].cpu() + camera_to_translation(person.track.camera[row])
    return PersonCrop(crop_square(picture, left, top, side), posed.numpy())
