"""Heaps of shapes: pictures with the edges of photographs, drawn from what they are given alone."""

import numpy as np
import pytest

from rscnet.data.keys import generator
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
        picture = clutter(generator(seed), 64, SCENE)
        assert picture.shape == (64, 64, 3) and picture.dtype == np.float32
        assert picture.min() >= 0 and picture.max() <= 1 and picture.std() > 0.02


def test_the_scene_is_left_as_it_was_and_often_shows_through():
    before = SCENE.copy()
    showing = [(np.abs(clutter(generator(seed), 64, SCENE) - 0.5) < 0.1).all(-1).mean() > 0.25 for seed in range(60)]
    np.testing.assert_array_equal(SCENE, before)
    assert 5 < sum(showing) < 55


def test_it_is_keyed():
    first, again, other = (clutter(generator(seed), 64, SCENE) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_heaps_have_more_edges_than_rendered_backgrounds():
    plain = [background(generator("plain", seed), 64) for seed in range(40)]
    heaped = [clutter(generator("heaped", seed), 64, scene) for seed, scene in enumerate(plain)]
    assert edges(heaped) > 1.5 * edges(plain)


@pytest.mark.parametrize("wrong", [{"clutter": 1.5}, {"clutter": -0.1}, {"company": 2}])
def test_impossible_shares_are_one_line(body, wrong):
    with pytest.raises(UserError, match=r"^synthetic people: clutter and company are probabilities, expected 0 to 1"):
        PersonGenerator(body, 48, seed=0, split="train", **wrong)
