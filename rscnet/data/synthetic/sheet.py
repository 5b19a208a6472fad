"""Contact sheets for looking at synthetic people: `python -m rscnet.data.synthetic.sheet docs/pictures/x.png`.

With `--motions` each row is a motion, every fourth frame of it; with `--many` there are 32 people and nothing else.
"""

from __future__ import annotations

import argparse
import colorsys
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from rscnet.body import BodyModel
from rscnet.data.saving import write_picture
from rscnet.data.synthetic.generator import PersonGenerator
from rscnet.data.synthetic.motion import SHARES
from rscnet.data.synthetic.poses import PoseMix
from rscnet.failures import guarded
from rscnet.joints import ANNOTATION_24

Pictures = UInt8[np.ndarray, "n s s 3"]

COLUMNS = 8
LOW_RESOLUTIONS = (52, 32, 24)
MOTION_FRAMES, MOTION_FPS, MOTION_STEP = 44, 25.0, 4
RIGHT, LEFT, MIDDLE = (255, 60, 60), (60, 220, 60), (255, 230, 0)


def contact_sheet(generator: PersonGenerator, first: int = 0) -> UInt8[np.ndarray, "h w 3"]:
    """Sixteen people at full size; eight of them at low resolutions (enlarged), with keypoints, and as part maps."""
    people = generator.generate(range(first, first + 4 * COLUMNS, 2))  # every other index: each person once
    images, eight = people.images, slice(0, COLUMNS)
    rows = [images[:COLUMNS], images[COLUMNS:]]
    rows += [lowered(images[eight], size) for size in LOW_RESOLUTIONS]
    rows += [with_keypoints(images[eight], people.keypoints_2d[eight]), part_colours()[people.parts[eight]]]
    return np.concatenate([np.concatenate(list(row), axis=1) for row in rows])


def people_sheet(generator: PersonGenerator, first: int = 0) -> UInt8[np.ndarray, "h w 3"]:
    """Thirty-two people at full size."""
    images = generator.generate(range(first, first + 8 * COLUMNS, 2)).images
    return np.concatenate(
        [np.concatenate(list(images[i : i + COLUMNS]), axis=1) for i in range(0, 4 * COLUMNS, COLUMNS)]
    )


def motion_sheet(generator: PersonGenerator, first: int = 0) -> UInt8[np.ndarray, "h w 3"]:
    """Every motion in two rows: the camera goes along, and the camera stands still."""
    rows = []
    for number, name in enumerate(SHARES):
        for still in (0, 1):
            clip = generator.clip(first + 2 * number + still, MOTION_FRAMES, MOTION_FPS, name=name, follow=not still)
            rows.append(np.concatenate(list(clip.images[::MOTION_STEP]), axis=1))
    return np.concatenate(rows)


def lowered(images: Pictures, size: int) -> Pictures:
    """Pictures averaged down to `size` pixels and enlarged pixel by pixel."""
    full = (images.shape[2], images.shape[1])
    small = [cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA) for image in images]
    return np.stack([cv2.resize(image, full, interpolation=cv2.INTER_NEAREST) for image in small])


def with_keypoints(images: Pictures, keypoints: Float32[np.ndarray, "n 49 3"]) -> Pictures:
    """The 24 annotation joints drawn: the person's right red, left green, the middle yellow."""
    drawn = images.copy()
    radius = max(1, images.shape[1] // 90)
    for image, points in zip(drawn, keypoints[:, -len(ANNOTATION_24) :], strict=True):
        for name, (x, y, confidence) in zip(ANNOTATION_24, points, strict=True):
            colour = RIGHT if name.startswith("right") else LEFT if name.startswith("left") else MIDDLE
            centre = (int((x + 1) / 2 * len(image)), int((y + 1) / 2 * len(image)))
            if confidence:
                cv2.circle(image, centre, radius, colour, -1, cv2.LINE_AA)
    return drawn


def part_colours() -> UInt8[np.ndarray, "25 3"]:
    """A colour per part label; black for background."""
    hues = [colorsys.hsv_to_rgb((0.618 * i) % 1, 0.65, 0.95 - 0.3 * (i % 2)) for i in range(24)]
    return np.concatenate([np.zeros((1, 3)), np.array(hues) * 255]).astype(np.uint8)


@guarded
def main() -> None:
    """Write the sheet of the embedded body."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--size", type=int, default=128, help="side of one picture in pixels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", default="train", choices=("train", "val", "test"))
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--motions", action="store_true", help="rows of frames instead of single pictures")
    what.add_argument("--many", action="store_true", help="thirty-two people")
    parser.add_argument("--clutter", type=float, default=0.0, help="share of backgrounds that are heaps of shapes")
    parser.add_argument("--company", type=float, default=0.0, help="share of pictures with other people near")
    parser.add_argument("--pose-noise", type=float, default=1.0, help="scale of the noise on joint angles")
    parser.add_argument("--limb-mixing", type=float, default=0.5, help="share of people with limbs from a second pose")
    parser.add_argument("--everyday", type=float, default=0.0, help="share of poses in no library; train only")
    parser.add_argument("--gaze", type=float, default=0.0, help="share of people whose head is turned")
    parser.add_argument("--free-limbs", type=float, default=0.0, help="share of people whose limbs go their own ways")
    arguments = parser.parse_args()
    generator = PersonGenerator(
        BodyModel.embedded(), arguments.size, arguments.seed, arguments.split,
        clutter=arguments.clutter, company=arguments.company,
        poses=PoseMix(
            arguments.pose_noise, arguments.limb_mixing, arguments.everyday, arguments.gaze, arguments.free_limbs
        ),
    )  # fmt: skip
    draw = motion_sheet if arguments.motions else people_sheet if arguments.many else contact_sheet
    write_picture(arguments.path, draw(generator))


if __name__ == "__main__":
    main()
