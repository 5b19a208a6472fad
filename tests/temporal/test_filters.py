from dataclasses import replace

import pytest
import torch
from small_clips import steady_track

from rscnet.errors import UserError
from rscnet.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from rscnet.temporal.filters import LocalPolynomial, NoRefinement, OneEuro
from rscnet.temporal.track import TemporalBackend, Track

GAUSSIAN = LocalPolynomial(0.08, "gaussian", 0)
SAVGOL = LocalPolynomial(0.36, "uniform", 2)
EURO = OneEuro(1.0, 0.5)


def noisy(track: Track, amount: float = 0.1) -> Track:
    noise = torch.Generator().manual_seed(0)
    turn = axis_angle_to_matrix(amount * torch.randn(*track.rotations.shape[:2], 3, generator=noise))
    place = track.picture_camera + torch.randn(len(track.valid), 3, generator=noise)
    betas = track.betas + torch.randn(track.betas.shape, generator=noise)
    return replace(track, rotations=track.rotations @ turn, betas=betas).with_picture_camera(place)


def distance(a: Track, b: Track) -> float:
    return float(matrix_to_axis_angle(a.rotations.mT @ b.rotations).norm(dim=-1).mean())


@pytest.mark.parametrize("backend", [GAUSSIAN, SAVGOL, EURO])
def test_noise_falls_and_rotations_stay_rotations(backend: TemporalBackend) -> None:
    truth = steady_track(40)
    seen = noisy(truth)
    refined = backend(seen)
    assert distance(refined, truth) < 0.75 * distance(seen, truth)
    eye = (refined.rotations @ refined.rotations.mT) - torch.eye(3)
    assert eye.abs().max() < 1e-5
    assert torch.linalg.det(refined.rotations).min() > 0.999
    assert (refined.picture_camera - truth.picture_camera).abs().mean() < 0.9 * (
        seen.picture_camera - truth.picture_camera
    ).abs().mean()
    torch.testing.assert_close(refined.betas, seen.betas.mean(0).expand_as(seen.betas))


def test_a_parabola_through_a_window_keeps_a_steady_turn() -> None:
    track = steady_track(20)
    assert distance(SAVGOL(track), track) < 1e-3
    torch.testing.assert_close(SAVGOL(track).picture_camera, track.picture_camera, atol=0.02, rtol=0)


@pytest.mark.parametrize("backend", [GAUSSIAN, SAVGOL, EURO])
def test_somebody_at_rest_stays(backend: TemporalBackend) -> None:
    track = steady_track(9)
    still = track.map(lambda t: t[:1].expand(9, *t.shape[1:]) if t.dim() else t)
    torch.testing.assert_close(backend(still).rotations, still.rotations, atol=1e-5, rtol=0)
    torch.testing.assert_close(backend(still).camera, still.camera)


@pytest.mark.parametrize("backend", [GAUSSIAN, SAVGOL, EURO, NoRefinement()])
@pytest.mark.parametrize("frames", [1, 2])
def test_the_shortest_tracks(backend: TemporalBackend, frames: int) -> None:
    track = steady_track(12).map(lambda t: t[:frames] if t.dim() else t)
    assert backend(track).rotations.isfinite().all()


def test_gaussian_weights_by_hand() -> None:
    weights = LocalPolynomial(0.04, "gaussian", 0).weights(steady_track(9, fps=25.0))
    kernel = torch.exp(-0.5 * torch.arange(-3.0, 4.0) ** 2)
    torch.testing.assert_close(weights[4], kernel / kernel.sum())
    first = kernel * (torch.arange(7) >= 3)
    torch.testing.assert_close(weights[0], first / first.sum())


def test_savitzky_golay_weights_by_hand() -> None:
    weights = LocalPolynomial(0.2, "uniform", 2).weights(steady_track(9, fps=25.0))
    torch.testing.assert_close(weights[4], torch.tensor([-3.0, 12, 17, 12, -3]) / 35)


def test_a_window_of_one_frame_changes_nothing() -> None:
    weights = LocalPolynomial(0.04, "uniform", 0).weights(steady_track(9, fps=25.0))
    assert torch.equal(weights[4], torch.tensor([0.0, 1, 0]))


def test_a_window_ends_with_the_track() -> None:
    six = steady_track(6)
    wide = replace(GAUSSIAN, seconds=1e6)
    assert wide.weights(six).shape == (6, 11)
    assert torch.allclose(wide.weights(six)[0, 5:], torch.full((6,), 1 / 6))


def test_interpolated_frames_count_less() -> None:
    track = steady_track(9, fps=25.0)
    valid = torch.ones(9, dtype=torch.bool)
    valid[3] = False
    weights = LocalPolynomial(0.12, "uniform", 0, unseen=0.25).weights(replace(track, valid=valid))
    torch.testing.assert_close(weights[4], torch.tensor([0.25, 1, 1]) / 2.25)


def test_one_euro_follows_fast_turns_and_holds_slow_ones() -> None:
    truth = steady_track(60)
    quick = truth.rotations.clone()
    quick[30:] = quick[30:] @ axis_angle_to_matrix(torch.tensor([0.0, 0.0, 1.5]))
    jump = replace(truth, rotations=quick)
    lazy, agile = OneEuro(0.2, 0.0)(jump), OneEuro(0.2, 2.0)(jump)
    assert distance(agile, jump) < 0.5 * distance(lazy, jump)


def test_impossible_settings_are_named() -> None:
    with pytest.raises(UserError, match="seconds > 0"):
        LocalPolynomial(0, "gaussian", 0)
    with pytest.raises(UserError, match="min_cutoff > 0"):
        OneEuro(0, 0.5)
