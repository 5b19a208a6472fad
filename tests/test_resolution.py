import numpy as np
import pytest

from rscnet.errors import UserError
from rscnet.resolution import ResolutionSet

PAPER = [[224, 224], [128, 224], [64, 128], [40, 64], [24, 40]]


@pytest.fixture
def paper() -> ResolutionSet:
    return ResolutionSet(PAPER, eval=[224, 176, 96, 52, 32])


@pytest.mark.parametrize(
    ("size", "index"),
    [(500, 0), (224, 0), (223, 1), (128, 1), (127, 2), (64, 2), (63, 3), (40, 3), (39, 4), (24, 4), (5, 4)],
)
def test_scale_index_at_every_edge(paper, size, index):
    assert paper.scale_index(size) == index


@pytest.mark.parametrize("index", range(5))
def test_drawn_sizes_belong_to_their_range_and_never_reach_its_upper_bound(paper, index):
    generator = np.random.default_rng(0)
    drawn = {paper.draw(index, generator) for _ in range(3000)}
    low, high = PAPER[index]
    assert drawn == ({224} if index == 0 else set(range(low, high)))
    assert {paper.scale_index(size) for size in drawn} == {index}


def test_draws_are_a_function_of_the_generator(paper):
    first, second = np.random.default_rng(3), np.random.default_rng(3)
    assert [paper.draw(2, first) for _ in range(9)] == [paper.draw(2, second) for _ in range(9)]


def test_nothing_is_sharper_than_full_resolution(paper):
    assert (len(paper), paper.full_size) == (5, 224)
    assert [paper.effective(size) for size in (300, 224, 32)] == [224, 224, 32]


def test_another_set_has_its_own_bounds():
    compact = ResolutionSet([[112, 112], [64, 112], [40, 64], [24, 40], [16, 24]], eval=[112, 32])
    assert [compact.scale_index(size) for size in (112, 111, 64, 40, 24, 23, 2)] == [0, 1, 1, 2, 3, 4, 4]


@pytest.mark.parametrize(
    ("ranges", "sizes", "message"),
    [
        ([], [32], "at least one entry"),
        (PAPER, [], "at least one entry"),
        ([[224, 200]], [32], r"1 <= low <= high"),
        ([[0, 4]], [32], r"1 <= low <= high"),
        ([[224, 224], [64, 128]], [32], "must be the upper bound"),
        ([[24, 40], [40, 64]], [32], "must be the upper bound"),
        (PAPER, [32, 64], r"did you mean \[64, 32\]"),
        (PAPER, [64, 64], r"did you mean \[64\]"),
        (PAPER, [64, 1], r"did you mean \[64\]"),
    ],
)
def test_mistakes_are_named(ranges, sizes, message):
    with pytest.raises(UserError, match=message):
        ResolutionSet(ranges, eval=sizes)
