"""Annotation files in SPIN's format: fields, masks, geometry, messages, and a run of the entrypoint on a tiny set."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from spin_sets import HEIGHT, WIDTH, annotations, write_set

from rscnet.body import BodyModel
from rscnet.data import crops
from rscnet.data.augmentation import Augmentation, flip_sample
from rscnet.data.image_stores import write_pack
from rscnet.data.keys import generator
from rscnet.data.spin import SpinAnnotations
from rscnet.data.views import draw_sample
from rscnet.errors import UserError
from rscnet.geometry.cameras import camera_to_translation, fit_translation, project
from rscnet.geometry.rotations import axis_angle_to_matrix
from rscnet.joints import TRAINING_49_FLIP
from rscnet.run import main
from rscnet.structures import BodyParameters

SIZE = 64


def test_a_sample_as_annotated(tmp_path: Path) -> None:
    write_set(tmp_path, "tiny", 4)
    fields, source = annotations(4), SpinAnnotations(tmp_path, "tiny", SIZE, dataset=3)
    assert len(source) == 4
    sample = source[2]
    side = 200 * fields["scale"][2]
    pixels = np.concatenate([fields["openpose"][2], fields["part"][2]])
    expected = (pixels[:, :2] - fields["center"][2]) * 2 / side  # [-1, 1] over the box
    np.testing.assert_allclose(sample.keypoints_2d[:, :2], expected, atol=1e-5)
    np.testing.assert_allclose(sample.keypoints_2d[:, 2], pixels[:, 2], atol=1e-6)
    np.testing.assert_allclose(sample.joints_3d, fields["S"][2], atol=1e-6)
    np.testing.assert_allclose(sample.pose.ravel(), fields["pose"][2], atol=1e-6)
    np.testing.assert_allclose(sample.betas, fields["shape"][2], atol=1e-6)
    assert (sample.has_smpl, sample.has_joints_3d, sample.identity) == (True, True, (3, 2))
    assert sample.image.shape == (SIZE, SIZE, 3)
    np.testing.assert_array_equal(sample.image[SIZE // 2, SIZE // 2], [25, 100, 200])


def test_sets_under_the_names_that_spin_gives_them(tmp_path: Path) -> None:
    write_set(tmp_path, "h36m_train", 3)
    assert len(SpinAnnotations(tmp_path, "h36m_train_protocol1", SIZE)) == 3
    write_set(tmp_path, "h36m_train_protocol1", 2)
    assert len(SpinAnnotations(tmp_path, "h36m_train_protocol1", SIZE)) == 2


def test_absent_fields_are_masked(tmp_path: Path) -> None:
    absent = dict.fromkeys(("openpose", "part", "pose", "shape", "has_smpl", "S", "gender", "maskname", "partname"))
    write_set(tmp_path, "bare", 2, **absent)
    sample = SpinAnnotations(tmp_path, "bare", SIZE)[1]
    assert not sample.has_smpl and not sample.has_joints_3d
    assert not sample.keypoints_2d[:, 2].any() and not sample.joints_3d.any()
    write_set(tmp_path, "half", 2, has_smpl=np.array([0, 1]))
    assert [SpinAnnotations(tmp_path, "half", SIZE)[i].has_smpl for i in range(2)] == [False, True]
    weak = SpinAnnotations(tmp_path, "half", SIZE, ignore_3d=True)[1]
    assert not weak.has_smpl and not weak.has_joints_3d
    assert len(SpinAnnotations(tmp_path, "half", SIZE, length=1)) == 1
    write_set(tmp_path, "unsaid", 2, has_smpl=None)
    assert SpinAnnotations(tmp_path, "unsaid", SIZE)[0].has_smpl


def test_rounded_keypoints(tmp_path: Path) -> None:
    write_set(tmp_path, "tiny", 2)
    exact = SpinAnnotations(tmp_path, "tiny", SIZE)[0].keypoints_2d
    rounded = SpinAnnotations(tmp_path, "tiny", SIZE, round_keypoints=True)[0].keypoints_2d
    pixels = (exact[:, :2].astype(np.float64) + 1) * SIZE / 2
    np.testing.assert_allclose((rounded[:, :2] + 1) * SIZE / 2, np.trunc(pixels) + 1, atol=1e-4)


def test_cropped_pictures_give_the_same_crop(tmp_path: Path) -> None:
    """The released code's pictures are boxes; annotations stay in the full picture."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    smooth = np.stack([2 * columns, 3 * rows, rows + columns], -1).astype(np.uint8)

    def png(image: np.ndarray) -> bytes:
        file = BytesIO()
        Image.fromarray(image).save(file, "PNG")
        return file.getvalue()

    write_set(tmp_path, "tiny", 1, center=np.array([[45.0, 35.0]]), scale=np.array([0.32]))
    (tmp_path / "tiny" / "images" / "0.png").write_bytes(png(smooth))
    full = SpinAnnotations(tmp_path, "tiny", SIZE)
    upright = full[0]
    write_pack(tmp_path / "tiny.rscpack", [png(upright.image)], ["images/0.png"], cropped=True)
    boxes = SpinAnnotations(tmp_path, "tiny", SIZE, rotation=30.0)
    np.testing.assert_array_equal(boxes[0].image, upright.image)
    turned = boxes.sample(0, generator(2))
    expected = SpinAnnotations(tmp_path, "tiny", SIZE, images=full._images, rotation=30.0).sample(0, generator(2))
    np.testing.assert_array_equal(turned.keypoints_2d, expected.keypoints_2d)
    inside = slice(16, 48)
    difference = turned.image[inside, inside].astype(int) - expected.image[inside, inside]
    assert np.abs(difference).max() <= 3
    assert np.abs(turned.image[inside, inside].astype(int) - upright.image[inside, inside]).max() > 5


