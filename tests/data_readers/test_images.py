"""Pictures of every kind become upright RGB bytes; damaged ones are named."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from rscnet.data.images import crop_square, list_images, read_image
from rscnet.errors import UserError

# 2 x 3: corners tell every rotation and mirroring apart
COLOURS = np.array(
    [[[200, 0, 0], [0, 200, 0], [0, 0, 200]], [[200, 200, 0], [0, 200, 200], [90, 90, 90]]], dtype=np.uint8
)


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def test_plain_rgb_is_unchanged(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_image(saved(tmp_path / "a.png", Image.fromarray(COLOURS))), COLOURS)


def test_greyscale_is_repeated(tmp_path: Path) -> None:
    grey = COLOURS[..., 0]
    found = read_image(saved(tmp_path / "a.png", Image.fromarray(grey)))
    np.testing.assert_array_equal(found, np.stack([grey] * 3, axis=-1))


def test_palette_keeps_its_colours(tmp_path: Path) -> None:
    palette = Image.fromarray(COLOURS).quantize(8)
    assert palette.mode == "P"
    np.testing.assert_array_equal(read_image(saved(tmp_path / "a.png", palette)), COLOURS)


def test_transparent_pixels_show_white(tmp_path: Path) -> None:
    alpha = np.array([[255, 255, 0], [51, 255, 255]], np.uint8)
    found = read_image(saved(tmp_path / "a.png", Image.fromarray(np.dstack([COLOURS, alpha]))))
    np.testing.assert_array_equal(found[0, 2], [255, 255, 255])
    np.testing.assert_array_equal(found[0, 0], COLOURS[0, 0])
    # a fifth of (200, 200, 0) and four fifths of white
    np.testing.assert_allclose(found[1, 0], [244, 244, 204], atol=1)


def test_transparent_colour_of_a_palette_shows_white(tmp_path: Path) -> None:
    palette = Image.fromarray(COLOURS).quantize(8)
    index = palette.getpixel((1, 0))
    found = read_image(saved(tmp_path / "a.png", palette, transparency=index))
    np.testing.assert_array_equal(found[0, 1], [255, 255, 255])
    np.testing.assert_array_equal(found[1, 1], COLOURS[1, 1])


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_of_grey_are_scaled(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    cv2.imwrite(str(path), np.array([[0, 257, 128 * 257], [65535, 1000, 40000]], np.uint16))
    expected = [[0, 1, 128], [255, 4, 156]]
    np.testing.assert_array_equal(read_image(path), np.stack([expected] * 3, axis=-1))


def test_sixteen_bits_of_colour_are_scaled(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), COLOURS[..., ::-1].astype(np.uint16) * 257)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), COLOURS)


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    found = read_image(saved(tmp_path / "a.tif", Image.fromarray(COLOURS).convert("CMYK")))
    assert np.abs(found.astype(int) - COLOURS).max() <= 2


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [(1, COLOURS), (3, COLOURS[::-1, ::-1]), (6, np.rot90(COLOURS, -1)), (8, np.rot90(COLOURS))],
)
def test_exif_turns_the_picture_upright(tmp_path: Path, orientation: int, upright: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = read_image(saved(tmp_path / "a.png", Image.fromarray(COLOURS), exif=exif.tobytes()))
    np.testing.assert_array_equal(found, upright)


def test_truncated_file_is_named(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    for suffix in ("jpg", "png"):
        path = saved(tmp_path / f"cut.{suffix}", Image.fromarray(noise))
        path.write_bytes(path.read_bytes()[:1500])
        with pytest.raises(UserError, match=rf"cut\.{suffix}: damaged or no picture"):
            read_image(path)


def test_a_damaged_tag_of_a_tiff_is_named(tmp_path: Path) -> None:
    path = tmp_path / "torn.tif"
    whole = {256: 64, 257: 64, 258: 8, 259: 1, 262: 1, 277: 1, 278: 64, 279: 4096}
    tags = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in whole.items()]
    tags.insert(5, struct.pack("<HHIf", 273, 11, 1, 200.5))  # where the rows begin, which no float says
    header = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + b"".join(tags) + bytes(4)
    path.write_bytes(header.ljust(200, b"\0") + bytes(4096))
    with pytest.raises(UserError, match=r"torn\.tif: damaged or no picture"):
        read_image(path)


def test_too_little_memory_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "large.png", Image.new("RGB", (3, 2)))

    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Image, "convert", full)
    with pytest.raises(UserError, match=r"large\.png: damaged, or more pixels than there is memory for"):
        read_image(path)


def test_text_missing_and_floating_point_are_named(tmp_path: Path) -> None:
    (tmp_path / "note.jpg").write_text("no picture")
    with pytest.raises(UserError, match=r"note\.jpg: damaged or no picture \(unknown format\)"):
        read_image(tmp_path / "note.jpg")
    with pytest.raises(UserError, match=r"gone\.png: there is no such picture"):
        read_image(tmp_path / "gone.png")
    depth = saved(tmp_path / "depth.tif", Image.fromarray(np.ones((2, 2), np.float32)))
    with pytest.raises(UserError, match=r"depth\.tif: holds floating-point"):
        read_image(depth)
    many = saved(tmp_path / "many.tif", Image.fromarray(np.full((2, 2), 70000, np.int32)))
    with pytest.raises(UserError, match=r"many\.tif: has values outside"):
        read_image(many)


def test_a_picture_without_pixels_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"empty\.png: damaged or no picture \(unknown format\)"):
        read_image(tmp_path / "empty.png")
    whole = saved(tmp_path / "flat.bmp", Image.new("RGB", (3, 2)))
    content = bytearray(whole.read_bytes())
    content[18:22] = bytes(4)  # the width of its header
    whole.write_bytes(content)
    with pytest.raises(UserError, match=r"flat\.bmp: "):
        read_image(whole)


def test_list_of_a_folder(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden.png", "c.Tiff"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "d.png").mkdir()
    assert [path.name for path in list_images(tmp_path)] == ["a.png", "b.JPG", "c.Tiff"]
    assert list_images(tmp_path / "notes.txt") == [tmp_path / "notes.txt"]


def test_numbers_in_names_are_in_their_order(tmp_path: Path) -> None:
    names = ["1-a.png", "frame1.png", "frame2.png", "frame010.png", "frame10.png"]
    for name in reversed(names):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in list_images(tmp_path)] == names


def test_empty_folder_and_missing_path_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no pictures"):
        list_images(tmp_path)
    with pytest.raises(UserError, match=r"^input: no such picture or folder"):
        list_images(tmp_path / "gone")
    with pytest.raises(UserError, match=r"^paths\.data: the folder .* holds no pictures"):
        list_images(tmp_path, "paths.data")


def test_crop_repeats_the_edge() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    found = crop_square(image, -1, 1, 3)
    row = [image[1, 0], image[1, 0], image[1, 1]]
    np.testing.assert_array_equal(found, [row, row, row])
    np.testing.assert_array_equal(crop_square(image, 0, 0, 2), image)
