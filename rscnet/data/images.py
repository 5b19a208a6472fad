"""Pictures from disk: whatever people have, as RGB bytes that stand upright; and the square crop of a person."""

from __future__ import annotations

import re
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from rscnet.errors import UserError

Picture = UInt8[np.ndarray, "h w 3"]

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
OTHERS = (".avif", ".gif", ".heic", ".heif", ".jfif", ".jp2")  # that people have too, and that are not read
PAPER = (255, 255, 255)  # shows through transparent pixels: cut-out people are made to stand on white
# What Pillow raises on damaged files, decoder by decoder.
_DAMAGED = (OSError, SyntaxError, TypeError, ValueError, EOFError, IndexError, KeyError, struct.error, zlib.error)


def list_images(path: str | Path, field: str = "input") -> list[Path]:
    """The picture itself, or the pictures of a folder (not of its subfolders) sorted by name, numbers by value.

    Args:
        path: of the picture or the folder.
        field: the setting that names it, for messages.

    Raises:
        UserError: nothing there, or a folder without pictures.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UserError(f"{field}: no such picture or folder: {path}")
    files = (file for file in path.iterdir() if file.is_file() and file.suffix.lower() in SUFFIXES)
    found = sorted((file for file in files if not file.name.startswith(".")), key=lambda file: in_order(file.name))
    if not found:
        raise UserError(f"{field}: the folder {path} holds no pictures; expected {', '.join(SUFFIXES)}")
    return found


def other_pictures(path: str | Path) -> list[Path]:
    """Pictures of a folder that `list_images` leaves out for their kind, sorted by name."""
    files = Path(path).iterdir() if Path(path).is_dir() else ()
    return sorted(file for file in files if file.suffix.lower() in OTHERS)


def is_still(path: Path) -> bool:
    """Whether a file is one picture, by its name or, whatever its name, by what it holds."""
    kind = path.suffix.lower()
    if kind in SUFFIXES or (kind in OTHERS and kind != ".gif"):
        return True
    formats = {Image.registered_extensions().get(suffix) for suffix in (*SUFFIXES, *OTHERS)}
    try:
        with Image.open(path) as picture:  # Pillow opens MPEG too, and cannot read it
            return picture.format in formats and getattr(picture, "n_frames", 1) == 1
    except Image.DecompressionBombError:
        return True
    except _DAMAGED:
        return False


def in_order(name: str) -> tuple[list[str | int], str]:
    """What sorts names so that frame2 comes before frame10."""
    return [int(part) if i % 2 else part for i, part in enumerate(re.split(r"([0-9]+)", name))], name


def read_image(path: str | Path) -> Picture:
    """A picture file as RGB bytes, turned upright as its EXIF orientation says.

    Greyscale, palette and CMYK become RGB; transparent pixels are laid on white; 16 bits are scaled from the whole
    range 0 to 65535. Of an animation the first picture is taken.

    Raises:
        UserError: a file that is missing, damaged, no picture, or has values beyond 16 bits; names the file.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: there is no such picture; check the path")
    return _read(path, str(path))


def decode_image(encoded: bytes, origin: str) -> Picture:
    """An encoded picture as `read_image` gives it; `origin` names it in messages.

    Raises:
        UserError: as `read_image`.
    """
    return _read(BytesIO(encoded), origin)


def _read(source: Path | BytesIO, origin: str) -> Picture:
    try:
        with Image.open(source) as image:
            return _as_rgb(ImageOps.exif_transpose(image), origin)
    except Image.DecompressionBombError:
        raise UserError(f"{origin}: the picture has more pixels than Pillow reads safely; scale it down") from None
    except MemoryError:
        raise UserError(f"{origin}: damaged, or more pixels than there is memory for; scale it down") from None
    except _DAMAGED as error:
        reason = "unknown format" if isinstance(error, UnidentifiedImageError) else str(error).split("\n")[0]
        formats = ", ".join(suffix[1:] for suffix in SUFFIXES)
        raise UserError(
            f"{origin}: damaged or no picture ({reason}); expected a whole file, one of {formats}"
        ) from None


def _as_rgb(image: Image.Image, origin: str) -> Picture:
    if image.mode == "F":
        raise UserError(f"{origin}: holds floating-point numbers; expected 8 or 16 bits, convert it first")
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise UserError(f"{origin}: has values outside 0 to 65535; expected 8 or 16 bits, convert it first")
        grey = np.rint(values.astype(np.float64) / 257).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=-1)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        paper = Image.new("RGBA", rgba.size, (*PAPER, 255))
        image = Image.alpha_composite(paper, rgba)
    return np.asarray(image.convert("RGB"))


def crop_square(image: Picture, left: int, top: int, side: int) -> UInt8[np.ndarray, "side side 3"]:
    """A square of the picture; where it reaches beyond, the nearest pixel of the edge is repeated."""
    rows = np.arange(top, top + side).clip(0, image.shape[0] - 1)
    columns = np.arange(left, left + side).clip(0, image.shape[1] - 1)
    return image[rows[:, None], columns]
