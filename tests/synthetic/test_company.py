"""Other people near: on the same ground, where their place says, and never so that they hide whom a picture is of."""

from dataclasses import fields

import numpy as np
import pytest
import torch

from rscnet.data.keys import generator
from rscnet.data.synthetic.company import MOST_HIDDEN, Companion, Place, add_before, add_behind
from rscnet.data.synthetic.generator import PersonGenerator
from rscnet.data.synthetic.lighting import Light
from rscnet.data.synthetic.occluders import Stage
from rscnet.geometry.cameras import project

UP = np.array([0.0, -1.0, 0.0])  # a level camera: y points down
SETTINGS = {"seed": 3, "split": "train", "texture_size": 32}


def stage_of(pelvis: list[float], floor: float) -> Stage:
    """Somebody whose joints are all at one point, standing on `floor` (height along UP)."""
    joints = np.tile(np.array(pelvis), (54, 1))
    return Stage(joints + [0, 1.0, 0], joints, UP, floor, 48)


def companion(place: Place, rgb: float, share: np.ndarray) -> Companion:
    layer = np.concatenate([np.repeat(rgb * share[..., None], 3, 2), share[..., None]], 2).astype(np.float32)
    return Companion(place, layer, stage_of([0, 0, 50.0], -1.0))


def test_a_place_by_hand():
    # a body whose pelvis is at the origin and whose lowest point is 0.9 m under it
    vertices, joints = np.array([[0, 0.9, 0], [0, -0.8, 0.0]]), np.zeros((54, 3))
    # the person's pelvis is 1 m above the ground, 50 m away
    stage = stage_of([0.2, 0.1, 50.0], floor=-1.1)
    found = Place(0.0, aside=0.0, away=2.0, farther=1.0).translation(stage, vertices, joints)
    np.testing.assert_allclose(found, [0.2, 0.2, 52.0], atol=1e-5)  # stands on the same ground, 0.1 m lower
    beside = Place(0.0, aside=0.5, away=0.0, farther=1.0).translation(stage, vertices, joints)
    assert abs(beside[0] - 0.2) == pytest.approx(0.5) and beside[2] == pytest.approx(50.0)
    far = Place(0.0, aside=0.5, away=0.0, farther=2.0).translation(stage, vertices, joints)
    points = torch.from_numpy(np.stack([beside, far]))[:, None]
    seen = project(points, torch.zeros(2, 3))
    torch.testing.assert_close(seen[0], seen[1])  # the same spot of the picture, at twice the distance
    assert far[2] == pytest.approx(100.0)


def test_places_are_mostly_behind():
    places = [Place.draw(generator(seed)) for seed in range(400)]
    behind = [place for place in places if place.away > 0]
    assert 280 < len(behind) < 360
    assert all(place.farther >= 1 for place in behind) and all(abs(place.aside) >= 0.25 for place in places)


def test_those_behind_are_drawn_from_far_to_near():
    everywhere, grey = np.ones((48, 48)), np.full((48, 48, 3), 0.5, np.float32)
    near, far = Place(0, 0.5, 0.5, 1.1), Place(0, 0.5, 1.0, 1.8)
    light = Light.draw(generator(0), UP)
    for order in ([near, far], [far, near]):
        company = [companion(place, 0.9 if place is near else 0.1, everywhere) for place in order]
        assert add_behind(grey, company, light).mean() == pytest.approx(0.9)
    assert add_behind(grey, [], light) is grey


def test_those_in_front_hide_little_of_the_person():
    person, black = np.zeros((48, 48), np.float32), np.zeros((48, 48, 3), np.float32)
    person[:, :10] = 1
    front = Place(0, 0.5, -0.5, 1.0)
    for columns, drawn in ((int(10 * MOST_HIDDEN) - 1, True), (9, False)):
        share = np.zeros((48, 48))
        share[:, :columns] = 1
        picture, covered = add_before(black, [companion(front, 1.0, share)], person)
        assert covered.any() == (picture.max() > 0) == drawn
    behind = Place(0, 0.5, 0.5, 1.0)
    assert not add_before(black, [companion(behind, 1.0, person)], person)[1].any()


@pytest.fixture(scope="module")
def alone_and_not(body):
    """The same people without and with others."""
    return [
        PersonGenerator(body, 48, **SETTINGS, **more).generate(range(12))
        for more in ({}, {"company": 1.0})  # type: ignore[arg-type]
    ]


def test_company_changes_pictures_and_no_label(alone_and_not):
    alone, among = alone_and_not
    changed = (alone.images != among.images).any(-1)
    assert (changed.mean((1, 2)) > 0.01).sum() >= 8
    for field in fields(alone):
        if field.name not in ("images", "occluded"):
            np.testing.assert_array_equal(getattr(alone, field.name), getattr(among, field.name), err_msg=field.name)
    # whoever is behind does not shine through
    clear = alone.masks & ~among.occluded & ~alone.occluded
    inner = clear & np.roll(clear, 1, 1) & np.roll(clear, -1, 1) & np.roll(clear, 1, 2) & np.roll(clear, -1, 2)
    difference = np.abs(alone.images.astype(int) - among.images).max(-1)[inner]
    assert np.mean(difference < 40) > 0.97  # the sensor's blur and things held reach over edges


def test_a_picture_with_company_does_not_depend_on_what_else_is_asked_for(body, alone_and_not):
    again = PersonGenerator(body, 48, **SETTINGS, company=1.0).generate([7, 2])  # type: ignore[arg-type]
    np.testing.assert_array_equal(alone_and_not[1].images[[7, 2]], again.images)


def test_clips_show_one_person_and_caches_without_company_stay_valid(body):
    plain, among = (PersonGenerator(body, 48, company=share, **SETTINGS) for share in (0.0, 1.0))  # type: ignore[arg-type]
    np.testing.assert_array_equal(plain.clip(0, 3, 25.0).images, among.clip(0, 3, 25.0).images)
    assert "company" not in plain.settings() and among.settings()["company"] == 1.0
