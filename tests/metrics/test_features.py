"""Metrics of features across resolutions, by hand."""

import math

import pytest
import torch

from rscnet.metrics import features
from rscnet.metrics.features import FeatureMetrics, alignment, retrieval, uniformity


def unit(*degrees: float) -> torch.Tensor:
    angles = torch.deg2rad(torch.tensor(degrees))
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def test_retrieval_counts_those_that_find_their_own():
    gallery = unit(0, 90, 180)
    assert float(retrieval(unit(10, 80, 200) * 5, gallery)) == 1  # length does not matter
    assert float(retrieval(unit(50, 80, 200), gallery)) == pytest.approx(2 / 3)  # the first is nearer to the second
    assert float(retrieval(torch.ones(3, 2), torch.ones(3, 2))) == 0  # one feature for all finds nothing


def test_retrieval_in_pieces_is_the_same(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    gallery = torch.randn(50, 4, generator=generator)
    queries = gallery + 0.7 * torch.randn(50, 4, generator=generator)
    whole = retrieval(queries, gallery)
    monkeypatch.setattr(features, "ROWS", 7)
    assert 0 < float(whole) < 1
    assert torch.equal(retrieval(queries, gallery), whole)


def test_alignment_and_uniformity():
    assert float(alignment(unit(0, 0), unit(90, 0) * 3)) == pytest.approx(1)
    assert float(uniformity(unit(5, 5, 5))) == pytest.approx(0, abs=1e-5)
    # three pairs of squared distances 4, 2, 2
    expected = math.log((math.exp(-8) + 2 * math.exp(-4)) / 3)
    assert float(uniformity(unit(0, 180, 90))) == pytest.approx(expected, rel=1e-5)


def test_uniformity_in_pieces_is_that_of_all_pairs(monkeypatch):
    x = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    expected = torch.log(torch.exp(-2 * torch.pdist(x / x.norm(dim=1, keepdim=True)).square()).mean())
    monkeypatch.setattr(features, "ROWS", 7)
    torch.testing.assert_close(uniformity(x), expected)


def test_the_metric_compares_all_batches_with_each_other():
    full, small = unit(0, 90, 180, 270), unit(10, 100, 260, 280)
    metrics = FeatureMetrics([64, 16])
    for rows in (slice(0, 3), slice(3, 4)):  # an uneven last batch
        metrics.update(torch.stack([full[rows], small[rows]]))
    table = metrics.compute()
    assert set(table) == {64, 16}
    assert set(table[64]) == {"uniformity"}
    assert float(table[16]["retrieval"]) == 0.75  # the third is nearest to the fourth
    assert float(table[16]["alignment"]) == pytest.approx(float(alignment(small, full)))


def test_one_picture_has_nothing_to_compare_with():
    metrics = FeatureMetrics([64, 16])
    metrics.update(torch.ones(2, 1, 3))
    assert metrics.compute() == {}
