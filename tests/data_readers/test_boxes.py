"""Boxes of COCO files: what is read, what is passed over, and how every mistake is named."""

import copy
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rscnet.data.boxes import BoxFile, box_problem, overhangs
from rscnet.errors import UserError

COCO = Path(__file__).parents[1] / "data" / "coco" / "person_keypoints_785.json"
CONTENT: dict[str, Any] = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 50}, {"id": 2, "file_name": "b.jpg"}],
    "annotations": [
        {"id": 10, "image_id": 1, "bbox": [10, 5, 20, 30]},
        {"id": 11, "image_id": 1, "bbox": [-5, 30, 20, 40.5]},
        {"id": 12, "image_id": 1, "bbox": [], "iscrowd": 1},
    ],
}


def written(folder: Path, content: object) -> Path:
    path = folder / "boxes.json"
    path.write_text(json.dumps(content))
    return path


def test_coco_sample() -> None:
    found = BoxFile(COCO).of(Path("/photos/000000000785.jpg"))
    assert found is not None
    (person,) = found.people
    assert person.annotation_id == 442619
    assert person.box == (280.79, 44.73, 218.7, 346.68)
    assert person.keypoints is not None
    np.testing.assert_array_equal(person.keypoints[[0, 16]], [[367, 81, 2], [396, 341, 2]])


def test_people_of_each_picture_without_crowds(tmp_path: Path) -> None:
    boxes = BoxFile(written(tmp_path, CONTENT))
    first, second = boxes.of(Path("a.jpg")), boxes.of(Path("x/b.jpg"))
    assert first is not None
    assert second is not None
    assert [person.box for person in first.people] == [(10, 5, 20, 30), (-5, 30, 20, 40.5)]
    assert second.people == []
    assert boxes.of(Path("c.jpg")) is None


def test_files_of_other_programs(tmp_path: Path) -> None:
    content = copy.deepcopy(CONTENT) | {"categories": [{"id": 1, "name": "Person"}]}
    content["images"][0] |= {"id": "1", "width": 100.0}
    content["images"][1] |= {"width": None}
    for entry in content["annotations"]:
        entry["category_id"] = 1
    del content["annotations"][1]["id"]
    path = tmp_path / "boxes.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(content).encode())
    found = BoxFile(path).of(Path("a.jpg"))
    assert found is not None and (found.width, found.height) == (100, 50)
    assert [person.annotation_id for person in found.people] == [10, 1]


def test_only_people_where_categories_are_named(tmp_path: Path) -> None:
    content = copy.deepcopy(CONTENT)
    content["categories"] = [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]
    content["annotations"][0]["category_id"] = 1
    content["annotations"][1]["category_id"] = 18
    found = BoxFile(written(tmp_path, content)).of(Path("a.jpg"))
    assert found is not None
    assert [person.annotation_id for person in found.people] == [10]
    content["categories"] = [{"id": 18, "name": "dog"}]
    with pytest.raises(UserError, match="categories: none is named 'person'"):
        BoxFile(written(tmp_path, content))


