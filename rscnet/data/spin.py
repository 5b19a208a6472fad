"""People of an annotation file in SPIN's format as samples: boxes cut out, labels carried along (spec section 5)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32

from rscnet.data import crops
from rscnet.data.annotations import ROWS, read_annotations, sequence_names
from rscnet.data.catalog import how_to_get, name_in
from rscnet.data.image_stores import ImageStore, find_images, usual_names
from rscnet.data.images import Picture
from rscnet.data.sample import Sample
from rscnet.errors import UserError


class SpinAnnotations:
    """People of `<folder>/<name>.npz`, read when they are first asked for.

    Fields: `imgname`, `center` (n, 2) and `scale` (n) of the box in the full picture (side = 200 scale pixels); each
    where the file has it: `part` (n, 24, 3) and `openpose` (n, 25, 3) in pixels of the full picture with confidence,
    `pose` (n, 72), `shape` (n, 10), `has_smpl` (n), `S` (n, 24, 4) in metres in the camera frame, `gender` (n),
    and `sequence` (n) and `frame` (n), which say where a picture is from.

    Args:
        folder: holds the annotation file; None stands for a `paths.data` that was not set.
        name: of the annotation file, without its ending.
        size: side of the crop in pixels.
        images: pictures; by default what `find_images` finds in `folder`.
        length: at most so many people, the first ones; null for all.
        rotation: in training the picture is turned by up to so many degrees either way; 0 as in the released code.
        scale: in training the box is larger or smaller by up to this fraction; 0 as in the released code.
        ignore_3d: leaves out the 3D labels, for weak supervision.
        round_keypoints: keypoints of whole pixels as in the released code: digits past the point cut off, plus one.
        dataset: number of this data set in samples' identities.
        skip_bad: rows that are not finite are refused when they are asked for, not the whole file.
    """

    def __init__(
        self,
        folder: str | Path | None,
        name: str,
        size: int,
        images: ImageStore | None = None,
        length: int | None = None,
        rotation: float = 0.0,
        scale: float = 0.0,
        ignore_3d: bool = False,
        round_keypoints: bool = False,
        dataset: int = 0,
        skip_bad: bool = False,
    ) -> None:
        if not 0 <= scale < 1 or rotation < 0 or (length is not None and length < 1):
            raise UserError(
                f"{name}: expected rotation >= 0, 0 <= scale < 1 and length >= 1 or null, "
                f"got rotation {rotation}, scale {scale}, length {length}"
            )
        self.folder, self.size = None if folder is None else Path(folder), size
        self.name = name if self.folder is None else name_in(self.folder, name)
        self.rotation, self.scale, self.ignore_3d = rotation, scale, ignore_3d
        self.round_keypoints, self.dataset = round_keypoints, dataset
        self._length, self._images = length, images
        self._fields: dict[str, np.ndarray] | None = None
        self._bad: dict[int, str] | None = {} if skip_bad else None

    def missing(self) -> list[str]:
        """What is lacking of annotation file and pictures, a line for each."""
        how = how_to_get(self.name, self.folder or "<paths.data>")
        if self.folder is None:
            unset = "paths.data: not set; expected the folder of annotation files and pictures, see docs/data.md"
            return [unset, f"<paths.data>/{self.name}.npz: needed with its pictures; {how}"]
        file, images = self.folder / f"{self.name}.npz", self._images or find_images(self.folder, self.name)
        found = [] if file.is_file() else [f"{file}: no such annotation file; {how}"]
        if images is None:
            usual = ", ".join(usual_names(self.name))
            return [*found, f"{self.folder}: no pictures of {self.name}; expected one of {usual}/, see docs/data.md"]
        return found + images.missing()

    def prepare(self) -> None:
        """Reads and checks the annotation file and opens the pictures; nothing to do a second time.

        Raises:
            UserError: files that are missing, damaged, do not fit together, or a field that is wrong.
        """
        if self._fields is not None:
            return
        missing = self.missing()
        if missing:
            raise UserError("\n".join(missing))
        assert self.folder is not None
        self._images = self._images or find_images(self.folder, self.name)
        assert self._images is not None
        fields = read_annotations(self.folder / f"{self.name}.npz", self._bad)
        self._images.open([str(name) for name in fields["imgname"]])
        self._fields = fields

    @property
    def fields(self) -> dict[str, np.ndarray]:
        """The fields that the file has, all rows."""
        self.prepare()
        assert self._fields is not None
        return self._fields

    @property
    def labelled(self) -> Bool[np.ndarray, "n"]:
        """Which samples have a body as a label: SMPL's parameters."""
        if self.ignore_3d or not {"pose", "shape"} <= self.fields.keys():
            return np.zeros(len(self), bool)
        return self.fields.get("has_smpl", np.ones(len(self)))[: len(self)].astype(bool)

    @property
    def sequences(self) -> np.ndarray:
        """The sequence of each sample, by name: as the file says, else as its pictures are called."""
        names = self.fields.get("sequence")
        return (sequence_names(self.fields["imgname"]) if names is None else names)[: len(self)]

    def __len__(self) -> int:
        count = len(self.fields["imgname"])
        return count if self._length is None else min(count, self._length)

    def __getitem__(self, index: int) -> Sample:
        """Sample `index` as annotated."""
        return self._cut(index, 0.0, 1.0)

    def sample(self, index: int, random: np.random.Generator) -> Sample:
        """Sample `index`, turned and scaled as `random` draws; draws nothing where both are off."""
        rotation = float(random.uniform(-self.rotation, self.rotation)) if self.rotation else 0.0
        scale = float(random.uniform(1 - self.scale, 1 + self.scale)) if self.scale else 1.0
        return self._cut(index, rotation, scale)

    def crop_matrix(self, index: int, rotation: float = 0.0, scale: float = 1.0) -> crops.Affine:
        """Points of the full picture to pixels of the crop; its inverse leads back."""
        center, side = self.fields["center"][index], crops.SPIN_SCALE * float(self.fields["scale"][index])
        return crops.crop_matrix(center, side * scale, self.size, rotation)

    def _cut(self, index: int, rotation: float, scale: float) -> Sample:
        if not 0 <= index < len(self):
            raise IndexError(index)
        self.prepare()
        if self._bad and index in self._bad:
            raise UserError(self._bad[index])
        matrix = self.crop_matrix(index, rotation, scale)
        pose, joints = self._row("pose", index).reshape(-1, 3), self._row("S", index)
        crops.turn_body(pose, joints, rotation)
        labelled = bool(self.fields["has_smpl"][index]) if "has_smpl" in self.fields else True
        return Sample(
            image=self._image(index, matrix),
            keypoints_2d=self._keypoints(index, matrix),
            joints_3d=joints,
            pose=pose,
            betas=self._row("shape", index),
            has_smpl=labelled and {"pose", "shape"} <= self.fields.keys() and not self.ignore_3d,
            has_joints_3d="S" in self.fields and not self.ignore_3d,
            identity=(self.dataset, index),
            gender=int(self.fields["gender"][index]) if "gender" in self.fields else 0,
        )

    def _row(self, field: str, index: int) -> Float32[np.ndarray, "*row"]:
        """A row that may be changed; zeros where the file has no such field."""
        rows = self.fields.get(field)
        return np.zeros(ROWS[field], np.float32) if rows is None else rows[index].astype(np.float32)

    def _image(self, index: int, matrix: crops.Affine) -> Picture:
        assert self._images is not None
        image = self._images.read(index, str(self.fields["imgname"][index]))
        if self._images.cropped:
            if image.shape[0] != image.shape[1]:
                origin = self._images.origin(index, str(self.fields["imgname"][index]))
                raise UserError(f"{origin}: {image.shape[1]} x {image.shape[0]} pixels, expected a square box")
            side = crops.SPIN_SCALE * float(self.fields["scale"][index])
            matrix = matrix @ np.linalg.inv(crops.crop_matrix(self.fields["center"][index], side, len(image)))
        elif self._outside(index, *image.shape[:2]):
            origin = self._images.origin(index, str(self.fields["imgname"][index]))
            raise UserError(
                f"{origin}: the box of row {index} of {self.name}.npz (center, scale) lies outside the picture of "
                f"{image.shape[1]} x {image.shape[0]} pixels; expected pixels of this very picture"
            )
        return crops.warp(image, matrix, self.size)

    def _outside(self, index: int, height: int, width: int) -> bool:
        reach = crops.SPIN_SCALE * float(self.fields["scale"][index]) / 2
        x, y = self.fields["center"][index]
        return bool(x + reach <= 0 or y + reach <= 0 or x - reach >= width or y - reach >= height)

    def _keypoints(self, index: int, matrix: crops.Affine) -> Float32[np.ndarray, "49 3"]:
        keypoints = np.concatenate([self._row("openpose", index), self._row("part", index)])
        pixels = crops.transform(keypoints[:, :2].astype(np.float64), matrix)
        if self.round_keypoints:
            pixels = np.trunc(pixels) + 1
        keypoints[:, :2] = crops.normalise_points(pixels, self.size)
        return keypoints
