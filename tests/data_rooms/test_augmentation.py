"""Mirrors: of pictures, labels and bodies alike."""

import dataclasses

import albumentations as A
import numpy as np
import pytest
import torch
from small_people import SIZE, body, people

from rscnet.data.augmentation import Augmentation, flip_parts, flip_sample
from rscnet.data.keys import generator
from rscnet.data.sample import Sample
from rscnet.data.views import collate_target
from rscnet.joints import ANNOTATION_24, SMPL_24, TRAINING_49


def fields(sample: Sample) -> dict[str, np.ndarray]:
    return {f.name: np.asarray(getattr(sample, f.name)) for f in dataclasses.fields(sample)}


def test_two_mirrors_are_none():
    sample = people()[0]
    once, twice = fields(flip_sample(sample)), fields(flip_sample(flip_sample(sample)))
    for name, value in fields(sample).items():
        np.testing.assert_array_equal(twice[name], value, err_msg=name)
    changed = {name for name, value in fields(sample).items() if not np.array_equal(once[name], value)}
    assert changed == {"image", "keypoints_2d", "joints_3d", "pose", "parts"}


def test_left_and_right_change_places():
    sample = people()[0]
    mirrored = flip_sample(sample)
    left, right = TRAINING_49.index("left_wrist"), TRAINING_49.index("right_wrist")
    x, y, confidence = sample.keypoints_2d[left]
    np.testing.assert_array_equal(mirrored.keypoints_2d[right], [-x, y, confidence])
    left, right = ANNOTATION_24.index("left_knee"), ANNOTATION_24.index("right_knee")
    x, y, z, confidence = sample.joints_3d[left]
    np.testing.assert_array_equal(mirrored.joints_3d[right], [-x, y, z, confidence])
    np.testing.assert_array_equal(mirrored.image[:, 0], sample.image[:, -1])


def test_part_labels_keep_the_background():
    left, right = SMPL_24.index("left_hand") + 1, SMPL_24.index("right_hand") + 1
    parts = np.array([[0, left, right, 1]], np.uint8)
    np.testing.assert_array_equal(flip_parts(parts), [[1, left, right, 0]])


def test_the_mirrored_pose_is_the_mirrored_body():
    samples = people()[:4]
    # the labels of the mirrored picture, and the mirrored pose in the body model (its shape is symmetric)
    target = collate_target([flip_sample(s) for s in samples])
    joints = body().joints(target.parameters).joints[:, -len(ANNOTATION_24) :]
    labels = target.joints_3d[..., :3]
    difference = (joints - joints.mean(1, keepdim=True)) - (labels - labels.mean(1, keepdim=True))
    assert difference.norm(dim=-1).max() < 1e-3
    unflipped = collate_target(samples)
    assert (unflipped.joints_3d - target.joints_3d).abs().max() > 0.1


def test_flip_is_a_probability():
    sample = people()[0]
    never, always = Augmentation(flip=0.0), Augmentation(flip=1.0)
    for seed in range(5):
        assert never.geometric(sample, generator(seed)) is sample
        np.testing.assert_array_equal(always.geometric(sample, generator(seed)).image, sample.image[:, ::-1])
    half = Augmentation(flip=0.5)
    kept = sum(half.geometric(sample, generator(seed)) is sample for seed in range(200))
    assert 70 < kept < 130


@pytest.fixture
def gain() -> Augmentation:
    return Augmentation(
        photometric={
            "gain": A.MultiplicativeNoise(multiplier=(0.6, 1.4), per_channel=True, elementwise=False, p=1.0),
            "gone": None,
        }
    )


def test_colours_follow_the_generator_alone(gain):
    grey = np.full((SIZE, SIZE, 3), 100, np.uint8)
    first = gain.colour(grey, generator(1))
    other = gain.colour(grey, generator(2))
    np.testing.assert_array_equal(gain.colour(grey, generator(1)), first)
    assert (first != other).any()
    # one gain for each channel
    assert (np.ptp(first, axis=(0, 1)) == 0).all()
    assert len(set(first[0, 0].tolist())) == 3
    assert 60 <= first.min() <= first.max() <= 140


def test_without_transforms_colours_stay():
    picture = people()[0].image
    assert Augmentation(photometric={"gone": None}).colour(picture, generator(0)) is picture


def test_two_colours_of_one_generator_differ(gain):
    random = generator(1)
    grey = np.full((4, 4, 3), 100, np.uint8)
    assert (gain.colour(grey, random) != gain.colour(grey, random)).any()


def test_torch_is_left_alone(gain):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    gain.colour(np.full((4, 4, 3), 100, np.uint8), generator(1))
    torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)
