"""A few embedded people without a cache, and data modules of them."""

from functools import cache

import numpy as np

from rscnet.body.model import BodyModel
from rscnet.data.augmentation import Augmentation
from rscnet.data.datamodule import PeopleDataModule
from rscnet.data.degradations import Bicubic
from rscnet.data.plan import Curriculum
from rscnet.data.sample import Sample
from rscnet.data.synthetic.people import SyntheticPeople
from rscnet.resolution import ResolutionSet

SIZE, COUNT = 64, 12
RESOLUTION = ResolutionSet([[64, 64], [48, 64], [32, 48], [24, 32], [16, 24]], eval=[64, 32, 16])


@cache
def body() -> BodyModel:
    return BodyModel.embedded()


@cache
def people() -> list[Sample]:
    """The first training people."""
    source = SyntheticPeople(body(), SIZE, COUNT, "train", seed=0, cache_dir=None)
    return [source[i] for i in range(COUNT)]


def data_module(stages: dict, augmentation: Augmentation | None = None, **settings) -> PeopleDataModule:
    source = people()
    return PeopleDataModule(
        train=source,
        val=source,
        test=source,
        resolution=RESOLUTION,
        degradation=Bicubic(),
        augmentation=augmentation or Augmentation(flip=0.0),
        curriculum=Curriculum(stages),
        image_size=SIZE,
        **{"seed": 0, **settings},
    )


def noise(size: int = SIZE, seed: int = 0) -> np.ndarray:
    """A picture that is all detail."""
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)
