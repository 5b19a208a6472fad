import json
from pathlib import Path
from typing import Any

import pytest

from rscnet.errors import UserError
from rscnet.video.tracks import read_tracks


def write(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_mot_text(tmp_path: Path) -> None:
    lines = "# seen\n1,7,10,20,5,15,1,-1,-1,-1\n3,7,12,20,5,15\n2 4 1 2 3 4\n\n2,-1,50,50,4,9,0.8\n"
    found = read_tracks(write(tmp_path / "gt.txt", lines), 100, 80)
    assert [track.id for track in found.tracks] == [4, 7]
    assert found.tracks[1].boxes == {0: (10, 20, 5, 15), 2: (12, 20, 5, 15)}
    assert found.loose == {1: [(50, 50, 4, 9)]}
    assert found.skipped == []


def test_mot_texts_of_other_programs(tmp_path: Path) -> None:
    counted_from_0 = write(tmp_path / "a.txt", "frame,id,x,y,w,h\n0,1.0,10.5,20,5,15,0.9\n1,1.0,11,20,5,15,0.0\n")
    found = read_tracks(counted_from_0, 100, 80)
    assert found.tracks[0].boxes == {0: (10.5, 20, 5, 15), 1: (11, 20, 5, 15)}
    assert len(found.skipped) == 1 and "line 1" in found.skipped[0]
    spreadsheet = tmp_path / "b.txt"
    spreadsheet.write_bytes(b"\xef\xbb\xbf1;1;10;20;5;15\r\n2;1;11;20;5;15\r\n")
    assert list(read_tracks(spreadsheet, 100, 80).tracks[0].boxes) == [0, 1]


def test_the_truth_of_mot_says_what_counts(tmp_path: Path) -> None:
    lines = "1,1,10,20,5,15,1,1,1.0\n1,2,30,20,9,9,0,3,1.0\n2,1,10,20,5,15,1,1,0.4\n"
    found = read_tracks(write(tmp_path / "gt.txt", lines), 100, 80)
    assert [(track.id, list(track.boxes)) for track in found.tracks] == [(1, [0, 1])]
    assert "1 boxes that its seventh column says not to count" in found.skipped[0]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1,2,300,20,5,15", "lies outside the picture of 100 x 80"),
        ("-1,2,10,20,5,15", "frames from 1"),
        ("1,2,10,20", "expected frame, id, left"),
        ("1,2,10,20,five,15", "expected frame, id, left"),
        ("1,2,10,20,0,15", "a width and a height above zero"),
        ("1,1,11,20,5,15", "person 1 has another box in the same frame"),
    ],
)
def test_a_line_that_makes_no_sense_is_named_and_the_others_used(tmp_path: Path, line: str, reason: str) -> None:
    found = read_tracks(write(tmp_path / "gt.txt", f"1,1,10,20,5,15\n{line}\n2,1,10,20,5,15\n"), 100, 80)
    assert found.tracks[0].boxes == {0: (10, 20, 5, 15), 1: (10, 20, 5, 15)}
    (message,) = found.skipped
    assert "line 2" in message and reason in message


def coco(**annotation: Any) -> dict[str, Any]:
    images = [{"id": 10 + i, "file_name": f"seq/{i:04d}.jpg"} for i in (2, 1, 3)]
    annotations = [{"id": 1, "image_id": 11, "bbox": [1, 2, 3, 4]} | annotation]
    return {"images": images, "annotations": annotations}


@pytest.mark.parametrize("key", ["track_id", "instance_id"])
def test_coco_with_ids(tmp_path: Path, key: str) -> None:
    found = read_tracks(write(tmp_path / "a.json", coco(**{key: 5})), 100, 80)
    assert (found.tracks[0].id, found.tracks[0].boxes) == (5, {0: (1, 2, 3, 4)})


def test_coco_without_ids_by_names_and_by_frame_ids(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", coco())
    assert read_tracks(path, 100, 80).loose == {0: [(1, 2, 3, 4)]}
    names = ["0000.jpg", "0001.jpg"]
    found = read_tracks(path, 100, 80, names)
    assert found.loose == {1: [(1, 2, 3, 4)]}
    content = coco()
    for image in content["images"]:
        image["frame_id"] = image["id"] * 2
    assert read_tracks(write(path, content), 100, 80).loose == {22: [(1, 2, 3, 4)]}


def test_frames_of_coco_files_from_other_programs(tmp_path: Path) -> None:
    content = coco(track_id="5")
    for image in content["images"]:
        image["frame_id"] = image["id"] - 10  # 1, 2, 3
    assert read_tracks(write(tmp_path / "a.json", content), 100, 80).tracks[0].boxes == {0: (1, 2, 3, 4)}
    for image in content["images"]:
        image["frame_id"] += 10003420000  # as PoseTrack numbers
        image["file_name"] = f"frame{image['id'] - 3}.jpg"  # frame9 comes before frame10
    content["annotations"][0]["image_id"] = 12
    assert read_tracks(write(tmp_path / "a.json", content), 100, 80).tracks[0].boxes == {1: (1, 2, 3, 4)}


def test_coco_passes_over_crowds_and_other_things(tmp_path: Path) -> None:
    content = coco(category_id=2)
    content["annotations"] += [
        {"id": 2, "image_id": 12, "bbox": [1, 2, 3, 4], "category_id": 1, "track_id": 0},
        {"id": 3, "image_id": 12, "bbox": [9, 2, 3, 4], "category_id": 1, "iscrowd": 1},
        {"id": 4, "image_id": 99, "bbox": [9, 2, 3, 4], "category_id": 1},
        {"id": 5, "image_id": 12, "category_id": 1, "bbox": "wide"},
    ]
    content["categories"] = [{"id": 2, "name": "dog"}, {"id": 1, "name": "person"}]
    found = read_tracks(write(tmp_path / "a.json", content), 100, 80)
    assert [track.boxes for track in found.tracks] == [{1: (1, 2, 3, 4)}]
    assert len(found.skipped) == 2 and "image_id: 99" in found.skipped[0] and "four finite numbers" in found.skipped[1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no usable box .it is empty"),
        ("1,2,500,500,5,5", "no usable box .*outside the picture"),
        ("{broken", "no valid JSON"),
        ("[1, 2]", "expected an object with `images`"),
        (json.dumps(coco() | {"categories": [{"id": 1, "name": "pedestrian"}]}), "categories: none is named 'person'"),
    ],
)
def test_files_without_use(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_tracks(write(tmp_path / "a.txt", content), 100, 80)
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(UserError, match="not a text file"):
        read_tracks(tmp_path / "b.txt", 100, 80)
