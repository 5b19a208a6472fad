"""Other backgrounds: people and labels stay, what is behind them goes, and only where people can be told from it."""

import dataclasses

import numpy as np
import pytest
from small_people import people

from rscnet.data.augmentation import Augmentation
from rscnet.data.clutter import Clutter, dead_leaves, person_mask
from rscnet.data.keys import generator
from rscnet.data.sample import Sample
from rscnet.errors import UserError


def square() -> Sample:
    """A white square of the middle quarter on black, with a part map of a quarter of the picture's side."""
    parts = np.zeros((16, 16), np.uint8)
    parts[4:12, 4:12] = 3
    image = np.zeros((64, 64, 3), np.uint8)
    image[16:48, 16:48] = 255
    return dataclasses.replace(people()[0], image=image, parts=parts)


def test_the_person_stays_and_the_background_goes():
    sample = square()
    for seed in range(5):
        found = Clutter(p=1.0)(sample, generator(seed))
        assert (found.image[20:44, 20:44] == 255).all()
        border = np.ones((64, 64), bool)
        border[12:52, 12:52] = False
        assert found.image[border].mean() > 10 and found.image[border].std() > 5
        for field in dataclasses.fields(Sample):
            if field.name != "image":
                assert getattr(found, field.name) is getattr(sample, field.name)


def test_mask_by_hand():
    parts = square().parts
    assert parts is not None
    plain, grown = person_mask(parts, 64, margin=0), person_mask(parts, 64, margin=4)
    assert (plain[18:46, 18:46] == 1).all() and plain[:14].max() == 0 and plain[:, :14].max() == 0
    # four pixels more on each side
    assert (grown[14:50, 14:50] == 1).all() and grown[:10].max() == 0


def test_the_mask_lies_where_the_labels_were_taken():
    # of edges at pixels 16, 17, 18 and 19 the coarse map has the label of pixels 2, 6, 10 ...
    found = []
    for edge in range(16, 20):
        parts = np.zeros((16, 16), np.uint8)
        parts[:, np.arange(2, 64, 4) >= edge] = 1
        found.append(64 - person_mask(parts, 64, margin=0)[32].sum())
    assert np.mean(found) == pytest.approx(17.5, abs=0.3)


def test_is_drawn_with_its_probability_and_keyed():
    sample = square()
    clutter = Clutter(p=0.3)
    changed = sum(clutter(sample, generator(seed)) is not sample for seed in range(300))
    assert 60 < changed < 120
    always = Augmentation(flip=0.0, clutter=Clutter(p=1.0))
    first, again, other = (always.geometric(sample, generator(seed)).image for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_leaves_have_edges():
    bare = [dead_leaves(64, 0, generator(seed)) for seed in range(20)]
    heaped = [dead_leaves(64, 80, generator(seed)) for seed in range(20)]

    def edges(pictures: list[np.ndarray]) -> float:
        """The 99th percentile of the difference of neighbours."""
        return float(np.mean([np.percentile(np.abs(np.diff(p.astype(float), axis=1)), 99) for p in pictures]))

    assert edges(heaped) > 2 * edges(bare)


def test_samples_without_part_maps_are_told_of_in_one_line():
    sample = dataclasses.replace(people()[0], parts=None)
    assert Clutter(p=0.0)(sample, generator(0)) is sample
    with pytest.raises(UserError, match=r"^augmentation\.clutter: these samples have no part maps.*clutter=null$"):
        Clutter(p=1.0)(sample, generator(0))


@pytest.mark.parametrize("wrong", [{"p": 1.5}, {"leaves": (5, 2)}, {"leaves": (-1, 2)}])
def test_impossible_values(wrong: dict):
    with pytest.raises(ValueError, match="expected 0 <= p <= 1"):
        Clutter(**wrong)
