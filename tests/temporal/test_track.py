from dataclasses import replace

import pytest
import torch
from small_clips import steady_track

from rscnet.geometry.cameras import crop_to_picture, picture_to_crop
from rscnet.geometry.rotations import geodesic
from rscnet.temporal.track import fill_gaps


def test_a_place_in_the_picture_does_not_depend_on_the_crop() -> None:
    camera, crop = torch.tensor([0.8, 0.1, -0.2]), torch.tensor([10.0, 20.0, 100.0])
    place = crop_to_picture(camera, crop)
    torch.testing.assert_close(place, torch.tensor([40.0, 60 + 4.0, 70 - 8.0]))
    other = torch.tensor([-5.0, 3.0, 160.0])
    torch.testing.assert_close(crop_to_picture(picture_to_crop(place, other), other), place)


def test_gaps_are_filled_along_the_shortest_way() -> None:
    track = steady_track()
    valid = torch.ones(12, dtype=torch.bool)
    valid[[0, 4, 5, 6, 11]] = False
    wrong = torch.where(valid[:, None, None, None], track.rotations, torch.eye(3))
    filled = fill_gaps(replace(track, rotations=wrong, valid=valid))
    inner = slice(1, 11)
    torch.testing.assert_close(filled.rotations[inner], track.rotations[inner], atol=1e-5, rtol=0)
    torch.testing.assert_close(filled.rotations[0], track.rotations[1])
    torch.testing.assert_close(filled.rotations[11], track.rotations[10])
    torch.testing.assert_close(filled.picture_camera[inner], track.picture_camera[inner])
    assert torch.equal(filled.valid, valid)


def test_somebody_who_is_never_seen_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        fill_gaps(replace(steady_track(), valid=torch.zeros(12, dtype=torch.bool)))


def test_half_way_between_rotations_past_half_a_turn() -> None:
    rotations = steady_track().rotations
    torch.testing.assert_close(geodesic(rotations[0], rotations[2], 0.5), rotations[1], atol=1e-5, rtol=0)