@pytest.fixture(scope="module")
def augmented(tmp_path_factory: pytest.TempPathFactory) -> SpinAnnotations:
    folder = tmp_path_factory.mktemp("augmented")
    write_set(folder, "tiny", 2)
    return SpinAnnotations(folder, "tiny", SIZE, rotation=30.0, scale=0.25)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.booleans(), st.integers(0, 1))
def test_the_way_back_through_crop_augmentation_and_flip(augmented, seed: int, flip: bool, index: int) -> None:
    sample = augmented.sample(index, generator(seed))
    sample = flip_sample(flip_sample(flip_sample(sample))) if flip else sample
    random = generator(seed)
    rotation, scale = random.uniform(-30, 30), random.uniform(0.75, 1.25)
    keypoints = flip_sample(sample).keypoints_2d if flip else sample.keypoints_2d
    pixels = (keypoints[:, :2].astype(np.float64) + 1) * SIZE / 2
    back = crops.transform(pixels, np.linalg.inv(augmented.crop_matrix(index, rotation, scale)))
    fields = annotations(2)
    np.testing.assert_allclose(
        back, np.concatenate([fields["openpose"][index], fields["part"][index]])[:, :2], atol=0.1
    )


def test_augmentation_is_keyed_and_off_by_default(augmented, tmp_path: Path) -> None:
    one, again, other = (augmented.sample(0, generator(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.keypoints_2d, again.keypoints_2d)
    assert np.abs(one.keypoints_2d - other.keypoints_2d).max() > 0.01
    write_set(tmp_path, "tiny", 1)
    random = generator(1)
    plain = SpinAnnotations(tmp_path, "tiny", SIZE)
    np.testing.assert_array_equal(draw_sample(plain, 0, random).keypoints_2d, plain[0].keypoints_2d)
    assert random.random() == generator(1).random()


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_the_posed_body_stays_on_its_keypoints(tmp_path: Path, flip: float) -> None:
    """Turned and mirrored labels pose a body that projects onto the turned and mirrored keypoints."""
    body, random = BodyModel.embedded(), np.random.default_rng(1)
    pose = random.normal(0, 0.25, (1, 24, 3))
    pose[0, 0] = [3.0, 0.3, -0.2]
    betas = random.normal(0, 1, (1, 10))

    def joints(pose: np.ndarray, betas: np.ndarray) -> torch.Tensor:
        rotations = axis_angle_to_matrix(torch.tensor(pose, dtype=torch.float32).view(1, 24, 3))
        return body.joints(
            BodyParameters.from_rotations(rotations, torch.tensor(betas, dtype=torch.float32).view(1, 10))
        ).joints

    truth = joints(pose, betas)
    seen = project(truth, camera_to_translation(torch.tensor([[0.9, 0.05, 0.1]])))[0].double().numpy()
    center, scale = np.array([[45.0, 35.0]]), np.array([0.5])
    pixels = np.ones((1, 49, 3))
    pixels[0, :, :2] = center + seen * 100 * scale
    labels = np.concatenate([truth[:, 25:].numpy(), np.ones((1, 24, 1))], -1)
    rows = {"center": center, "scale": scale, "openpose": pixels[:, :25], "part": pixels[:, 25:], "S": labels}
    write_set(tmp_path, "one", 1, pose=pose.reshape(1, 72), shape=betas, **rows)
    source = SpinAnnotations(tmp_path, "one", SIZE, rotation=60.0)
    draws = generator(4)
    sample = Augmentation(flip).geometric(source.sample(0, draws), draws)
    assert np.abs(sample.keypoints_2d[:, :2] - seen).max() > 0.2
    found = joints(sample.pose, sample.betas)
    keypoints = torch.from_numpy(sample.keypoints_2d)[None]
    translation = fit_translation(found, keypoints[..., :2], keypoints[..., 2])
    error = (project(found, translation) - keypoints[..., :2]).abs().max() * SIZE / 2
    assert error < 0.1
    # any origin: the labels turn about the camera, the body about its pelvis
    labelled, posed = sample.joints_3d[:, :3], found[0, 25:].numpy()
    np.testing.assert_allclose(labelled - labelled.mean(0), posed - posed.mean(0), atol=2e-3)


def test_confidences_follow_their_joints_when_mirrored(augmented) -> None:
    sample = augmented[0]
    np.testing.assert_array_equal(flip_sample(sample).keypoints_2d[:, 2], sample.keypoints_2d[TRAINING_49_FLIP, 2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"center": None, "imgname": None}, "imgname, center: missing"),
        ({"center": np.zeros((3, 2))}, r"center: expected shape \(4, 2\), .*got \(3, 2\)"),
        ({"part": np.zeros((4, 25, 3))}, r"part: expected shape \(4, 24, 3\), .*got \(4, 25, 3\)"),
        ({"gender": np.array(["m"] * 5)}, r"gender: expected shape \(4,\)"),
        ({"pose": np.full((4, 72), np.nan)}, "pose: expected finite numbers, row 0"),
        ({"scale": np.array([0.3, 0.3, 0.0, 0.3])}, "scale: expected values above zero, row 2 is 0.0"),
        ({"shape": np.array([[None] * 10] * 4)}, "shape: expected numbers, got object"),
        ({"S": np.array([["x"]])}, "S: expected numbers, got <U1"),
        ({"imgname": np.arange(4)}, "imgname: expected texts, got int64"),
        ({"imgname": np.array([], "U1")}, "imgname: has no rows"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, changes: dict, message: str) -> None:
    write_set(tmp_path, "wrong", 4, **changes)
    with pytest.raises(UserError, match=rf"wrong\.npz: {message}"):
        len(SpinAnnotations(tmp_path, "wrong", SIZE))


def test_wrong_files_and_settings(tmp_path: Path) -> None:
    write_set(tmp_path, "tiny", 2)
    (tmp_path / "tiny.npz").write_bytes(b"PK nothing")
    with pytest.raises(UserError, match=r"tiny\.npz: cannot be read as an npz"):
        SpinAnnotations(tmp_path, "tiny", SIZE)[0]
    with pytest.raises(UserError, match=r"paths\.data: not set"):
        SpinAnnotations(None, "tiny", SIZE).prepare()
    assert [line.split(": ")[1][:20] for line in SpinAnnotations(tmp_path, "gone", SIZE).missing()] == [
        "no such annotation f",
        "no pictures of gone;",
    ]
    for wrong in ({"rotation": -1.0}, {"scale": 1.0}, {"length": 0}):
        with pytest.raises(UserError, match="tiny: expected rotation >= 0"):
            SpinAnnotations(tmp_path, "tiny", SIZE, **wrong)
    with pytest.raises(IndexError):
        write_set(tmp_path, "two", 2)
        assert SpinAnnotations(tmp_path, "two", SIZE).labelled.tolist() == [True, True]
        assert SpinAnnotations(tmp_path, "two", SIZE, ignore_3d=True).labelled.tolist() == [False, False]
        SpinAnnotations(tmp_path, "two", SIZE)[2]


def test_all_missing_files_are_told_at_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["task=check", "experiment=hr_baseline", "preset=smoke", "data=spin_mix", f"paths.output={tmp_path}"]
    with pytest.raises(SystemExit):
        main(words)
    assert capsys.readouterr().err.splitlines()[0].startswith("error: paths.data: not set")
    with pytest.raises(SystemExit):
        main([*words, f"paths.data={tmp_path}"])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 14  # annotations and pictures of six training sets and of the test set
    for name in ("h36m_train_protocol1", "hr-lspet_train", "3dpw_test"):
        assert f"error: {tmp_path / name}.npz: no such annotation file; get " in "\n".join(lines)


def test_a_run_on_a_tiny_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = write_set(tmp_path, "tiny", 6)
    names = [str(name) for name in annotations(6)["imgname"]]
    write_pack(tmp_path / "tiny.rscpack", pictures, names, cropped=False)
    sets = ["data=spin", f"paths.data={tmp_path}", *(f"data.{split}.name=tiny" for split in ("train", "val", "test"))]
    words = ["preset=smoke", f"paths.output={tmp_path / 'out'}", "evaluation.panel_samples=1", *sets]
    two_steps = [
        "curriculum.batch_scale=1",
        *(f"curriculum.stages.stage0.{key}" for key in ("batch_size=3", "epochs=1")),
    ]
    turned = ["data.train.rotation=30", "data.train.scale=0.25"]
    main(["experiment=hr_baseline", *words, *two_steps, *turned])
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note: ")]
    assert [line.split(": ")[1] for line in notes] == ["data.train", "data.val", "data.test"]
    assert all("6 bodies of tiny are SMPL's, body=embedded has other proportions" in line for line in notes)
    (folder,) = {path.parent for path in (tmp_path / "out").glob("*/*/*/seed*/result.json")}
    main(["task=evaluate", f"checkpoint={folder}", f"output={tmp_path / 'again'}", *words])
    assert (tmp_path / "again" / "result.json").exists()
