"""Backgrounds out of focus: near the person nothing changes, away from them edges go, and nothing smears."""

import dataclasses

import numpy as np
import pytest
from small_people import people

from rscnet.config.build import build
from rscnet.config.compose import compose
from rscnet.data.augmentation import Augmentation
from rscnet.data.focus import Focus, blur_background
from rscnet.data.keys import generator
from rscnet.data.sample import Sample
from rscnet.errors import UserError

PERSON = np.zeros((16, 16), np.float32)
PERSON[6:10, 6:10] = 1


def stripes() -> np.ndarray:
    """A green square of the person on stripes of black and white, two pixels wide."""
    image = np.repeat(np.where(np.arange(64) // 2 % 2, 255, 0)[None, :, None], 64, 0).repeat(3, 2).astype(np.uint8)
    image[24:40, 24:40] = [0, 255, 0]
    return image


def sample() -> Sample:
    return dataclasses.replace(people()[0], image=stripes(), parts=PERSON.astype(np.uint8) * 3)


def test_near_the_person_the_picture_stays_and_away_from_it_edges_go():
    image = stripes()
    found = blur_background(image, PERSON, reach=0.125, blur=0.05)
    np.testing.assert_array_equal(found[24:40, 24:40], image[24:40, 24:40])
    away = found[:, :8].astype(float)
    assert np.abs(away - 127.5).max() < 25  # stripes of two pixels under a blur of three
    assert (image == stripes()).all()


def test_the_person_does_not_smear_into_the_background():
    # the green square has no red, so that a smear of it would leave the background greener than red
    found = blur_background(stripes(), PERSON, reach=0.0625, blur=0.06).astype(int)
    outside = np.ones((64, 64), bool)
    outside[18:46, 18:46] = False
    assert np.abs(found[..., 1] - found[..., 0])[outside].max() <= 2


def test_without_anybody_all_is_blurred_and_with_people_everywhere_nothing():
    image = stripes()
    assert blur_background(image, np.zeros((16, 16)), 0.1, 0.05).std() < 0.4 * image.std()
    np.testing.assert_array_equal(blur_background(image, np.ones((16, 16)), 0.1, 0.05), image)


def test_is_drawn_with_its_probability_and_keyed():
    before, focus = sample(), Focus(p=0.3)
    changed = sum(focus(before, generator(seed)) is not before for seed in range(300))
    assert 60 < changed < 120
    always = Augmentation(flip=0.0, focus=Focus(p=1.0))
    first, again, other = (always.geometric(before, generator(seed)).image for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other) and not np.array_equal(first, before.image)


def test_the_configuration_builds_it_and_it_goes_with_new_crops():
    recut = "augmentation.recut={_target_: rscnet.data.recut.Recut}"
    words = ["experiment=rsc_full", "preset=smoke", "augmentation=focus", "augmentation.focus.p=1", recut]
    augmentation = build(compose(words).plain()["augmentation"], "augmentation")
    before = sample()
    after = augmentation.geometric(before, generator(0))
    assert after.image.shape == before.image.shape and not np.array_equal(after.keypoints_2d, before.keypoints_2d)
    assert after.parts is not None and 0 < (after.parts > 0).sum() < after.parts.size


def test_samples_without_part_maps_are_told_of_in_one_line():
    unknown = dataclasses.replace(people()[0], parts=None)
    assert Focus(p=0.0)(unknown, generator(0)) is unknown
    with pytest.raises(UserError, match=r"^augmentation\.focus: these samples have no part maps.*focus=null$"):
        Focus(p=1.0)(unknown, generator(0))


@pytest.mark.parametrize("wrong", [{"p": 1.5}, {"reach": (0.2, 0.1)}, {"reach": (-0.1, 0.1)}, {"blur": (0.0, 0.1)}])
def test_impossible_values(wrong: dict):
    with pytest.raises(ValueError, match="expected 0 <= p <= 1"):
        Focus(**wrong)