def test_entry_with_the_longest_common_end_is_taken(tmp_path: Path) -> None:
    names = ["left/1.png", "right/1.png"]
    content = {"images": [{"id": i, "file_name": name} for i, name in enumerate(names)], "annotations": []}
    boxes = BoxFile(written(tmp_path, content))
    found = boxes.of(Path("/data/right/1.png"))
    assert found is not None
    assert found.file_name == "right/1.png"
    with pytest.raises(UserError, match=r"left/1\.png, right/1\.png could all be"):
        boxes.of(Path("/data/1.png"))


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("annotations", 0, "bbox"), [1, 2, 3], r"annotations\[0\] \(id 10\): bbox: expected four finite numbers"),
        (("annotations", 0, "bbox"), "1234", "bbox: expected four finite numbers"),
        (("annotations", 0, "bbox"), [1, 2, math.nan, 4], "bbox: expected four finite numbers"),
        (("annotations", 0, "bbox"), [1, 2, True, 4], "bbox: expected four finite numbers"),
        (("annotations", 1, "bbox"), [1, 2, 0, 4], r"\(id 11\): bbox: expected a width and a height above zero"),
        (("annotations", 0, "bbox"), [100, 2, 5, 4], "bbox: .* lies outside the picture of 100 x 50"),
        (("annotations", 0, "bbox"), [0, 0, 900, 40], "bbox: .* far larger than the picture"),
        (("annotations", 0, "image_id"), 7, "image_id: expected the id of one of `images`, got 7"),
        (("annotations", 0, "id"), "x", "id: expected a whole number, got 'x'"),
        (("annotations", 0, "keypoints"), [1.0] * 50, "keypoints: expected 51 finite numbers"),
        (("annotations", 0), 5, r"annotations\[0\]: expected an object"),
        (("images", 1, "id"), 1, r"images\[1\]\.id: 1 occurs twice"),
        (("images", 1, "file_name"), None, r"images\[1\]\.file_name: expected a text, got None"),
        (("images", 0, "width"), -3, r"images\[0\]\.width: expected a whole number above zero"),
        (("images",), {}, "images: expected a list"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, place: tuple[Any, ...], value: object, message: str) -> None:
    content = copy.deepcopy(CONTENT)
    node: Any = content
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    with pytest.raises(UserError, match=rf"boxes\.json: .*{message}"):
        BoxFile(written(tmp_path, content))


def test_missing_parts_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"annotations: expected a list .*, it is missing"):
        BoxFile(written(tmp_path, {"images": []}))
    with pytest.raises(UserError, match=r"expected an object with `images` and `annotations` .*, got a list"):
        BoxFile(written(tmp_path, [{"image_id": 1, "bbox": [1, 2, 3, 4]}]))
    (tmp_path / "boxes.json").write_text("{'images': []}")
    with pytest.raises(UserError, match=r"boxes\.json: no valid JSON"):
        BoxFile(tmp_path / "boxes.json")
    with pytest.raises(UserError, match="no such file"):
        BoxFile(tmp_path / "gone.json")


def test_all_mistakes_are_listed_up_to_a_number(tmp_path: Path) -> None:
    content = copy.deepcopy(CONTENT)
    content["annotations"] = [{"id": i, "image_id": 1} for i in range(10)]
    with pytest.raises(UserError) as caught:
        BoxFile(written(tmp_path, content))
    lines = str(caught.value).splitlines()
    assert len(lines) == 9
    assert lines[7].endswith("annotations[7] (id 7): bbox: missing, expected [left, top, width, height] in pixels")
    assert lines[8].endswith("and 2 more")


def test_a_picture_without_a_name_is_told_once(tmp_path: Path) -> None:
    content = copy.deepcopy(CONTENT)
    del content["images"][0]["file_name"]
    with pytest.raises(UserError) as caught:
        BoxFile(written(tmp_path, content))
    (line,) = str(caught.value).splitlines()
    assert "images[0].file_name: expected a text" in line


def test_boxes_of_another_version_of_the_picture_are_refused(tmp_path: Path) -> None:
    entry = BoxFile(written(tmp_path, CONTENT)).of(Path("a.jpg"))
    assert entry is not None
    entry.check(100, 50)
    with pytest.raises(UserError, match="say 100 x 50, but the picture has 50 x 100"):
        entry.check(50, 100)


def test_box_may_reach_beyond_the_picture() -> None:
    assert box_problem((-5, -5, 20, 70), 100, 50) is None
    assert box_problem(np.array([0.5, 1, 2, 3]), 100, 50) is None
    assert box_problem((-20, 0, 20, 10), 100, 50) is not None


@pytest.mark.parametrize(
    ("box", "expected"),
    [((60, 0, 50, 30), False), ((60, 0, 51, 30), True), ((0, 30, 10, 25), False), ((0, 30, 10, 26), True)],
)
def test_boxes_that_may_be_two_corners(box: tuple[float, float, float, float], expected: bool) -> None:
    assert overhangs(box, 100, 50) is expected
