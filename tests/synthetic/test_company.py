"""Other people near: on the same ground, where their place says, and never so that they hide whom a picture is of."""

from dataclasses import fields

import numpy as np
import pytest
import torch

from rscnet.data.keys import generator as keyed
from rscnet.data.synthetic.company import MOST_HIDDEN, Companion, Place, add_before, add_behind, from_afar
from rscnet.data.synthetic.generator import PersonGenerator
from rscnet.data.synthetic.lighting import Light
from rscnet.data.synthetic.occluders import Stage
from rscnet.geometry.cameras import NORMALISED_FOCAL, project

UP = np.array([0.0, -1.0, 0.0])  # a level camera: y points down
TILTED = np.array([0.0, -0.8, -0.6])  # seen from above
SIDE = 48
SETTINGS = {"seed": 3, "split": "train", "texture_size": 32}
# a body whose pelvis is at the origin and whose lowest point is 0.9 m under it
VERTICES, JOINTS = np.array([[0, 0.9, 0], [0, -0.8, 0.0]]), np.zeros((54, 3))


def stage_of(pelvis: list[float], floor: float, up: np.ndarray = UP) -> Stage:
    """Somebody whose joints are all at one point, on ground at the height `floor` along `up`."""
    joints = np.tile(np.array(pelvis), (54, 1))
    return Stage(joints + [0, 1.0, 0], joints, up, floor, SIDE)


def companion(grey: float, share: np.ndarray, metres: float = 50.0, behind: bool = True) -> Companion:
    layer = np.concatenate([np.repeat(grey * share[..., None], 3, 2), share[..., None]], 2).astype(np.float32)
    return Companion(layer, stage_of([0, 0, metres], -1.0), behind)


def test_a_place_by_hand():
    # the person's pelvis is 1.2 m above the ground, 50 m away, where a crop's side is 2 * 50 / focal metres
    stage = stage_of([0.2, 0.1, 50.0], floor=-1.3)
    found = Place(0.0, aside=0.0, away=2.0, smaller=1.0).translation(stage, VERTICES, JOINTS)
    np.testing.assert_allclose(found, [0.2, 0.4, 52.0], atol=1e-5)  # stands on the same ground, 0.3 m lower
    jumping = Place(0.0, aside=0.0, away=2.0, smaller=1.0).translation(stage, VERTICES, JOINTS, airborne=0.25)
    np.testing.assert_allclose(jumping, [0.2, 0.15, 52.0], atol=1e-5)
    beside = Place(0.0, aside=0.25, away=0.0, smaller=1.0).translation(stage, VERTICES, JOINTS)
    np.testing.assert_allclose(beside, [0.2 + 0.25 * 2 * 50 / NORMALISED_FOCAL, 0.4, 50.0], rtol=1e-5)
    far = Place(0.0, aside=0.25, away=0.0, smaller=2.0).translation(stage, VERTICES, JOINTS)
    seen = project(torch.from_numpy(np.stack([beside, far]))[:, None], torch.zeros(2, 3))
    torch.testing.assert_close(seen[0], seen[1])  # the same spot of the picture, at twice the distance
    assert far[2] == pytest.approx(100.0)


def test_seen_from_above_everybody_is_on_one_plane():
    stage = stage_of([0.0, 0.0, 50.0], floor=-30.9, up=TILTED)
    for place in (Place(0.0, 0.3, 1.5, 1.8), Place(0.0, -0.4, -0.5, 0.9)):
        moved = VERTICES + place.translation(stage, VERTICES, JOINTS)
        assert (moved @ TILTED).min() == pytest.approx(stage.floor, abs=1e-4)


def test_places_are_mostly_behind_and_in_the_picture():
    places = [Place.draw(keyed(seed)) for seed in range(400)]
    behind = [place for place in places if place.away > 0]
    assert 280 < len(behind) < 360
    assert all(place.smaller >= 1 for place in behind)
    assert all(0.15 <= abs(place.aside) <= 0.55 for place in places)


def test_they_are_painted_from_far_to_near():
    everywhere, grey = np.ones((SIDE, SIDE)), np.full((SIDE, SIDE, 3), 0.5, np.float32)
    near, far = companion(0.9, everywhere, 50.0), companion(0.1, everywhere, 80.0)
    light = Light.draw(keyed(0), UP)
    for order in ([near, far], [far, near]):
        assert from_afar(order) == [far, near]
        assert add_behind(keyed(0), grey, order, light).mean() == pytest.approx(0.9)
    assert add_behind(keyed(0), grey, [], light) is grey


def test_those_in_front_together_hide_little_of_the_person():
    person, black = np.zeros((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE, 3), np.float32)
    person[:, :10] = 1

    def column(first: int, last: int, metres: float) -> Companion:
        share = np.zeros((SIDE, SIDE))
        share[:, first:last] = 1
        return companion(1.0, share, metres, behind=False)

    allowed = int(10 * MOST_HIDDEN) - 1
    for company, drawn in (
        ([column(0, allowed, 49.0)], allowed),
        ([column(0, 9, 49.0)], 0),
        ([column(0, allowed, 49.0), column(8 - allowed, 8, 48.0)], allowed),  # the second would be too much
        ([companion(1.0, person)], 0),  # is behind
    ):
        picture, covered = add_before(black, company, person)
        assert covered[0].sum() == drawn and (picture[0, :, 0] > 0).sum() == drawn


@pytest.fixture(scope="module")
def among(body):
    """The people of `people` among others."""
    return PersonGenerator(body, SIDE, **SETTINGS, company=1.0).generate(range(20))  # type: ignore[arg-type]


def test_company_changes_pictures_and_no_label(people, among):
    changed = (people.images != among.images).any(-1)
    assert (changed.mean((1, 2)) > 0.01).sum() >= 17
    for field in fields(people):
        if field.name not in ("images", "occluded", "uv"):
            np.testing.assert_array_equal(getattr(people, field.name), getattr(among, field.name), err_msg=field.name)
    # whoever is behind does not shine through
    clear = people.masks & ~among.occluded & ~people.occluded
    inner = clear & np.roll(clear, 1, 1) & np.roll(clear, -1, 1) & np.roll(clear, 1, 2) & np.roll(clear, -1, 2)
    difference = np.abs(people.images.astype(int) - among.images).max(-1)[inner]
    assert np.mean(difference < 40) > 0.97  # the sensor's blur and things held reach over edges
    hidden = (people.masks & among.occluded & ~people.occluded).sum((1, 2)) / people.masks.sum((1, 2))
    assert 0 < hidden.max() < MOST_HIDDEN + 0.05


def test_a_picture_with_company_does_not_depend_on_what_else_is_asked_for(body, among):
    again = PersonGenerator(body, SIDE, **SETTINGS, company=1.0).generate([17, 2])  # type: ignore[arg-type]
    np.testing.assert_array_equal(among.images[[17, 2]], again.images)


def test_clips_show_one_person_and_caches_without_company_stay_valid(body, generator):
    among = PersonGenerator(body, SIDE, **SETTINGS, company=1.0)  # type: ignore[arg-type]
    np.testing.assert_array_equal(generator.clip(0, 3, 25.0).images, among.clip(0, 3, 25.0).images)
    assert "company" not in generator.settings() and among.settings()["company"] == 1.0
