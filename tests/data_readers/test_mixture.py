"""The mixture: proportions, length, indices, and draws that depend on their key alone."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from spin_sets import write_set

from rscnet.data.keys import generator
from rscnet.data.mixture import Mixture
from rscnet.data.sample import Sample
from rscnet.data.spin import SpinAnnotations
from rscnet.data.views import VaryingSource
from rscnet.errors import UserError
from rscnet.run import main


class Numbers:
    """`count` samples without content; remembers what it was asked for."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        assert 0 <= index < self.count
        empty = np.zeros(0, np.float32)
        return Sample(empty, empty, empty, empty, empty, False, False, (77, index))  # type: ignore[arg-type]


def paper() -> Mixture:
    wild = {"lsp": Numbers(10), "mpii": Numbers(150), "gone": None, "coco": Numbers(240)}
    sources = {"h36m": Numbers(1000), "in_the_wild": wild, "mpi_inf_3dhp": Numbers(300)}
    return Mixture(sources, {"h36m": 0.3, "in_the_wild": 0.6, "mpi_inf_3dhp": 0.1})


def test_shares_and_length() -> None:
    mixture = paper()
    assert len(mixture) == 1000
    expected = {"h36m": 0.3, "in_the_wild.lsp": 0.015, "in_the_wild.mpii": 0.225, "in_the_wild.coco": 0.36}
    assert mixture.shares == pytest.approx(expected | {"mpi_inf_3dhp": 0.1})
    assert len(Mixture({"a": Numbers(3)}, {"a": 2.0}, length=8)) == 8


def test_draws_follow_the_shares_and_indices_wrap() -> None:
    mixture = paper()
    counts: Counter[int] = Counter()
    for epoch in range(4):
        for index in range(1000):
            number, inner = mixture.sample(index, generator(0, epoch, index, "views")).identity
            assert inner == index % list(mixture.sources.values())[number].count  # type: ignore[attr-defined]
            counts[number] += 1
    drawn = np.array([counts[number] for number in range(5)]) / 4000
    np.testing.assert_allclose(drawn, list(mixture.shares.values()), atol=0.03)  # four standard deviations


def test_draws_depend_on_their_key_alone() -> None:
    first, second = ([paper().sample(i, generator(0, epoch, i)).identity for i in range(60)] for epoch in (0, 1))
    assert first == [paper().sample(i, generator(0, 0, i)).identity for i in range(60)]
    assert first != second
    assert [paper()[i].identity for i in range(60)] == [paper()[i].identity for i in range(60)]
    with pytest.raises(IndexError):
        paper()[1000]


def test_wrong_weights() -> None:
    for weights in ({}, {"a": -1.0}, {"a": 0.0}, {"a": 1.0, "b": 1.0}):
        with pytest.raises(UserError, match="mixture: weights: expected a share of at least 0 for each of a and"):
            Mixture({"a": Numbers(3)}, weights)
    with pytest.raises(UserError, match="no sources"):
        Mixture({"a": None}, {"a": 1.0})


def test_a_source_of_weight_zero_is_left_out() -> None:
    mixture = Mixture({"a": Numbers(3), "b": Numbers(9)}, {"a": 1.0, "b": 0.0})
    assert (list(mixture.sources), len(mixture)) == (["a"], 3)


def test_sources_are_augmented_prepared_and_looked_for(tmp_path: Path) -> None:
    write_set(tmp_path, "tiny", 2)
    tiny, gone = (SpinAnnotations(tmp_path, name, 32, rotation=30.0) for name in ("tiny", "gone"))
    mixture = Mixture({"tiny": tiny}, {"tiny": 1.0})
    mixture.prepare()
    assert isinstance(mixture, VaryingSource)
    assert np.abs(mixture.sample(1, generator(0)).keypoints_2d - mixture[1].keypoints_2d).max() > 0.01
    assert mixture.missing() == []
    both = Mixture({"tiny": tiny, "wild": {"gone": gone, "numbers": Numbers(2)}}, {"tiny": 1.0, "wild": 1.0})
    assert both.missing() == gone.missing() != []


def test_embedded_sets_together(tmp_path: Path) -> None:
    sets = ("library", "wide.a", "wide.b", "wide.c", "crowded.a", "crowded.b")
    few = [f"data.train.sources.{name}.length=8" for name in sets]
    words = ["experiment=hr_baseline", "preset=smoke", "init_from=none", "data=synthetic_mix", *few]
    main([*words, f"paths.output={tmp_path}", f"paths.cache={tmp_path / 'cache'}", "evaluation.panel_samples=0"])
    kept = [json.loads(file.read_text()) for file in tmp_path.glob("cache/synthetic/train-*/settings.json")]
    assert sorted(settings["seed"] for settings in kept) == [2, 3, 5, 7, 8, 9]
    (result,) = tmp_path.glob("hr_baseline/**/result.json")
    assert json.loads(result.read_text())["by_size"]
