"""The paper's colour jitter as configured: brightness, contrast and saturation, each with its own probability."""

import albumentations as A
import numpy as np

from rscnet.config.build import build
from rscnet.config.compose import compose
from rscnet.data.keys import generator
from rscnet.data.transforms import SeededTransforms

DRAWS = 400


def test_each_change_of_colour_has_its_own_probability():
    node = compose(["experiment=rsc_full", "preset=smoke"]).plain()["augmentation"]
    node["photometric"] = {**node["photometric"], "gain": None}
    augmentation = build(node, "augmentation")
    # two reds, mean luma 38: brightness keeps their ratio, contrast changes it, saturation alone adds green
    image = np.zeros((2, 2, 3), np.uint8)
    image[..., 0] = [[100, 100], [160, 160]]
    found = [augmentation.colour(image, generator(0, 0, i, "test")).astype(float) for i in range(DRAWS)]
    same = sum(np.array_equal(view, image) for view in found)
    grey = sum(view[..., 1].max() > 0 for view in found)
    # nothing changes in an eighth of draws; a group drawn as a whole would leave half of them alone
    assert 0.07 < same / DRAWS < 0.19
    assert 0.2 < grey / DRAWS < 0.7


def test_transforms_draw_independently():
    half = {name: A.InvertImg(p=0.5) for name in ("once", "twice")}
    image = np.full((2, 2, 3), 10, np.uint8)
    found = [SeededTransforms(half)(image, generator(0, 0, i, "test"))[0, 0, 0] for i in range(DRAWS)]
    # both or none of two inversions give the picture back: always, if both drew the same number
    assert 0.4 < np.mean([value == 10 for value in found]) < 0.6
