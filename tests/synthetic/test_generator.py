import json
from dataclasses import fields

import numpy as np
import pytest
import torch
from scipy import ndimage

from rscnet.data.synthetic.generator import PersonGenerator, RenderedPeople
from rscnet.data.synthetic.poses import PoseMix
from rscnet.errors import UserError
from rscnet.geometry.cameras import project
from rscnet.geometry.rotations import axis_angle_to_matrix
from rscnet.joints import ANNOTATION_24, OPENPOSE_25, SMPL_54, TRAINING_49_FROM_SMPL_54
from rscnet.structures import BodyParameters


def assert_same(a: RenderedPeople, rows_a: list[int], b: RenderedPeople, rows_b: list[int]) -> None:
    for field in fields(RenderedPeople):
        x, y = getattr(a, field.name), getattr(b, field.name)
        if isinstance(x, np.ndarray):
            np.testing.assert_array_equal(x[rows_a], y[rows_b], err_msg=field.name)
        elif x is not None:
            assert [x[i] for i in rows_a] == [y[i] for i in rows_b], field.name


def grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    return ndimage.binary_dilation(mask, np.ones((3, 3)), iterations=pixels)


def test_a_picture_does_not_depend_on_its_company(body, people):
    fresh = PersonGenerator(body, 48, seed=3, split="train", texture_size=32)
    again = fresh.generate([17, 2, 16], with_uv=True)
    assert_same(people, [17, 2, 16], again, [0, 1, 2])


def test_seeds_and_splits_give_other_pictures(body, people):
    for seed, split in ((4, "train"), (3, "val"), (3, "test")):
        other = PersonGenerator(body, 48, seed=seed, split=split, texture_size=32).generate([0])
        assert not np.array_equal(other.texture[0], people.texture[0])
        assert not np.array_equal(other.betas[0], people.betas[0])
        assert not np.array_equal(other.images[0], people.images[0])


def test_shapes_and_ranges(people):
    n, s = 20, 48
    assert people.images.shape == (n, s, s, 3) and people.images.dtype == np.uint8
    assert people.parts.shape == (n, s, s) and people.parts.max() <= 24
    assert people.joints.shape == (n, 54, 3) and people.keypoints_2d.shape == (n, 49, 3)
    assert people.texture.shape == (n, 32, 32, 3) and people.uv is not None and people.uv.max() <= 1
    assert np.abs(people.betas).max() <= 2.5
    assert people.images.std(axis=(1, 2, 3)).min() > 5  # no picture is blank


def test_labels_reproduce_vertices_and_joints(body, people):
    matrices = axis_angle_to_matrix(torch.from_numpy(people.pose))
    posed = body(BodyParameters.from_rotations(matrices, torch.from_numpy(people.betas)))
    np.testing.assert_allclose(posed.vertices.numpy(), people.vertices, atol=1e-5)
    np.testing.assert_allclose(posed.joints.numpy(), people.joints[:, TRAINING_49_FROM_SMPL_54], atol=1e-5)


def test_keypoints_are_the_projection_of_joints(people):
    joints = torch.from_numpy(people.joints[:, TRAINING_49_FROM_SMPL_54])
    projected = project(joints, torch.from_numpy(people.translation)).numpy()
    np.testing.assert_allclose(projected, people.keypoints_2d[..., :2], atol=1e-4)
    outside = (np.abs(projected) > 1.1).any(-1)
    np.testing.assert_array_equal(people.keypoints_2d[..., 2], ~outside)


def test_masks_agree_with_projected_vertices(people):
    """The naked body lies on the dressed person or a pixel beside, and the person is no wider than clothes make it."""
    size = people.images.shape[1]
    pixels = project(torch.from_numpy(people.vertices), torch.from_numpy(people.translation)).numpy()
    cells = np.floor((pixels + 1) / 2 * size).astype(int)
    for mask, parts, cell in zip(people.masks, people.parts, cells, strict=True):
        inside = ((cell >= 0) & (cell < size)).all(1)
        splat = np.zeros((size, size), bool)
        splat[cell[inside, 1], cell[inside, 0]] = True
        assert (grown(mask, 1) & splat).sum() > 0.98 * splat.sum()
        assert (grown(splat, 2) & mask).sum() > 0.95 * mask.sum()
        assert ((parts > 0) == mask).mean() > 0.97


def test_parts_lie_where_their_joints_are(people):
    size = people.images.shape[1]
    knee = SMPL_54.index("left_knee")
    pixels = project(torch.from_numpy(people.joints[:, [knee]]), torch.from_numpy(people.translation)).numpy()
    hits = total = 0
    for parts, (x, y) in zip(people.parts, ((pixels[:, 0] + 1) / 2 * size), strict=True):
        if 3 <= x < size - 3 and 3 <= y < size - 3:
            window = parts[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4]
            hits += bool(np.isin([2, 5], window).any())  # thigh (1 + 1) or shank (4 + 1) of the left leg
            total += 1
    assert total >= 10 and hits > 0.7 * total


