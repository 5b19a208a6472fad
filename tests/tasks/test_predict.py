"""The predict task from command line to files: everything named is written, and nothing is lost to one bad picture."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from tiny_checkpoint import write_checkpoint

from rscnet.config.compose import compose
from rscnet.data.images import read_image
from rscnet.run import main
from rscnet.tasks.predict_pictures import folder_names

COCO = Path(__file__).parents[1] / "data" / "coco"
FILES = {"overlay.png", "side.png", "turntable_000.png", "turntable_001.png", "mesh.obj", "mesh.glb", "parameters.npz"}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("weights"))


def predict(checkpoint: Path, source: Path, output: Path, *words: str) -> None:
    small = ["preset=smoke", "prediction.picture_size=48", "texture=none"]
    main(["task=predict", *small, f"checkpoint={checkpoint}", f"input={source}", f"output={output}", *words])


def small_picture(path: Path) -> None:
    Image.fromarray(np.full((30, 20, 3), 120, np.uint8)).save(path)


def test_everything_is_written_and_loads(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads((COCO / "person_keypoints_785.json").read_text())
    content["annotations"].append({"id": 5, "image_id": 785, "category_id": 1, "bbox": [10, 380, 20, 60]})
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    photo, output = COCO / "000000000785.jpg", tmp_path / "out"
    predict(checkpoint, photo, output, f"boxes={tmp_path / 'boxes.json'}", "prediction.turntable=2")

    summary = json.loads((output / "summary.json").read_text())
    (entry,) = summary["images"]
    assert (entry["width"], entry["height"]) == (640, 425)
    assert [(p["annotation_id"], p["size"], p["scale_index"]) for p in entry["people"]] == [
        (442619, 416, 0),
        (5, 72, 0),
    ]
    assert summary["skipped"] == summary["failed"] == []
    assert summary["packages"]["torch"]
    listed = {file for person in entry["people"] for file in person["files"]} | {entry["overlay"], "summary.json"}
    assert listed == {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}

    for person in ("person_0", "person_1"):
        folder = output / "000000000785" / person
        assert {path.name for path in folder.iterdir()} == FILES
        with np.load(folder / "parameters.npz") as saved:
            assert saved["poses"].shape == (72,)
            assert saved["vertices"].shape == (6890, 3)
        for mesh in (trimesh.load(folder / "mesh.obj", process=False), trimesh.load(folder / "mesh.glb", force="mesh")):
            # as tall as the body, upright, about the origin
            low, high = mesh.bounds  # type: ignore[union-attr]
            height = np.ptp(saved_vertices(folder)[:, 1])
            np.testing.assert_allclose(low + high, 0, atol=1e-4)
            assert np.isclose(high[1] - low[1], height, atol=1e-4)
        for name in ("overlay.png", "side.png", "turntable_000.png"):
            with Image.open(folder / name) as picture:
                assert (picture.mode, picture.size) == ("RGB", (48, 48))
    with Image.open(output / entry["overlay"]) as picture:
        drawn = np.asarray(picture).astype(int)
    with Image.open(photo) as picture:
        changed = np.abs(drawn - np.asarray(picture)).sum(-1) > 0
    rows, columns = changed.nonzero()
    assert columns[rows < 300].min() >= 182  # the skier's body, in their crop only
    assert columns.max() <= 182 + 416
    assert changed[380:, :60].any()  # the other one
    assert "2 people in 1 picture; written:" in capsys.readouterr().out


def saved_vertices(folder: Path) -> np.ndarray:
    with np.load(folder / "parameters.npz") as saved:
        return saved["vertices"]


def test_one_bad_picture_does_not_lose_the_others(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "[photos]", tmp_path / "out"
    source.mkdir()
    for name in ("a.png", "a.bmp", "c.png"):
        small_picture(source / name)
    (source / "b.jpg").write_bytes(b"\xff\xd8\xff broken")
    with pytest.raises(SystemExit) as caught:
        predict(checkpoint, source, output)
    assert caught.value.code == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert errors[0].startswith(f"error: {source / 'b.jpg'}: damaged or no picture")
    summary = json.loads((output / "summary.json").read_text())
    assert [Path(entry["image"]).name for entry in summary["images"]] == ["a.bmp", "a.png", "c.png"]
    assert [Path(entry["image"]).name for entry in summary["failed"]] == ["b.jpg"]
    assert {path.name for path in output.iterdir()} == {"a.bmp", "a.png", "c", "summary.json"}


def test_pictures_without_boxes_are_skipped_and_listed(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, boxes = tmp_path / "photos", tmp_path / "boxes.json"
    source.mkdir()
    for name in ("a.png", "b.png"):
        small_picture(source / name)
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "elsewhere.png"}]
    boxes.write_text(json.dumps({"images": images, "annotations": [{"id": 1, "image_id": 1, "bbox": [0, 0, 20, 30]}]}))
    predict(checkpoint, source, tmp_path / "out", f"boxes={boxes}")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [Path(entry["image"]).name for entry in summary["skipped"]] == ["b.png"]
    assert [Path(entry["image"]).name for entry in summary["images"]] == ["a.png"]
    assert "b.png: skipped" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        predict(checkpoint, source / "b.png", tmp_path / "none", f"boxes={boxes}")
    assert "expected the names of its pictures in images.file_name and annotations of people" in capsys.readouterr().err


def test_boxes_given_as_two_corners_are_remarked_upon(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, boxes = tmp_path / "a.png", tmp_path / "boxes.json"
    small_picture(picture)
    width, height = read_image(picture).shape[1::-1]
    corners = [0.6 * width, 0.2 * height, 0.9 * width, 0.7 * height]
    images = [{"id": 1, "file_name": "a.png"}]
    boxes.write_text(json.dumps({"images": images, "annotations": [{"id": 1, "image_id": 1, "bbox": corners}]}))
    predict(checkpoint, picture, tmp_path / "out", f"boxes={boxes}")
    assert "1 box ends far beyond the picture; expected [left, top, width, height]" in capsys.readouterr().out


def test_pictures_of_other_kinds_are_told(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "photos"
    source.mkdir()
    small_picture(source / "a.png")
    (source / "b.heic").write_bytes(b"of a telephone")
    predict(checkpoint, source, tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [Path(entry["image"]).name for entry in summary["skipped"]] == ["b.heic"]
    assert "b.heic: skipped, .heic is not read in a folder; expected .bmp" in capsys.readouterr().out


def test_boxes_of_a_smaller_picture_fail_that_picture(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(COCO / "person_keypoints_785.json", tmp_path / "boxes.json")
    small_picture(tmp_path / "000000000785.png")
    (tmp_path / "000000000785.png").rename(tmp_path / "000000000785.jpg")
    with pytest.raises(SystemExit):
        predict(checkpoint, tmp_path / "000000000785.jpg", tmp_path / "out", f"boxes={tmp_path / 'boxes.json'}")
    assert "width and height say 640 x 425, but the picture has 20 x 30" in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["images"] == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["checkpoint=null"], "checkpoint: missing; expected checkpoint=<file | run folder | name>"),
        (["input=null"], "input: missing; expected input=<picture | folder of pictures | video>"),
        (["input=nowhere.jpg"], "input: no such file or folder: nowhere.jpg"),
        (["boxes=nowhere.json"], "boxes: no such file or folder: nowhere.json"),
        (["prediction.one_person=true", "texture=none"], "prediction.one_person: fuses textures, but"),
    ],
)
def test_missing_words_are_one_line(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        predict(checkpoint, COCO / "000000000785.jpg", tmp_path / "out", *words)
    assert caught.value.code == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert errors[0].startswith(f"error: {message}")
    assert not (tmp_path / "out").exists()


def test_output_that_is_a_file_is_refused(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(SystemExit):
        predict(checkpoint, COCO / "000000000785.jpg", tmp_path / "out")
    assert f"error: output: cannot write into {tmp_path / 'out'}" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("name", ["é (1), [2].jpg", "x=y {z}.png", "it's #1.png", "${a}.png", "a b & c.png", "12"])
def test_names_of_files_are_taken_as_they_are(name: str) -> None:
    assert compose(["task=predict", "preset=smoke", f"input={name}"]).input == name
    assert compose(["task=predict", "preset=smoke", f"input=~/{name}"]).input == str(Path.home() / name)


def test_folder_names_never_collide() -> None:
    paths = [Path(name) for name in ("a.png", "A.jpg", "b.png", "b.png.jpg", "c.tar.png", "summary.json.png")]
    assert list(folder_names(paths).values()) == ["a.png", "A.jpg", "b", "b.png.jpg", "c.tar", "summary.json.png"]
