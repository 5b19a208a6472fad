"""A picture of one person under every degradation of conf/degradation, by resolution.

python scripts/degradation_sheet.py <photo> <COCO json> <output.png>
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from rscnet.config.build import build
from rscnet.config.compose import compose
from rscnet.data import crops
from rscnet.data.boxes import BoxFile
from rscnet.data.degradations import Degradation
from rscnet.data.images import read_image
from rscnet.data.keys import generator
from rscnet.data.prepare.people import MARGIN
from rscnet.data.saving import write_picture
from rscnet.errors import UserError
from rscnet.failures import guarded

NAMES = ("bicubic", "no_antialias", "blur_noise_jpeg", "video_codec")
SIZES = (112, 52, 32, 24, 16)
ZOOM, CAPTION = 2, 22


def sheet(person: UInt8[np.ndarray, "h h 3"], degradations: dict[str, Degradation]) -> UInt8[np.ndarray, "h w 3"]:
    """A row for each degradation, a column for each size, enlarged pixel by pixel."""
    rows = []
    for name, degradation in degradations.items():
        views = [degradation(person, size, len(person), generator("sheet", name, size)) for size in SIZES]
        rows.append(
            np.concatenate(
                [_captioned(view, f"{name} {size}") for view, size in zip(views, SIZES, strict=True)], axis=1
            )
        )
    return np.concatenate(rows)


def _captioned(view: UInt8[np.ndarray, "s s 3"], text: str) -> UInt8[np.ndarray, "h w 3"]:
    large = np.repeat(np.repeat(view, ZOOM, 0), ZOOM, 1)
    bar = np.full((CAPTION, large.shape[1], 3), 255, np.uint8)
    cv2.putText(bar, text, (4, CAPTION - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([bar, large])


@guarded
def main(words: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("boxes", type=Path, help="its annotations in COCO's format; the first person is shown")
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args(words)
    people = BoxFile(arguments.boxes).of(arguments.photo)
    if people is None or not people.people:
        raise UserError(f"{arguments.boxes}: has no person in {arguments.photo.name}; expected one")
    left, top, width, height = people.people[0].box
    side = MARGIN * max(width, height)
    matrix = crops.crop_matrix(np.array([left + width / 2, top + height / 2]), side, SIZES[0])
    person = crops.warp(read_image(arguments.photo), matrix, SIZES[0])
    degradations = {name: build(compose([f"degradation={name}"]).plain()["degradation"]) for name in NAMES}
    write_picture(arguments.output, sheet(person, degradations))


if __name__ == "__main__":
    main()
