"""People of a folder in Market-1501's layout, with bodies that a `task=predict` run has found in their pictures.

`<folder>/bounding_box_train`, `bounding_box_test` and `query` hold `0002_c1s1_000451_03.jpg`: identity, camera,
sequence, frame and box. Identities 0000 and -1 are distractors and junk and belong to nobody.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8

from rscnet.body.model import BodyModel
from rscnet.console import say
from rscnet.data.degradations import resize
from rscnet.data.images import crop_square, list_images, read_image
from rscnet.data.npz import read_npz
from rscnet.data.synthetic.generator import PersonGenerator
from rscnet.data.textured import TexturedPicture, middle_columns
from rscnet.errors import UserError
from rscnet.render.atlas import UVAtlas
from rscnet.render.scene import Camera

FOLDERS = {"train": ("bounding_box_train",), "test": ("query", "bounding_box_test")}
NAME = re.compile(r"(-1|\d{4})_c(\d)s\d_\d{6}_\d{2}")
NOBODY = ("-1", "0000")
RESULT = "the parameters of a task=predict run; predict the picture again"
LISTED = 5
PRIOR_SIZE = 32  # pixels: the generator of prior textures renders no picture


class Market1501:
    """Identities with their pictures; bodies come from `parameters.npz` files of a prediction run.

    Args:
        folder: in Market-1501's layout.
        results: output folder of `task=predict` on the pictures, one folder per split's folder
            (`<results>/bounding_box_train/summary.json`), or one for all.
        body: the body model that the results were predicted with.
        height, width: of the pictures in pixels.
        uv_size: side of the UV maps that texels are looked up in.
        split: "train" or "test".
        skip_bad: leave out pictures that cannot be read or have no result, instead of stopping.
        length: identities; None for all.

    Raises:
        UserError: an unknown split.
    """

    def __init__(
        self,
        folder: str | None,
        results: str | None,
        body: BodyModel,
        height: int,
        width: int,
        uv_size: int,
        split: str,
        skip_bad: bool = False,
        length: int | None = None,
    ) -> None:
        if split not in FOLDERS:
            raise UserError(f"market1501: split must be one of {', '.join(FOLDERS)}, got {split!r}")
        self.folder, self.results, self.split = folder, results, split
        self.height, self.width, self.skip_bad, self.length = height, width, skip_bad, length
        self._atlas = UVAtlas(body, uv_size).cpu()
        self._painter = PersonGenerator(body, PRIOR_SIZE, seed=0, split="train", texture_size=uv_size)
        self._people: list[list[tuple[Path, Path]]] | None = None
        self.skipped: list[str] = []  # what `prepare` left out, a line each

    def missing(self) -> list[str]:
        """What is lacking, a line for each: folders, and, unless they may be skipped, pictures and results."""
        if self.folder is None or self.results is None:
            return ["paths.market1501, paths.results: missing; expected Market-1501's folder and a task=predict output"]
        problems = [
            f"{Path(self.folder) / name}: there is no such folder; expected Market-1501's layout"
            for name in FOLDERS[self.split]
            if not (Path(self.folder) / name).is_dir()
        ]
        if problems:
            return problems
        people, bad = self._found
        if not people:
            return [f"{self.folder}: no identity of the {self.split} split has both picture and result"]
        if bad and not self.skip_bad:
            rest = [f"and {len(bad) - LISTED} more"] if len(bad) > LISTED else []
            count = f"{self.folder}: {len(bad)} of the {self.split} pictures cannot be used"
            return [*bad[:LISTED], *rest, f"{count}; mend them or set data.skip_bad=true"]
        return []

    def prepare(self) -> None:
        """Reads which pictures there are and says how many are skipped.

        Raises:
            UserError: as `missing`.
        """
        if self._people is not None:
            return
        if problems := self.missing():
            raise UserError("\n".join(problems))
        people, bad = self._found
        self._people, self.skipped = people[: self.length], bad
        if bad:
            say(f"{self.folder}: {len(bad)} {self.split} pictures skipped: {'; '.join(bad[:LISTED])}")

    def __len__(self) -> int:
        self.prepare()
        assert self._people is not None
        return len(self._people)

    def count(self, person: int) -> int:
        """Number of pictures of an identity."""
        return len(self._of(person))

    def picture(self, person: int, number: int) -> TexturedPicture:
        """Picture `number` of an identity with the predicted body."""
        path, parameters = self._of(person)[number]
        stored = read_npz(parameters, RESULT, ("crop", "vertices"))
        left, top, side = (int(value) for value in stored["crop"])
        vertices = torch.from_numpy(stored["vertices"].astype(np.float32))[None]
        crop = resize(crop_square(read_image(path), left, top, side), self.height)
        camera = Camera.of_crop(-((self.height - self.width) // 2), 0, self.height)
        surface = self._atlas.observe(camera.project(vertices), vertices, self.height, self.width)
        return TexturedPicture(
            image=middle_columns(crop, self.width),
            face=surface.face[0].numpy(),
            barycentrics=surface.barycentrics[0].numpy(),
            place=surface.place[0].numpy(),
            facing=surface.facing[0].numpy(),
            normals=surface.normals[0].numpy(),
        )

    def texture(self, person: int) -> Float[np.ndarray, "t t 3"] | None:
        """Nobody knows the true UV map."""
        return None

    def prior(self, random: np.random.Generator) -> UInt8[np.ndarray, "t t 3"]:
        """The UV map of a random embedded person, painted on this body."""
        return self._painter.texture(int(random.integers(1 << 20)))

    def _of(self, person: int) -> list[tuple[Path, Path]]:
        self.prepare()
        assert self._people is not None
        return self._people[person]

    @cached_property  # every picture is decoded for it
    def _found(self) -> tuple[list[list[tuple[Path, Path]]], list[str]]:
        """Pictures with their results by identity, cameras first apart; and what cannot be used, a line for each."""
        people: dict[str, list[tuple[str, Path, Path]]] = defaultdict(list)
        bad: list[str] = []
        for name in FOLDERS[self.split]:
            folder = Path(str(self.folder)) / name
            results = self._results(name)
            for path in list_images(folder, "paths.market1501"):
                match = NAME.match(path.stem)
                if match is None or match[1] in NOBODY:
                    if match is None:
                        bad.append(f"{path}: its name is not like 0002_c1s1_000451_03.jpg")
                    continue
                problem = _problem(path, results.get(path.name))
                if problem:
                    bad.append(problem)
                else:
                    people[match[1]].append((match[2], path, results[path.name]))
        return [_cameras_apart(people[identity]) for identity in sorted(people)], bad

    def _results(self, name: str) -> dict[str, Path]:
        """The first person's parameters by picture, as the run's summary lists them."""
        root = Path(str(self.results))
        folder = root / name if (root / name / "summary.json").is_file() else root
        summary = folder / "summary.json"
        if not summary.is_file():
            raise UserError(f"{summary}: missing; make it with task=predict input={self.folder}/{name} output={folder}")
        found = {}
        try:
            for entry in json.loads(summary.read_text())["images"]:
                listed = [file for person in entry["people"] for file in person["files"]]
                files = [file for file in listed if file.endswith("parameters.npz")]
                if files:
                    found[Path(entry["image"]).name] = folder / files[0]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{summary}: damaged ({error!r}); expected the summary of a task=predict run") from None
        return found


def _problem(path: Path, parameters: Path | None) -> str | None:
    """Why a picture cannot be used, or None."""
    try:
        read_image(path)
    except UserError as error:
        return str(error)
    if parameters is None or not parameters.is_file():
        return f"{path}: has no SMPL result"
    try:
        read_npz(parameters, RESULT, ("crop", "vertices"))
    except UserError as error:
        return f"{path}: its SMPL result {error}"
    return None


def _cameras_apart(pictures: Sequence[tuple[str, Path, Path]]) -> list[tuple[Path, Path]]:
    """Sorted by name, but the second picture is from another camera than the first where there is one."""
    ordered = sorted(pictures, key=lambda entry: entry[1].name)
    other = next((entry for entry in ordered if entry[0] != ordered[0][0]), None)
    if other is not None:
        ordered = [ordered[0], other, *(entry for entry in ordered[1:] if entry is not other)]
    return [(path, parameters) for _, path, parameters in ordered]
