"""A folder of pictures without any label, for self-supervised learning."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from rscnet.data.images import crop_square, list_images, read_image
from rscnet.data.keys import generator
from rscnet.data.sample import Sample
from rscnet.errors import UserError


class UnlabelledPictures:
    """Pictures of a folder as person crops: the square around the whole picture, scaled to `size`.

    Which pictures are held out for validation is drawn by name, so it stays when pictures are added.

    Args:
        folder: where the pictures lie.
        size: side of the crops in pixels.
        split: `train`, or `val` and `test`, which both are the pictures held out.
        held_out: share of the pictures that is held out.
        dataset: number of this data set in samples' identities.
    """

    def __init__(
        self,
        folder: str | Path | None,
        size: int,
        split: Literal["train", "val", "test"],
        held_out: float = 0.1,
        dataset: int = 0,
    ) -> None:
        if split not in ("train", "val", "test") or not 0 < held_out < 1:
            raise UserError(f"data: split must be train, val or test, held_out in (0, 1), got {split!r}, {held_out}")
        if folder is None:
            raise UserError("paths.data: data=images reads a folder of pictures; set paths.data=<folder>")
        self.size, self.dataset = size, dataset
        pictures = [(i, path) for i, path in enumerate(list_images(folder, "paths.data"))]
        self._pictures = [(i, path) for i, path in pictures if _held(path, held_out) == (split != "train")]
        if not self._pictures:
            raise UserError(f"{folder}: of {len(pictures)} pictures none is left for {split}; bring more")

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> Sample:
        """Picture `index`; its labels are zeros that count nowhere.

        Raises:
            UserError: a damaged picture.
        """
        number, path = self._pictures[index]
        picture = read_image(path)
        height, width = picture.shape[:2]
        side = max(height, width)
        square = crop_square(picture, (width - side) // 2, (height - side) // 2, side)
        how = cv2.INTER_AREA if side > self.size else cv2.INTER_CUBIC
        return Sample(
            image=np.asarray(cv2.resize(square, (self.size, self.size), interpolation=how)),
            keypoints_2d=np.zeros((49, 3), np.float32),
            joints_3d=np.zeros((24, 4), np.float32),
            pose=np.zeros((24, 3)),
            betas=np.zeros(10),
            has_smpl=False,
            has_joints_3d=False,
            identity=(self.dataset, number),
        )


def _held(path: Path, share: float) -> bool:
    return bool(generator("held out", path.name).random() < share)