def test_noses_are_in_front_of_ears(people):
    """A person whose nose is nearer to the camera than both ears shows a face: its left eye is at the right."""
    names = [*OPENPOSE_25, *ANNOTATION_24]
    nose, left, right = (SMPL_54.index(f) for f in ("nose", "left_ear", "right_ear"))
    frontal = people.joints[:, nose, 2] + 0.09 < people.joints[:, [left, right], 2].min(1)
    assert frontal.any()
    x = people.keypoints_2d[frontal, :, 0]
    assert (x[:, names.index("left_eye")] > x[:, names.index("right_eye")]).mean() > 0.8


def test_consecutive_pictures_show_one_person_in_other_poses(people):
    np.testing.assert_array_equal(people.person, np.arange(20) // 2)
    np.testing.assert_array_equal(people.texture[0::2], people.texture[1::2])
    np.testing.assert_array_equal(people.betas[0::2], people.betas[1::2])
    assert np.abs(people.pose[0::2] - people.pose[1::2]).max((1, 2)).min() > 0.1
    assert len({texture.tobytes() for texture in people.texture}) == 10


def test_views_continue_what_generate_gives(generator, people):
    views = generator.views(person=3, n=4, with_uv=True)
    assert_same(people, [6, 7], views, [0, 1])
    assert (views.texture == views.texture[0]).all() and (views.betas == views.betas[0]).all()


def test_clip_keeps_person_camera_and_ground(generator):
    clip = generator.clip(person=1, frames=18, fps=12.0)
    assert len(clip.images) == 18 and (clip.texture == clip.texture[0]).all()
    step = np.abs(np.diff(clip.joints + clip.translation[:, None], axis=0)).max((1, 2))
    assert 0 < step.max() < 0.5
    assert (clip.keypoints_2d[..., 2].mean(1) > 0.4).all()


def test_occlusion_and_truncation_are_settings(body):
    free = PersonGenerator(body, 32, 0, "train", texture_size=16, occlusion=0, truncation=0).generate(range(16))
    hidden = PersonGenerator(body, 32, 0, "train", texture_size=16, occlusion=1, truncation=0).generate(range(16))
    assert not free.occluded.any() and hidden.occluded.any((1, 2)).all()
    np.testing.assert_array_equal(free.keypoints_2d, hidden.keypoints_2d)
    assert free.keypoints_2d[..., 2].mean() > 0.98


def test_the_person_is_drawn_where_the_mask_is(body):
    """Pictures of one shot with other clothes differ on the person; backgrounds stay the same but for shadows."""
    a = PersonGenerator(body, 32, 0, "train", texture_size=16, occlusion=0).generate([0])
    b = PersonGenerator(body, 32, 0, "train", texture_size=16, occlusion=0, supersample=1).generate([0])
    inside = np.abs(a.images[0].astype(int) - b.images[0]).max(-1)[~(a.masks[0] | b.masks[0])]
    assert np.median(inside) <= 1


BASE = {"size": 32, "seed": 0, "split": "train", "texture_size": 16}


@pytest.mark.parametrize(
    "setting",
    [
        {"seed": 1},
        {"split": "val"},
        {"size": 36},
        {"supersample": 1},
        {"texture_size": 20},
        {"views_per_person": 1},
        {"occlusion": 0.5},
        {"truncation": 0.5},
        {"poses": PoseMix(pose_noise=1.5)},
        {"poses": PoseMix(limb_mixing=0.9)},
        {"poses": PoseMix(everyday=0.4)},
        {"poses": PoseMix(gaze=0.4)},
        {"poses": PoseMix(free_limbs=0.4)},
        {"clutter": 0.5},
        {"company": 0.5},
    ],
    ids=str,
)
def test_settings_name_everything_that_changes_pictures(body, setting):
    base = PersonGenerator(body, **BASE)
    other = PersonGenerator(body, **(BASE | setting))
    assert PersonGenerator(body, **BASE).settings() == base.settings() != other.settings()


def test_whole_numbers_are_the_same_settings(body):
    whole = {"poses": PoseMix(1, 1, 1, 1, 1), "clutter": 1, "company": 1}
    floats = {"poses": PoseMix(1.0, 1.0, 1.0, 1.0, 1.0), "clutter": 1.0, "company": 1.0}
    given = [PersonGenerator(body, **BASE, **settings) for settings in (whole, floats)]
    first, second = (json.dumps(one.settings()) for one in given)  # as caches are keyed
    assert first == second


@pytest.mark.parametrize("split", ["val", "test"])
def test_everyday_poses_are_for_training_alone(body, split):
    PersonGenerator(body, **(BASE | {"split": split}), poses=PoseMix(everyday=0.0))
    with pytest.raises(UserError, match=rf"^synthetic people: everyday: expected 0 with split={split}, .*, got 0\.4$"):
        PersonGenerator(body, **(BASE | {"split": split}), poses=PoseMix(everyday=0.4))
