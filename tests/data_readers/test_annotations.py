"""The record schema: kinds of arrays that files hold, genders, hostile objects, and where pictures are found."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spin_sets import annotations, encoded_pictures, write_set

from rscnet.data.annotations import read_annotations, sequence_names, write_annotations
from rscnet.data.image_stores import ImageFolder
from rscnet.data.spin import SpinAnnotations
from rscnet.data.views import collate_target
from rscnet.errors import UserError


class Call:
    """Pickles as the call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def as_objects(values: np.ndarray) -> np.ndarray:
    """The same rows as an array of objects."""
    found = np.empty(len(values), object)
    for i, value in enumerate(values):
        found[i] = value
    return found


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.astype(object),
        as_objects,
        lambda a: a.astype("S") if a.dtype.kind == "U" else a.astype(np.float32),
        lambda a: a[:, None] if a.ndim == 1 else a.astype(">f8"),
    ],
    ids=["objects", "rows", "bytes", "columns"],
)
def test_arrays_of_any_kind(tmp_path: Path, change: Any) -> None:
    plain = annotations(3) | {"sequence": np.array(["walk", "walk", "run"]), "frame": np.arange(3)}
    np.savez(tmp_path / "plain.npz", **plain)
    np.savez(tmp_path / "other.npz", **{name: change(values) for name, values in plain.items()}, allow_pickle=True)
    expected, found = read_annotations(tmp_path / "plain.npz"), read_annotations(tmp_path / "other.npz")
    assert set(found) == set(plain) - {"maskname", "partname"}
    for name, values in found.items():
        if values.dtype.kind == "U":
            assert values.tolist() == expected[name].tolist()
        else:
            np.testing.assert_allclose(values, expected[name], rtol=1e-6)


def test_the_same_numbers_in_other_axes_and_one_value_for_all(tmp_path: Path) -> None:
    plain = annotations(3) | {"has_smpl": np.ones(3), "gender": np.array(["m"] * 3), "shape": np.full((3, 10), 0.5)}
    write_annotations(tmp_path / "plain.npz", plain)
    further = np.concatenate([plain["shape"], np.ones((3, 290))], axis=1)
    other = plain | {
        "pose": plain["pose"].reshape(3, 24, 3), "center": plain["center"][:, None], "shape": further,
        "has_smpl": np.array(1), "gender": np.array("male"), "sequence": np.array([7, 7, 8]),
    }  # fmt: skip
    np.savez(tmp_path / "other.npz", **other)
    expected, found = read_annotations(tmp_path / "plain.npz"), read_annotations(tmp_path / "other.npz")
    assert found.pop("sequence").tolist() == ["7", "7", "8"]
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


def test_what_is_not_labelled_may_be_nan(tmp_path: Path) -> None:
    fields = annotations(2) | {"has_smpl": np.array([1, 0])}
    fields["pose"][1], fields["shape"][1], fields["S"][0, 3] = np.nan, np.nan, np.nan
    fields["part"][1, 2] = np.nan, np.nan, 0
    np.savez(tmp_path / "a.npz", **fields)
    found = read_annotations(tmp_path / "a.npz")
    assert not found["pose"][1].any() and not found["S"][0, 3].any() and not found["part"][1, 2].any()
    np.testing.assert_array_equal(found["pose"][0], fields["pose"][0])
    fields["S"][0, 3, 3] = 1
    np.savez(tmp_path / "a.npz", **fields)
    with pytest.raises(UserError, match=r"S: expected finite numbers, row 0 holds nan"):
        read_annotations(tmp_path / "a.npz")


def test_hostile_objects_are_refused_and_not_run(tmp_path: Path) -> None:
    sentinel = tmp_path / "sentinel"
    call = Call(os.system, f"touch {sentinel}")
    for field, rows in (("imgname", [call, "b"]), ("shape", [[call] * 10, [0.0] * 10]), ("gender", ["m", call])):
        np.savez(tmp_path / "bad.npz", **(annotations(2) | {field: np.array(rows, object)}))
        with pytest.raises(UserError, match=rf"bad\.npz: {field}: refused, it calls for .*nothing was run"):
            read_annotations(tmp_path / "bad.npz")
    assert not sentinel.exists()


def test_ragged_objects_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", **(annotations(2) | {"pose": np.array([[0.0], [0.0, 1.0]], object)}))
    with pytest.raises(UserError, match=r"bad\.npz: pose: holds objects, expected numbers, the same number"):
        read_annotations(tmp_path / "bad.npz")


