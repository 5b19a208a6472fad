import pytest
import torch

from rscnet.metrics.body import BodyErrors, ErrorsBySize

GENERATOR = torch.Generator().manual_seed(0)
TARGET = torch.randn(4, 14, 3, generator=GENERATOR)
SURFACE = torch.randn(4, 50, 3, generator=GENERATOR)
PELVIS = torch.randn(4, 3, generator=GENERATOR)


def moved(metric: BodyErrors, shift: float, rows=slice(None), **kwargs) -> None:
    """Update with joints and vertices `shift` metres to the right of the target, the pelvis in place."""
    offset = torch.tensor([shift, 0.0, 0.0])
    metric.update(
        TARGET[rows] + offset, TARGET[rows], PELVIS[rows], PELVIS[rows], SURFACE[rows] + offset, SURFACE[rows], **kwargs
    )


def test_errors_are_millimetres_relative_to_the_pelvis():
    metric = BodyErrors()
    moved(metric, 0.02)
    errors = {name: value.item() for name, value in metric.compute().items()}
    assert errors["mpjpe"] == pytest.approx(20, abs=1e-3) and errors["pve"] == pytest.approx(20, abs=1e-3)
    assert errors["pa_mpjpe"] == pytest.approx(0, abs=1e-3)


def test_moving_the_whole_body_is_no_error():
    metric, offset = BodyErrors(), torch.tensor([1.0, -2.0, 40.0])
    metric.update(TARGET + offset, TARGET, PELVIS + offset, PELVIS, SURFACE + offset, SURFACE)
    assert max(value.item() for value in metric.compute().values()) < 0.01


def test_mean_runs_over_samples_and_not_over_batches():
    metric = BodyErrors()
    moved(metric, 0.01, slice(0, 3))
    moved(metric, 0.05, slice(3, 4))
    assert metric.compute()["mpjpe"].item() == pytest.approx((3 * 10 + 50) / 4, abs=1e-3)


def test_samples_that_are_not_valid_do_not_count():
    metric = BodyErrors()
    moved(metric, 0.01, valid=torch.tensor([True, False, False, True]))
    moved(metric, 9.0, valid=torch.zeros(4, dtype=torch.bool))
    assert metric.compute()["mpjpe"].item() == pytest.approx(10, abs=1e-3)
    assert metric.counts.tolist() == [[2, 2, 2, 0, 0]]


def test_without_vertices_there_is_no_vertex_error():
    metric = BodyErrors()
    metric.update(TARGET, TARGET, PELVIS, PELVIS)
    assert set(metric.compute()) == {"mpjpe", "pa_mpjpe"}


def test_sums_are_double_and_added_over_ranks():
    metric = BodyErrors()
    assert metric.sums.dtype == metric.counts.dtype == torch.float64
    assert all(reduction.__name__ == "dim_zero_sum" for reduction in metric._reductions.values())


def test_each_size_has_its_own_errors():
    errors = ErrorsBySize([224, 32])
    moved(errors[224], 0.01)
    errors.update(32, TARGET + torch.tensor([0.03, 0.0, 0.0]), TARGET, PELVIS, PELVIS)
    table = errors.compute()
    assert list(table) == [224, 32]
    assert table[224]["mpjpe"].item() == pytest.approx(10, abs=1e-3)
    assert table[32]["mpjpe"].item() == pytest.approx(30, abs=1e-3)
    errors.reset()
    assert errors[224].counts.sum() == 0
    with pytest.raises(KeyError):
        errors.update(100, TARGET, TARGET, PELVIS, PELVIS)


def test_sequences_are_kept_apart_and_add_up():
    metric = BodyErrors(sequences=3, pck=150.0)
    moved(metric, 0.012, sequence=torch.tensor([0, 2, 2, 2]), valid=torch.tensor([True, True, True, False]))
    moved(metric, 0.16, slice(0, 1), sequence=torch.tensor([2]))
    first, second, third = metric.by_sequence()
    assert first["samples"] == 1 and first["mpjpe"].item() == pytest.approx(12, abs=1e-3)
    assert second == {"samples": 0}
    assert third["samples"] == 3 and third["mpjpe"].item() == pytest.approx((12 + 12 + 160) / 3, abs=1e-3)
    assert third["pck"].item() == pytest.approx(200 / 3)
    # 12 mm is within 28 of the thresholds 0, 5 ... 150, 160 mm within none
    assert third["auc"].item() == pytest.approx(100 * 2 / 3 * 28 / 31)
    assert metric.compute()["mpjpe"].item() == pytest.approx((12 + 12 + 12 + 160) / 4, abs=1e-3)
