from dataclasses import replace

import pytest
import torch
from small_clips import steady_track

from rscnet.errors import UserError
from rscnet.geometry.rotations import matrix_to_axis_angle
from rscnet.models.temporal import TemporalRefiner
from rscnet.temporal.track import Track


@pytest.fixture
def network() -> TemporalRefiner:
    torch.manual_seed(0)
    return TemporalRefiner(hidden=8, layers=1, reach=3)


def batch(*tracks: Track) -> Track:
    return Track.concatenate([track.map(lambda tensor: tensor[None]) for track in tracks])


def test_it_begins_as_a_mean_over_neighbours(network: TemporalRefiner) -> None:
    track = steady_track(12)
    refined = network(batch(track))
    assert refined.rotations.shape == (1, 12, 24, 3, 3)
    away = matrix_to_axis_angle(refined.rotations[0].mT @ track.rotations).norm(dim=-1)
    assert away[3:-3].max() < 0.02
    torch.testing.assert_close(refined.picture_camera[0, 3:-3], track.picture_camera[3:-3], atol=1e-2, rtol=1e-4)
    torch.testing.assert_close(refined.betas[0], track.betas)


def test_frames_that_nobody_saw_hardly_count(network: TemporalRefiner) -> None:
    track = steady_track(12)
    valid = torch.ones(12, dtype=torch.bool)
    valid[6] = False
    spoilt = track.rotations.clone()
    spoilt[6] = torch.eye(3)
    seen = network(batch(replace(track, rotations=spoilt, valid=valid)))
    blind = network(batch(replace(track, rotations=spoilt)))
    away = [matrix_to_axis_angle(r.rotations[0, 6].mT @ track.rotations[6]).norm(dim=-1).max() for r in (seen, blind)]
    assert away[0] < 0.3 * away[1]


def test_tracks_of_a_batch_do_not_mix(network: TemporalRefiner) -> None:
    for layer in (network.kernel, network.correction, network.trust):
        torch.nn.init.normal_(layer.weight, std=0.3)
    first = steady_track(12)
    second = replace(first, betas=2 * first.betas, crops=2 * first.crops)
    both, alone = network(batch(first, second)), network(batch(first))
    torch.testing.assert_close(both.rotations[:1], alone.rotations)
    assert not torch.allclose(both.rotations[1], both.rotations[0])  # the resolution matters


def test_the_far_end_of_a_track_reaches_each_frame_both_ways(network: TemporalRefiner) -> None:
    torch.nn.init.normal_(network.correction.weight, std=0.3)
    track = steady_track(12)
    changed = replace(track, betas=torch.cat([track.betas[:-1], -track.betas[-1:]]))
    assert not torch.equal(network(batch(track)).rotations[0, 0], network(batch(changed)).rotations[0, 0])


def test_missing_features_are_named() -> None:
    with pytest.raises(UserError, match="reads 5 features per frame, the track has 0"):
        TemporalRefiner(hidden=8, layers=1, features=5)(batch(steady_track(4)))
