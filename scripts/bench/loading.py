"""Part `data_loading`: from encoded crops and annotations to batches of views, in one process."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import albumentations as A
import cv2
import numpy as np
import torch

from rscnet.config.build import build
from rscnet.data.augmentation import Augmentation
from rscnet.data.image_stores import ImagePack, write_pack
from rscnet.data.images import read_image
from rscnet.data.plan import BatchKey
from rscnet.data.spin import SpinAnnotations
from rscnet.data.views import ViewDataset
from rscnet.geometry.rotations import axis_angle_to_matrix
from rscnet.joints import ANNOTATION_24, SMPL_24_FLIP, TRAINING_49_FLIP, flip_permutation
from rscnet.resolution import ResolutionSet

from .people import configuration
from .rivals.loading import Colours, Loader, blend
from .rows import Row, require, row_of
from .sizes import Sizes
from .timing import interleaved

PHOTO = Path(__file__).parents[2] / "tests" / "data" / "coco" / "000000000785.jpg"
FLIPS = (TRAINING_49_FLIP, flip_permutation(ANNOTATION_24), SMPL_24_FLIP)
LEVEL = 1 / (255 * 0.224)
"""One grey level of a normalised picture."""


def crops(sizes: Sizes) -> list[bytes]:
    """Squares of the example photograph, as JPEG."""
    photo = read_image(PHOTO)
    random = np.random.default_rng(0)
    found = []
    for _ in range(sizes.pictures):
        side = int(random.integers(200, 400))
        top, left = (int(random.integers(0, length - side)) for length in photo.shape[:2])
        cut = cv2.resize(photo[top : top + side, left : left + side], (sizes.image, sizes.image))
        encoded = cv2.imencode(".jpg", cut[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
        found.append(encoded.tobytes())
    return found


def people(sizes: Sizes) -> dict[str, np.ndarray]:
    """All fields of as many people."""
    random = np.random.default_rng(1)
    count, size = sizes.pictures, sizes.image
    return {
        "imgname": np.array([f"{i}.jpg" for i in range(count)]),
        "center": np.full((count, 2), size / 2),
        "scale": np.full(count, size / 200),
        "openpose": random.uniform((0, 0, 0), (size, size, 1), (count, 25, 3)),
        "part": random.uniform((0, 0, 0), (size, size, 1), (count, 24, 3)),
        "pose": random.normal(0, 0.3, (count, 72)),
        "shape": random.normal(0, 1, (count, 10)),
        "has_smpl": np.ones(count, np.uint8),
        "S": random.normal(0, 0.5, (count, 24, 4)),
    }


class Ours:
    """rscnet's data set over a pack of pictures."""

    def __init__(self, folder: Path, sizes: Sizes, augmentation: Augmentation | None) -> None:
        source = SpinAnnotations(folder, "people", sizes.image, images=ImagePack(folder / "people.rscpack"))
        plain = configuration(sizes)
        resolution: ResolutionSet = build(plain["resolution"], "resolution")
        degradation = build(plain["degradation"], "degradation")
        self.views = ViewDataset(source, resolution, degradation, sizes.image, 0, augmentation, sizes.view_sizes)
        self.epoch = 0

    def batch(self, indices: list[int]) -> Any:
        """The next epoch's batch of these people, so that draws differ each time."""
        self.epoch += 1
        return self.views[BatchKey(self.epoch, 0, tuple(indices), len(self.views.sizes or []))]


def measure(sizes: Sizes) -> Row:
    """Batches of all pictures, in steps' batches."""
    threads, cv_threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)  # as a loader process has it; the figure is for one core
    cv2.setNumThreads(1)
    try:
        with tempfile.TemporaryDirectory() as name:
            return _measure(Path(name), sizes)
    finally:
        torch.set_num_threads(threads)
        cv2.setNumThreads(cv_threads)


def _measure(folder: Path, sizes: Sizes) -> Row:
    pictures, fields = crops(sizes), people(sizes)
    np.savez(folder / "people.npz", **fields)  # type: ignore[arg-type]
    write_pack(folder / "people.rscpack", pictures, [str(n) for n in fields["imgname"]], cropped=True)
    augmentation: Augmentation = build(configuration(sizes)["augmentation"], "augmentation")
    ours, plain = Ours(folder, sizes, augmentation), Ours(folder, sizes, None)
    rival = Loader(pictures, fields, sizes.view_sizes, FLIPS, Colours())
    same = Loader(pictures, fields, sizes.view_sizes, FLIPS, None)
    difference, share = agreement(plain, same, sizes)
    indices = list(range(sizes.pictures))
    parts = [indices[i : i + sizes.batch] for i in range(0, len(indices), sizes.batch)]
    sides = {"rival": lambda: [rival.batch(p) for p in parts], "ours": lambda: [ours.batch(p) for p in parts]}
    timings = interleaved(sides, sizes.rounds, sizes.least)
    title = f"data loading: {sizes.views} views of a {sizes.image} px picture, augmented, one core"
    row = row_of(title, 3.0, timings, difference, "views without augmentation, in grey levels; labels alike")
    count = sizes.pictures
    rates = {side: count / timing.best for side, timing in timings.items()}
    row.figures = {"people_per_second": rates, "views_per_second": {s: sizes.views * r for s, r in rates.items()}}
    row.figures |= {"share_of_values_that_differ": share}
    row.notes = [
        "Both decode JPEG, mirror, bring down and up, change gain and colours with the same ranges and probabilities, "
        "normalise, carry labels and collate; draws are their own.",
        "The rival decodes for each view, as the issue's table says, and leaves out the heat maps that the original "
        "makes and never uses.",
    ]
    return row


def agreement(ours: Ours, rival: Loader, sizes: Sizes) -> tuple[float, float]:
    """Greatest difference of any view in grey levels, and the share of values that differ by half a level or more."""
    indices = list(range(min(8, sizes.pictures)))
    batch, item = ours.batch(indices), rival.batch(indices)
    theirs = torch.stack([item[f"view_{i}"] for i in range(sizes.views)])
    difference = (batch.views - theirs).abs() / LEVEL
    labels: Mapping[str, tuple[torch.Tensor, torch.Tensor]] = {
        "keypoints": (batch.target.keypoints_2d, item["keypoints"]),
        "joints": (batch.target.joints_3d, item["joints_3d"]),
        "pose": (batch.target.parameters.rotations, axis_angle_to_matrix(item["pose"])),
    }
    for what, (found, expected) in labels.items():
        require(float((found - expected).abs().max()), 1e-5, what)
    colours_agree()
    return require(float(difference.max()), 3.0, "views"), float((difference > 0.5).float().mean())


def colours_agree() -> None:
    """Brightness, contrast and saturation by a given factor are those of the rival but for rounding."""
    image = read_image(PHOTO)[:64, :64]
    for kind, name in enumerate(("brightness", "contrast", "saturation")):
        ranges: dict[str, tuple[float, float]] = {word: (1.0, 1.0) for word in ("brightness", "contrast", "saturation")}
        ranges[name] = (0.7, 0.7)
        jitter = A.ColorJitter(**ranges, hue=(0.0, 0.0), p=1.0)
        expected = np.clip(blend(image.astype(np.float32), kind, 0.7), 0, 255)
        require(float(np.abs(jitter(image=image)["image"] - expected).max()), 2.0, name)
