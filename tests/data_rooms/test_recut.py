"""Crops cut anew: pictures, keypoints, joints and bodies follow the same map."""

import dataclasses

import numpy as np
import pytest
from small_people import body, people

from rscnet.data.augmentation import Augmentation
from rscnet.data.keys import generator
from rscnet.data.recut import Recut
from rscnet.data.views import collate_target
from rscnet.joints import ANNOTATION_24, TRAINING_49

MANY = dict(side=(0.6, 1.2), shift=0.1, rotation=40.0)


def test_hand_computed():
    sample = people()[0]
    keypoints = np.zeros((49, 3), np.float32)
    keypoints[0] = [0.25, -0.5, 0.7]
    sample = dataclasses.replace(sample, keypoints_2d=keypoints)
    found = Recut(side=(0.5, 0.5), shift=0.0, rotation=0.0)(sample, generator(0))
    # half the side: twice as far from the middle; confidences, joints and pose as they were
    np.testing.assert_allclose(found.keypoints_2d[0], [0.5, -1.0, 0.7], atol=1e-6)
    np.testing.assert_array_equal(found.joints_3d, sample.joints_3d)
    np.testing.assert_allclose(found.pose, sample.pose, atol=1e-5)


def test_keypoints_far_outside_lose_their_confidence_and_none_gains_any():
    keypoints = np.zeros((49, 3), np.float32)
    # halves the side: 0.54 comes to 1.08, within the margin of 0.1, and 0.56 to 1.12, beyond it
    keypoints[:5] = [[0.54, 0.2, 0.7], [0.56, 0.2, 0.7], [0.2, -0.56, 1.0], [0.1, 0.1, 0.0], [-0.54, -0.54, 1.0]]
    sample = dataclasses.replace(people()[0], keypoints_2d=keypoints)
    found = Recut(side=(0.5, 0.5), shift=0.0, rotation=0.0)(sample, generator(0))
    np.testing.assert_allclose(found.keypoints_2d[:5, 2], [0.7, 0.0, 0.0, 0.0, 1.0])
    np.testing.assert_allclose(found.keypoints_2d[1, :2], [1.12, 0.4], atol=1e-6)
    np.testing.assert_array_equal(sample.keypoints_2d, keypoints)
    wider = Recut(side=(2.0, 2.0), shift=0.0, rotation=0.0)(found, generator(0))
    np.testing.assert_allclose(wider.keypoints_2d[:5, 2], [0.7, 0.0, 0.0, 0.0, 1.0])


def test_pixels_by_hand():
    ramp = np.repeat(np.tile(np.arange(0, 160, 10, dtype=np.uint8), (16, 1))[..., None], 3, axis=-1)
    sample = dataclasses.replace(people()[0], image=ramp, parts=None)
    near = Recut(side=(0.5, 0.5), shift=0.0, rotation=0.0)(sample, generator(0)).image
    # the middle half, each pixel twice as wide: centres lie a quarter of a pixel off the old ones
    np.testing.assert_allclose(near[8, 1:5, 0], [42.5, 47.5, 52.5, 57.5], atol=0.6)
    far = Recut(side=(2.0, 2.0), shift=0.0, rotation=0.0)(sample, generator(0)).image
    assert (far[:, :3] == 0).all() and (far[:, -3:] == 150).all()  # the border goes on


def test_the_same_crop_is_the_same_sample():
    sample = people()[0]
    found = Recut(side=(1.0, 1.0), shift=0.0, rotation=0.0)(sample, generator(0))
    np.testing.assert_array_equal(found.image, sample.image)
    np.testing.assert_array_equal(found.parts, sample.parts)
    np.testing.assert_allclose(found.keypoints_2d, sample.keypoints_2d, atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_pictures_and_part_maps_follow_the_keypoints(seed: int):
    sample = people()[0]
    at = np.array([0.3, -0.2])
    size = 64
    x, y = (np.arange(size) + 0.5) * 2 / size - 1, ((np.arange(size) + 0.5) * 2 / size - 1)[:, None]
    near = (x - at[0]) ** 2 + (y - at[1]) ** 2
    image = np.repeat((255 * np.exp(-near / 0.02)).astype(np.uint8)[..., None], 3, axis=-1)
    keypoints = sample.keypoints_2d.copy()
    keypoints[0, :2] = at
    sample = dataclasses.replace(
        sample, image=image, parts=(near < 0.02).astype(np.uint8)[::2, ::2], keypoints_2d=keypoints
    )
    found = Recut(**MANY)(sample, generator(seed))
    assert found.parts is not None
    for values, allowed in ((found.image[..., 0], 0.02), (found.parts, 0.04)):
        weight = values.astype(np.float64)
        grid = (np.arange(len(weight)) + 0.5) * 2 / len(weight) - 1
        centre = np.array([(weight.sum(0) * grid).sum(), (weight.sum(1) * grid).sum()]) / weight.sum()
        np.testing.assert_allclose(centre, found.keypoints_2d[0, :2], atol=allowed)


def test_joints_and_bodies_turn_with_the_picture():
    samples = [Recut(**MANY)(sample, generator(i)) for i, sample in enumerate(people()[:4])]
    target = collate_target(samples)
    joints = body().joints(target.parameters).joints[:, -len(ANNOTATION_24) :]
    labels = target.joints_3d[..., :3]
    difference = (joints - joints.mean(1, keepdim=True)) - (labels - labels.mean(1, keepdim=True))
    assert difference.norm(dim=-1).max() < 1e-3

    # from far away, keypoints are joints but for scale and place
    left, right = "left_knee", "right_shoulder"
    for sample in samples:
        flat = sample.joints_3d[[ANNOTATION_24.index(n) for n in (left, right)], :2]
        seen = sample.keypoints_2d[[25 + ANNOTATION_24.index(n) for n in (left, right)], :2]
        cosine = (flat[1] - flat[0]) @ (seen[1] - seen[0])
        cosine /= np.linalg.norm(flat[1] - flat[0]) * np.linalg.norm(seen[1] - seen[0])
        assert cosine > 0.999
    assert TRAINING_49[25:] == ANNOTATION_24


def test_is_part_of_the_augmentation_and_keyed():
    sample, augmentation = people()[0], Augmentation(flip=0.0, recut=Recut())
    first, again, other = (augmentation.geometric(sample, generator(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.image, again.image)
    assert not np.array_equal(first.keypoints_2d, other.keypoints_2d)


@pytest.mark.parametrize("wrong", [{"side": (0.0, 1.0)}, {"side": (1.2, 1.0)}, {"shift": -0.1}, {"rotation": -1.0}])
def test_impossible_values(wrong: dict):
    with pytest.raises(ValueError, match="expected 0 < side"):
        Recut(**wrong)
