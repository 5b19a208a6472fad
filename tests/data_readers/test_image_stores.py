"""Pictures out of folders, pickles and packs; hostile and damaged files are refused with file and index."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from spin_sets import encoded_pictures

from rscnet.data.image_stores import ImageFolder, ImagePack, ImageStore, PickledImages, find_images, write_pack
from rscnet.errors import UserError

NAMES = ["images/0.png", "images/1.png", "images/2.png"]
PICTURES = encoded_pictures(3)


def folder(path: Path) -> ImageStore:
    for name, picture in zip(NAMES, PICTURES, strict=True):
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_bytes(picture)
    return ImageFolder(path)


def pickled(path: Path, images: object = PICTURES, protocol: int = 2) -> PickledImages:
    (path / "set_imgs.pkl").write_bytes(pickle.dumps(images, protocol))
    return PickledImages(path / "set_imgs.pkl")


def packed(path: Path) -> ImagePack:
    write_pack(path / "set.rscpack", PICTURES, NAMES, cropped=True)
    return ImagePack(path / "set.rscpack")


@pytest.mark.parametrize("make", [folder, pickled, packed])
def test_every_store_gives_the_same_pictures(tmp_path: Path, make) -> None:
    store = make(tmp_path)
    assert store.missing() == []
    store.open(NAMES)
    for index in (2, 0, 1):
        image = store.read(index, NAMES[index])
        assert image.shape == (70, 90, 3)
        np.testing.assert_array_equal(image[3, 4], [10 * index + 5, 100, 200])
    assert store.cropped is (make is not folder)
    again = pickle.loads(pickle.dumps(store))  # as loader processes get it
    again.open(NAMES)
    assert again.encoded(1, NAMES[1]) == PICTURES[1]


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_pickles_of_every_kind_of_bytes(tmp_path: Path, protocol: int) -> None:
    array = np.frombuffer(PICTURES[1], np.uint8)
    store = pickled(tmp_path, [PICTURES[0], array, array.reshape(-1, 1)], protocol)
    store.open(NAMES)
    assert [store.encoded(i, "") for i in range(3)] == [PICTURES[0], PICTURES[1], PICTURES[1]]


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_lists_of_every_kind(tmp_path: Path, protocol: int) -> None:
    objects = np.empty(3, object)
    objects[:] = [bytearray(PICTURES[0]), PICTURES[1], np.frombuffer(PICTURES[2], np.uint8)]
    for images in (objects, tuple(objects)):
        store = pickled(tmp_path, images, protocol)
        store.open(NAMES)
        assert [store.encoded(i, "") for i in range(3)] == PICTURES


class Torn:
    """Pickles as an array of which but the shape is there."""

    def __reduce__(self) -> Any:
        make, arguments, state = np.zeros(3, object).__reduce__()
        return make, arguments, state[:2]


def test_a_torn_array_in_the_place_of_the_list(tmp_path: Path) -> None:
    store = pickled(tmp_path, Torn())
    with pytest.raises(UserError, match=r"set_imgs\.pkl: cannot be read as a list of encoded pictures \("):
        store.open(NAMES)


def test_a_pickle_of_python_2(tmp_path: Path) -> None:
    data = PICTURES[0]
    body = b"\x80\x02]T" + len(data).to_bytes(4, "little") + data + b"a."  # a list with one BINSTRING
    (tmp_path / "old.pkl").write_bytes(body)
    store = PickledImages(tmp_path / "old.pkl")
    store.open(["0.png"])
    assert store.encoded(0, "") == data


class Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_hostile_pickle_is_refused_and_nothing_runs(tmp_path: Path, protocol: int) -> None:
    store = pickled(tmp_path, [Hostile(tmp_path / "broken_in")], protocol)
    with pytest.raises(UserError, match=r"set_imgs\.pkl: refused, it calls for '\w+\.mkdir', which no list"):
        store.open(NAMES)
    assert not (tmp_path / "broken_in").exists()


def test_pickles_that_hold_something_else(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds a dict, expected a list"):
        pickled(tmp_path, {"a": 1}).open(NAMES)
    with pytest.raises(UserError, match="holds 2 pictures, expected 3, one for each annotation"):
        pickled(tmp_path, PICTURES[:2]).open(NAMES)
    (tmp_path / "set_imgs.pkl").write_bytes(pickle.dumps(PICTURES)[:-20])
    with pytest.raises(UserError, match="not a whole pickle"):
        PickledImages(tmp_path / "set_imgs.pkl").open(NAMES)
    store = pickled(tmp_path, [3, np.zeros(4), np.array([None])])
    store.open(NAMES)
    for index in range(3):
        with pytest.raises(UserError, match=rf"set_imgs\.pkl: picture {index} \(x\): is a .*, expected bytes or"):
            store.read(index, "x")


@pytest.mark.parametrize("make", [folder, pickled, packed])
def test_a_damaged_picture_names_file_and_index(tmp_path: Path, make, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = [PICTURES[0], PICTURES[1][:60], PICTURES[2]]
    monkeypatch.setitem(globals(), "PICTURES", damaged)
    store = make(tmp_path) if make is not pickled else pickled(tmp_path, damaged)
    store.open(NAMES)
    with pytest.raises(UserError, match=r"picture 1.*damaged or no picture") as caught:
        store.read(1, NAMES[1])
    assert str(tmp_path) in str(caught.value)


def test_a_picture_that_is_not_there(tmp_path: Path) -> None:
    store = folder(tmp_path)
    with pytest.raises(UserError, match=r"images/7\.png: picture 7: cannot be read"):
        store.read(7, "images/7.png")
    assert ImageFolder(tmp_path / "gone").missing() == [f"{tmp_path / 'gone'}: no such folder of pictures"]
    assert PickledImages(tmp_path / "gone.pkl").missing() == [f"{tmp_path / 'gone.pkl'}: no such file of pictures"]


def test_damaged_and_foreign_packs(tmp_path: Path) -> None:
    packed(tmp_path)
    path = tmp_path / "set.rscpack"
    whole = path.read_bytes()
    offset = bytearray(whole)
    offset[48:56] = (10**6).to_bytes(8, "little")
    for content, message in (
        (b"", "cannot be read"),
        (b"nothing like it" * 9, "is no pack of pictures"),
        (whole[:8] + b"\x07" + whole[9:], "pack of version 7, expected 1"),
        (whole[:50], "damaged or truncated"),
        (whole[:-1], "damaged or truncated"),
        (bytes(offset), "damaged or truncated"),
    ):
        path.write_bytes(content)
        with pytest.raises(UserError, match=rf"set\.rscpack: .*{message}"):
            ImagePack(path).open(NAMES)
    path.write_bytes(whole)
    with pytest.raises(UserError, match="packed for other names"):
        ImagePack(path).open(NAMES[::-1])
    with pytest.raises(UserError, match="holds 3 pictures, expected 2"):
        ImagePack(path).open(NAMES[:2])


def test_pictures_are_found_by_their_usual_names(tmp_path: Path) -> None:
    assert find_images(tmp_path, "3dpw_test") is None
    (tmp_path / "3dpw_test").mkdir()
    assert isinstance(find_images(tmp_path, "3dpw_test"), ImageFolder)
    (tmp_path / "3dpw_imgs_test.pkl").touch()
    assert isinstance(find_images(tmp_path, "3dpw_test"), PickledImages)
    (tmp_path / "3dpw_test.rscpack").touch()
    assert isinstance(find_images(tmp_path, "3dpw_test"), ImagePack)


def test_greyscale_becomes_colour(tmp_path: Path) -> None:
    Image.new("L", (3, 2), 9).save(tmp_path / "grey.png")
    assert ImageFolder(tmp_path).read(0, "grey.png").shape == (2, 3, 3)


def test_folders_that_tell_pictures_apart_are_never_left_out(tmp_path: Path) -> None:
    names = ["imageFiles/walk/image_00000.png", "imageFiles/sit/image_00000.png"]
    (tmp_path / "sit").mkdir()
    (tmp_path / "sit" / "image_00000.png").write_bytes(PICTURES[1])
    partial = ImageFolder(tmp_path)
    partial.open(names)
    for index, name in enumerate(names):
        with pytest.raises(UserError, match=rf"{name}: picture {index}: cannot be read"):
            partial.encoded(index, name)
    (tmp_path / "walk").mkdir()
    (tmp_path / "walk" / "image_00000.png").write_bytes(PICTURES[0])
    whole = ImageFolder(tmp_path)
    whole.open(names)
    assert [whole.encoded(i, name) for i, name in enumerate(names)] == PICTURES[:2]
