"""Bodies from pictures: what the network sees, the frames of what comes back, order, batches and refusals."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_checkpoint import write_checkpoint

import rscnet
from rscnet.errors import UserError
from rscnet.person import PersonPrediction
from rscnet.predictor import Photo, Predictor

PHOTO = Path(__file__).parent / "data" / "coco" / "000000000785.jpg"
SKIER = [280.79, 44.73, 218.7, 346.68]
PARTLY_OUTSIDE = [-20.0, 300.0, 90.0, 180.0]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def predictor(checkpoint: Path) -> Predictor:
    return rscnet.Predictor.from_checkpoint(checkpoint, device="cpu")  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def people(predictor: Predictor) -> list[PersonPrediction]:
    return predictor.predict([PHOTO], [[SKIER, PARTLY_OUTSIDE]])[0]


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)


def same(a: PersonPrediction, b: PersonPrediction, tolerance: float = 1e-4) -> bool:
    return all(np.abs(getattr(a, name) - getattr(b, name)).max() < tolerance for name in ("body_pose", "camera"))


def test_shapes_and_rotations(people: list[PersonPrediction]) -> None:
    for person in people:
        assert person.vertices.shape == (6890, 3)
        assert person.joints.shape == (49, 3)
        assert person.keypoints_2d.shape == (49, 2)
        assert person.betas.shape == (10,)
        rotations = np.concatenate([person.global_orient[None], person.body_pose])
        np.testing.assert_allclose(rotations @ rotations.transpose(0, 2, 1), np.tile(np.eye(3), (24, 1, 1)), atol=1e-5)
    assert not same(*people, tolerance=1e-3)


def test_crop_is_square_about_the_box(people: list[PersonPrediction]) -> None:
    # 1.2 * 346.68 = 416.016; centre (390.14, 218.07)
    assert people[0].crop.tolist() == [182, 10, 416]
    # 1.2 * 180 = 216; centre (25, 390)
    assert people[1].crop.tolist() == [-83, 282, 216]
    assert [person.size for person in people] == [416, 216]
    assert people[1].box.tolist() == PARTLY_OUTSIDE


def test_keypoints_are_the_joints_seen_in_the_whole_picture(people: list[PersonPrediction]) -> None:
    for person in people:
        left, top, side = person.crop
        focal = 5000 * side / 224
        joints = person.joints.astype(np.float64)
        expected = focal * joints[:, :2] / joints[:, 2:] + [left + side / 2, top + side / 2]
        np.testing.assert_allclose(person.keypoints_2d, expected, atol=1e-2)


def test_mesh_lies_where_the_keypoints_are(predictor: Predictor, people: list[PersonPrediction]) -> None:
    for person in people:
        mesh = person.mesh(predictor.faces)
        nose = mesh.camera.project(mesh.vertices)[332, :2].numpy()
        np.testing.assert_allclose(nose, person.keypoints_2d[0], atol=1e-2)
        enlarged = person.mesh(predictor.faces, crop=(0, 0, 512))
        expected = (person.keypoints_2d[0] - person.crop[:2]) * 512 / person.size
        np.testing.assert_allclose(enlarged.camera.project(enlarged.vertices)[332, :2], expected, atol=2e-2)


def test_box_gives_what_its_crop_alone_gives(predictor: Predictor, noise: np.ndarray) -> None:
    # side 60 about (80, 60)
    person = predictor.predict([noise], [[[65, 35, 30, 50]]])[0][0]
    alone = predictor.predict([noise[30:90, 50:110]])[0][0]
    assert person.crop.tolist() == [50, 30, 60]
    assert alone.crop.tolist() == [0, 0, 60]
    assert same(person, alone, 1e-6)
    np.testing.assert_allclose(person.keypoints_2d, alone.keypoints_2d + [50, 30], atol=1e-3)


def test_without_boxes_the_whole_picture_is_one_square(predictor: Predictor, noise: np.ndarray) -> None:
    person = predictor.predict([noise])[0][0]
    assert person.crop.tolist() == [0, -20, 160]
    assert person.box.tolist() == [0, 0, 160, 120]
    square = np.concatenate([noise[:1].repeat(20, 0), noise, noise[-1:].repeat(20, 0)])
    assert same(person, predictor.predict([square])[0][0], 1e-6)


@pytest.mark.parametrize(
    ("longer_side", "size", "index"), [(100, 120, 0), (54, 65, 0), (50, 60, 1), (40, 48, 1), (30, 36, 2), (12, 14, 4)]
)
def test_scale_index_follows_the_true_size(
    predictor: Predictor, noise: np.ndarray, longer_side: float, size: int, index: int
) -> None:
    person = predictor.predict([noise], [[[20, 10, longer_side / 2, longer_side]]])[0][0]
    assert (person.size, person.scale_index) == (size, index)


def test_order_and_batches_do_not_matter(predictor: Predictor, noise: np.ndarray) -> None:
    boxes = [[[10, 10, 30, 60], [60, 20, 40, 80]], [], None, [[5, 5, 50, 70], [90, 30, 20, 40], [40, 40, 40, 40]]]
    images = [noise, noise, noise[::-1], noise[:, ::-1]]
    found = predictor.predict(images, boxes)
    assert [len(picture) for picture in found] == [2, 0, 1, 3]
    for size in (1, 2, 4):
        for a, b in zip(found, predictor.predict(images, boxes, batch_size=size), strict=True):
            assert [p.crop.tolist() for p in a] == [p.crop.tolist() for p in b]
            assert all(same(p, q) for p, q in zip(a, b, strict=True))
    alone = predictor.predict([images[3]], [boxes[3]])[0]
    assert all(same(p, q) for p, q in zip(found[3], alone, strict=True))


def test_long_lists_are_read_batch_by_batch(predictor: Predictor, noise: np.ndarray) -> None:
    read = []

    def photos() -> Iterator[Photo]:
        for i in range(6):
            read.append(i)
            yield noise, None

    results = predictor.predict_each(photos(), batch_size=2)
    next(results)
    assert read == [0, 1]
    assert len(list(results)) == 5


def test_arrays_of_a_person(people: list[PersonPrediction]) -> None:
    arrays = people[0].arrays()
    assert arrays["poses"].shape == (72,)
    angle = np.linalg.norm(arrays["poses"][:3])
    assert np.isclose(np.trace(people[0].global_orient), 1 + 2 * np.cos(angle), atol=1e-4)
    np.testing.assert_array_equal(arrays["trans"], people[0].translation)
    assert np.isclose(arrays["focal_length"], 5000 * 416 / 224)
    assert arrays["principal_point"].tolist() == [182 + 208, 10 + 208]
    assert arrays["joint_names"][0] == "nose"
    assert all(array.dtype != object for array in arrays.values())


def test_picture_file_and_its_bytes_agree(predictor: Predictor, tmp_path: Path, noise: np.ndarray) -> None:
    Image.fromarray(noise).save(tmp_path / "a.png")
    assert same(*(predictor.predict([image])[0][0] for image in (tmp_path / "a.png", noise)), 1e-6)


def test_gradients_are_off_and_training_mode_too(predictor: Predictor, noise: np.ndarray) -> None:
    assert same(*(predictor.predict([noise])[0][0] for _ in range(2)), 1e-7)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([[[0, 0, 10]]], r"picture 0: boxes\[0\]: expected four finite numbers"),
        ([[[0, 0, 10, 10], [500, 0, 10, 10]]], r"picture 0: boxes\[1\]: .* outside the picture of 160 x 120"),
        ([[[0, 0, 10, 10]]] * 2, "1 pictures but boxes for 2"),
    ],
)
def test_bad_boxes_are_refused(predictor: Predictor, noise: np.ndarray, boxes: list, message: str) -> None:
    with pytest.raises(UserError, match=message):
        predictor.predict([noise], boxes)


def test_bad_pictures_are_refused(predictor: Predictor, noise: np.ndarray) -> None:
    with pytest.raises(UserError, match="expected a list of pictures"):
        predictor.predict(noise)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="picture 0: expected RGB bytes"):
        predictor.predict([noise.astype(np.float32)])
    with pytest.raises(UserError, match="picture 0: expected RGB bytes"):
        predictor.predict([noise[:0]])
    with pytest.raises(UserError, match=r"gone\.jpg: there is no such picture"):
        predictor.predict(["gone.jpg"])
    with pytest.raises(UserError, match="picture 1: expected a file name or RGB bytes as a numpy array"):
        predictor.predict([noise, Image.fromarray(noise)])  # type: ignore[list-item]
    with pytest.raises(UserError, match="batch_size: expected at least 1, got 0"):
        predictor.predict([noise], batch_size=0)


@pytest.mark.parametrize("scale", [0, -1, math.nan, 1e6, "1"])
def test_scales_that_make_no_crop_are_refused(predictor: Predictor, scale: Any) -> None:
    with pytest.raises(UserError, match="box_scale: expected a number above 0 and up to 10"):
        Predictor(predictor.trained, box_scale=scale)


def test_pictures_and_boxes_may_be_arrays(predictor: Predictor, noise: np.ndarray) -> None:
    box = np.array([[[20, 10, 60, 80]]])
    by_array, by_list = (predictor.predict(*words)[0][0] for words in ((noise[None], box), ([noise], box.tolist())))  # type: ignore[arg-type]
    assert same(by_array, by_list, 1e-7)


def test_a_box_of_one_pixel_is_the_lowest_resolution(predictor: Predictor, noise: np.ndarray) -> None:
    [[person]] = predictor.predict([noise], [[[80, 60, 1, 1]]])
    [[small]] = predictor.predict([noise], [[[80, 60, 12, 12]]])
    assert person.scale_index == small.scale_index == len(predictor.trained.ranges) - 1
    assert np.isfinite(person.vertices).all() and np.isfinite(person.keypoints_2d).all()


def test_other_models_and_devices_are_refused(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(UserError, match=r"holds a DenseNet .* predicts no bodies"):
        Predictor.from_checkpoint(write_checkpoint(tmp_path, "dense_pretrain"))
    with pytest.raises(UserError, match="device: 'tpu9' is not available"):
        Predictor.from_checkpoint(checkpoint, device="tpu9")
    with pytest.raises(UserError, match="no file, no run folder and no shipped weights"):
        Predictor.from_checkpoint("nothing_like_it")


def test_onnxruntime_sees_the_same_people(checkpoint, people, tmp_path, monkeypatch) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    # the focused look has edges, where the last bit may decide a cell of an outline
    slow, fast = (
        Predictor.from_checkpoint(checkpoint, "cpu", onnx=x, focus=False, reframe=False) for x in (None, tmp_path)
    )
    wanted, found = (predictor.predict([PHOTO], [[SKIER, PARTLY_OUTSIDE]])[0] for predictor in (slow, fast))
    assert all(same(a, b) for a, b in zip(found, wanted, strict=True))
    focused = Predictor.from_checkpoint(checkpoint, "cpu", onnx=tmp_path).predict([PHOTO], [[SKIER, PARTLY_OUTSIDE]])[0]
    assert all(np.abs(a.vertices - b.vertices).max() < 0.05 for a, b in zip(focused, people, strict=True))
    [file] = tmp_path.iterdir()
    made = file.stat().st_mtime_ns
    [estimates] = Predictor.from_checkpoint(checkpoint, "cpu", onnx=tmp_path).estimate_each([(PHOTO, [SKIER])])
    assert estimates.prediction.feature.shape[0] == 1
    assert [path.stat().st_mtime_ns for path in tmp_path.iterdir()] == [made]
    monkeypatch.setattr("rscnet.predictor._device", lambda name: torch.device("cuda"))
    with pytest.raises(UserError, match="onnx runs on the CPU"):
        Predictor.from_checkpoint(checkpoint, onnx=tmp_path)


def test_the_mirror_counts_half(checkpoint: Path, noise: np.ndarray) -> None:
    once, twice = (
        Predictor.from_checkpoint(checkpoint, "cpu", mirror=mirror, focus=False, reframe=False)
        for mirror in (False, True)
    )
    [[plain]], [[mean]], [[reflected]] = (
        predictor.predict([picture]) for predictor, picture in ((once, noise), (twice, noise), (once, noise[:, ::-1]))
    )
    assert not np.allclose(plain.betas, reflected.betas, atol=1e-5)
    np.testing.assert_allclose(mean.betas, (plain.betas + reflected.betas) / 2, atol=1e-5)
    usual = Predictor.from_checkpoint(checkpoint, "cpu")
    assert usual.mirror and usual.focus and usual.reframe
    [[again]] = usual.predict([noise])
    assert not np.allclose(again.betas, mean.betas, atol=1e-5)


def test_a_picture_without_people_is_estimated_too(predictor: Predictor, noise: np.ndarray) -> None:
    [estimates] = predictor.estimate_each([(noise, [])])
    assert len(estimates.crops) == 0 and len(estimates.prediction.feature) == 0
