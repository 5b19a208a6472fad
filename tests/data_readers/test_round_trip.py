"""Labels stay on what they label through crop, augmentation and flip: seen in pictures, and of projected bodies."""

import dataclasses
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from spin_sets import write_set

from rscnet.body import BodyModel
from rscnet.data import crops
from rscnet.data.augmentation import Augmentation, flip_sample
from rscnet.data.keys import generator
from rscnet.data.sample import Sample
from rscnet.data.spin import SpinAnnotations
from rscnet.geometry.cameras import camera_to_translation, fit_translation, project
from rscnet.geometry.rotations import axis_angle_to_matrix
from rscnet.structures import BodyParameters

SIZE, SIDE = 128, 160
WIDE = 4.0  # standard deviation of the blob in pixels of the full picture
LIMITS = {"rotation": 30.0, "scale": 0.25}
SEEDS = st.integers(0, 2**31)


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return BodyModel.embedded()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sets")


def augmented(folder: Path, seed: int, flip: bool) -> Sample:
    """The one person of a set, turned, scaled and mirrored."""
    source = SpinAnnotations(folder, "one", SIZE, **LIMITS)
    draws = generator(seed)
    return Augmentation(float(flip)).geometric(source.sample(0, draws), draws)


def write_one(folder: Path, picture: bytes | None = None, **fields: np.ndarray) -> None:
    for path in (folder / "one" / "images", folder / "one"):
        for file in path.glob("*.png"):
            file.unlink()
        if path.is_dir():
            path.rmdir()
    write_set(folder, "one", 1, **fields)
    if picture is not None:
        (folder / "one" / "images" / "0.png").write_bytes(picture)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.booleans(), st.floats(-25, 25), st.floats(-25, 25))
def test_what_is_seen_stays_under_its_keypoint(folder: Path, seed: int, flip: bool, x: float, y: float) -> None:
    place = np.array([SIDE / 2 + x, SIDE / 2 + y])
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5  # pixel centres
    blob = 255 * np.exp(-((columns - place[0]) ** 2 + (rows - place[1]) ** 2) / (2 * WIDE**2))
    file = BytesIO()
    Image.fromarray(np.rint(blob).astype(np.uint8)).save(file, "PNG")
    openpose = np.zeros((1, 25, 3))
    openpose[0, 0] = (*place, 1)  # the nose, which is nobody's left or right
    middle = np.array([[SIDE / 2, SIDE / 2]])
    write_one(folder, file.getvalue(), center=middle, scale=np.array([SIDE / 200]), openpose=openpose)
    sample = augmented(folder, seed, flip)
    weights = sample.image[..., 0].astype(float)
    rows, columns = np.mgrid[:SIZE, :SIZE] + 0.5
    seen = np.array([(weights * columns).sum(), (weights * rows).sum()]) / weights.sum()
    labelled = (sample.keypoints_2d[0, :2].astype(float) + 1) * SIZE / 2
    assert np.abs(seen - labelled).max() < 0.1


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.booleans(), st.integers(0, 1000))
def test_projected_joints_stay_on_their_keypoints(
    folder: Path, body: BodyModel, seed: int, flip: bool, body_seed: int
) -> None:
    random = np.random.default_rng(body_seed)
    pose = random.normal(0, 0.25, (24, 3))
    pose[0] = np.array([np.pi, 0, 0]) + random.normal(0, 0.3, 3)
    betas = random.normal(0, 1, 10)
    truth = _joints(body, pose, betas)
    seen = project(truth, camera_to_translation(torch.tensor([[0.9, 0.05, 0.1]])))[0].double().numpy()
    pixels = np.ones((1, 49, 3))
    pixels[0, :, :2] = SIDE / 2 + seen * SIDE / 2
    middle, scale = np.array([[SIDE / 2, SIDE / 2]]), np.array([SIDE / 200])
    labels = {"center": middle, "scale": scale, "openpose": pixels[:, :25], "part": pixels[:, 25:]}
    write_one(folder, pose=pose.reshape(1, 72), shape=betas[None], **labels)
    sample = augmented(folder, seed, flip)
    draws = generator(seed)
    rotation, scaling = draws.uniform(-LIMITS["rotation"], LIMITS["rotation"]), draws.uniform(0.75, 1.25)
    found, keypoints = _joints(body, sample.pose, sample.betas), torch.from_numpy(sample.keypoints_2d)[None]
    points = scaling * keypoints[..., :2]  # a wider box moves no camera
    translation = fit_translation(found, points, keypoints[..., 2])
    error = (project(found, translation) - points).abs().max() / scaling * SIZE / 2
    assert error < 0.1
    # and the way back to the full picture
    upright = flip_sample(sample) if flip else sample
    crop = crops.crop_matrix(middle[0], SIDE * scaling, SIZE, rotation)
    inside = (upright.keypoints_2d[:, :2].astype(float) + 1) * SIZE / 2
    np.testing.assert_allclose(crops.transform(inside, np.linalg.inv(crop)), pixels[0, :, :2], atol=0.1)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.booleans())
def test_every_flip_twice_is_the_identity(seed: int, keep_confidences: bool) -> None:
    random = np.random.default_rng(seed)
    sample = Sample(
        image=random.integers(0, 256, (SIZE, SIZE, 3), np.uint8),
        keypoints_2d=random.normal(size=(49, 3)).astype(np.float32),
        joints_3d=random.normal(size=(24, 4)).astype(np.float32),
        pose=random.normal(size=(24, 3)),
        betas=random.normal(size=10),
        has_smpl=True,
        has_joints_3d=True,
        identity=(1, 2),
        parts=random.integers(0, 25, (8, 8), np.uint8),
        gender=2,
    )
    twice = flip_sample(flip_sample(sample, keep_confidences), keep_confidences)
    for field in dataclasses.fields(Sample):
        np.testing.assert_array_equal(getattr(twice, field.name), getattr(sample, field.name), err_msg=field.name)


def _joints(body: BodyModel, pose: np.ndarray, betas: np.ndarray) -> torch.Tensor:
    rotations = axis_angle_to_matrix(torch.tensor(np.asarray(pose), dtype=torch.float32).view(1, 24, 3))
    shape = torch.tensor(np.asarray(betas), dtype=torch.float32).view(1, 10)
    return body.joints(BodyParameters.from_rotations(rotations, shape)).joints
