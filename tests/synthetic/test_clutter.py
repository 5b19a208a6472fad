"""Heaps of shapes: pictures with the edges of photographs, drawn from what they are given alone."""

from dataclasses import fields

import numpy as np
import pytest

from rscnet.data.keys import generator as keyed
from rscnet.data.synthetic.backgrounds import background
from rscnet.data.synthetic.clutter import clutter
from rscnet.data.synthetic.generator import PersonGenerator
from rscnet.errors import UserError

SCENE = np.full((64, 64, 3), 0.5, np.float32)


def edges(pictures: list[np.ndarray]) -> float:
    """The 95th percentile of the difference of neighbours."""
    return float(np.mean([np.percentile(np.abs(np.diff(picture, axis=1)), 95) for picture in pictures]))


def test_pictures_are_of_the_asked_size_and_in_range():
    for seed in range(40):
        picture = clutter(keyed(seed), 64, SCENE)
        assert picture.shape == (64, 64, 3) and picture.dtype == np.float32
        assert picture.min() >= 0 and picture.max() <= 1 and picture.std() > 0.02


def test_the_scene_is_left_as_it_was_and_often_shows_through():
    before = SCENE.copy()
    showing = [(np.abs(clutter(keyed(seed), 64, SCENE) - 0.5) < 0.1).all(-1).mean() > 0.25 for seed in range(60)]
    np.testing.assert_array_equal(SCENE, before)
    assert 5 < sum(showing) < 55


def test_it_is_keyed():
    first, again, other = (clutter(keyed(seed), 64, SCENE) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_heaps_have_more_edges_than_rendered_backgrounds():
    plain = [background(keyed("plain", seed), 64) for seed in range(40)]
    heaped = [clutter(keyed("heaped", seed), 64, scene) for seed, scene in enumerate(plain)]
    assert edges(heaped) > 1.5 * edges(plain)


def test_backgrounds_change_and_no_label(body, generator, people):
    cluttered = PersonGenerator(body, 48, seed=3, split="train", texture_size=32, clutter=1.0)
    found = cluttered.generate(range(20))
    for field in fields(found):
        if field.name not in ("images", "uv"):
            np.testing.assert_array_equal(getattr(found, field.name), getattr(people, field.name), err_msg=field.name)
    outside = ~people.masks & ~people.occluded
    assert np.abs(found.images.astype(int) - people.images)[outside].mean() > 20
    np.testing.assert_array_equal(cluttered.generate([11]).images[0], found.images[11])
    assert cluttered.settings() == generator.settings() | {"clutter": 1.0}


@pytest.mark.parametrize("wrong", [{"clutter": 1.5}, {"clutter": -0.1}, {"company": 2}])
def test_impossible_shares_are_one_line(body, wrong):
    with pytest.raises(UserError, match=rf"^synthetic people: {next(iter(wrong))} is a share .* expected 0 to 1, got"):
        PersonGenerator(body, 48, seed=0, split="train", **wrong)