@pytest.mark.parametrize(
    "given",
    [
        ["m", "f", "n"],
        ["male", "Female", ""],
        ["m", "F", "unknown"],
        np.array(["m", "f", None], object),
        [b"m", b"f", b"neutral"],
        [0, 1, -1],
        [0.0, 1.0, -1.0],
    ],
    ids=str,
)
def test_genders(tmp_path: Path, given: list) -> None:
    write_set(tmp_path, "tiny", 3, gender=np.array(given))
    source = SpinAnnotations(tmp_path, "tiny", 32)
    assert [source[i].gender for i in range(3)] == [1, 2, 0]
    target = collate_target([source[i] for i in range(3)])
    assert target.gender is not None and target.gender.tolist() == [1, 2, 0]


def test_no_gender_is_neutral_and_others_are_named(tmp_path: Path) -> None:
    write_set(tmp_path, "tiny", 2, gender=None)
    assert SpinAnnotations(tmp_path, "tiny", 32)[1].gender == 0
    write_set(tmp_path, "wrong", 2, gender=np.array(["m", "x"]))
    with pytest.raises(UserError, match=r"wrong\.npz: gender: expected m, f or n .*row 1 is .*'x'"):
        SpinAnnotations(tmp_path, "wrong", 32).prepare()


def test_written_files_are_checked_and_whole(tmp_path: Path) -> None:
    write_annotations(tmp_path / "new" / "a.npz", annotations(2))
    assert len(read_annotations(tmp_path / "new" / "a.npz")["imgname"]) == 2
    with pytest.raises(UserError, match=r"a\.npz: center: expected shape \(2, 2\)"):
        write_annotations(tmp_path / "new" / "a.npz", annotations(2) | {"center": np.zeros((3, 2))})
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.npz"]


@pytest.mark.parametrize(
    ("name", "placed"),
    [
        ("train2014/a.png", "train2014/a.png"),
        ("train2014/a.png", "a.png"),
        ("a.png", "images/a.png"),
        ("S1/images/a.png", "h36m/images/a.png"),
        ("/data/somebody/images/a.png", "images/a.png"),
        ("images\\a.png", "images/a.png"),
    ],
)
def test_pictures_are_found_with_and_without_leading_folders(tmp_path: Path, name: str, placed: str) -> None:
    (picture,) = encoded_pictures(1)
    (tmp_path / placed).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / placed).write_bytes(picture)
    store = ImageFolder(tmp_path)
    store.open([name])
    assert store.encoded(0, name) == picture


def test_a_missing_picture_is_named_in_full(tmp_path: Path) -> None:
    store = ImageFolder(tmp_path)
    store.open(["images/a.png"])
    with pytest.raises(UserError, match=r"images/a\.png: picture 7: cannot be read"):
        store.encoded(7, "images/a.png")


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        (["imageFiles/downtown_bus_00/image_00003.jpg", "imageFiles/flat_guitar_01/image_00001.jpg"],
         ["downtown_bus_00", "flat_guitar_01"]),
        (["images/S9_Directions_1.54138969_000001.jpg", "images/S11_Walking.60457274_000006.jpg"],
         ["S9_Directions_1.54138969", "S11_Walking.60457274"]),
        (["testset/TS1/imageSequence/img_000001.jpg", "testset/TS2/imageSequence/img_000001.jpg"], ["TS1", "TS2"]),
        (["images/im0001.jpg", "images/im0002.jpg"], ["im", "im"]),
        (["a/1.png", "a/2.png"], ["a", "a"]),
    ],
)  # fmt: skip
def test_sequences_are_read_off_the_names_of_pictures(pictures, expected):
    assert sequence_names(pictures).tolist() == expected
    assert sequence_names([name.replace("/", "\\") for name in pictures]).tolist() == expected


def test_a_source_knows_its_sequences(tmp_path):
    write_set(tmp_path, "named", 3, sequence=np.array(["b", "a", "b"]))
    assert SpinAnnotations(tmp_path, "named", 32, length=2).sequences.tolist() == ["b", "a"]
    write_set(tmp_path, "unnamed", 3, imgname=np.array([f"images/x{i}/{i}.png" for i in range(3)]))
    assert SpinAnnotations(tmp_path, "unnamed", 32).sequences.tolist() == ["x0", "x1", "x2"]
