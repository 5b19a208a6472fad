"""Where the pictures of an annotation file lie: a folder, the released code's pickles, or our pack."""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from rscnet.data.images import Picture, decode_image
from rscnet.errors import UserError
from rscnet.files import write_atomically
from rscnet.pickles import ARRAYS, Note, load_notes, reason_of, value_of

PACK_SUFFIX = ".rscpack"
_HEADER = struct.Struct("<8sII Q16s")  # magic, version, flags, number of pictures, digest of their names
_MAGIC, _VERSION, _CROPPED = b"RSCPACK\n", 1, 1


class ImageStore(ABC):
    """Encoded pictures in the order of an annotation file.

    Attributes:
        cropped: whether a picture is only the person's box (`center`, `scale`) instead of the full picture.
    """

    cropped: bool

    @abstractmethod
    def missing(self) -> list[str]:
        """What is lacking, a line for each."""

    @abstractmethod
    def open(self, names: Sequence[str]) -> None:
        """Makes ready to read the pictures with these names, in this order.

        Raises:
            UserError: a file that cannot be read or holds other pictures.
        """

    @abstractmethod
    def encoded(self, index: int, name: str) -> bytes:
        """The picture as its file has it."""

    @abstractmethod
    def origin(self, index: int, name: str) -> str:
        """File and index of a picture, for messages."""

    def read(self, index: int, name: str) -> Picture:
        """The picture as RGB bytes.

        Raises:
            UserError: missing or damaged; names file and index.
        """
        return decode_image(self.encoded(index, name), self.origin(index, name))


class ImageFolder(ImageStore):
    """Picture files under one folder, found by the annotation file's `imgname`.

    Archives unpack differently: where the first picture is not there, the names are tried without their leading
    folders, then within each folder of `root`, and all names are taken as the first one was found. Folders without
    which two pictures would have one name stay.

    Args:
        root: what the names are relative to.
        cropped: see `ImageStore`.
    """

    def __init__(self, root: str | Path, cropped: bool = False) -> None:
        self.root, self.cropped = Path(root), cropped
        self._base, self._dropped = self.root, 0

    def missing(self) -> list[str]:
        return [] if self.root.is_dir() else [f"{self.root}: no such folder of pictures"]

    def open(self, names: Sequence[str]) -> None:
        if not self.root.is_dir():
            raise UserError(self.missing()[0])
        self._base, self._dropped = self.root, 0
        parts = _relative(names[0]).parts
        if self.root.joinpath(*parts).is_file():
            return
        droppable = _droppable(names)
        for base in (self.root, *sorted(path for path in self.root.iterdir() if path.is_dir())):
            for dropped in range(droppable + 1):
                if base.joinpath(*parts[dropped:]).is_file():
                    self._base, self._dropped = base, dropped
                    return

    def encoded(self, index: int, name: str) -> bytes:
        try:
            return self.path(name).read_bytes()
        except OSError as error:
            reason = error.strerror or error
            raise UserError(f"{self.origin(index, name)}: cannot be read ({reason}); check the folder") from None

    def origin(self, index: int, name: str) -> str:
        return f"{self.path(name)}: picture {index}"

    def path(self, name: str) -> Path:
        """Where a picture lies."""
        return self._base.joinpath(*_relative(name).parts[self._dropped :])


class _CountedImages(ImageStore):
    """One file that holds all pictures."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def missing(self) -> list[str]:
        return [] if self.path.is_file() else [f"{self.path}: no such file of pictures"]

    def origin(self, index: int, name: str) -> str:
        return f"{self.path}: picture {index} ({name})"

    def _check_count(self, found: int, wanted: int) -> None:
        if found != wanted:
            raise UserError(f"{self.path}: holds {found} pictures, expected {wanted}, one for each annotation")


class PickledImages(_CountedImages):
    """The released code's `<name>_imgs.pkl`: a pickled list of encoded pictures, read without running anything.

    The whole list is held in memory; `scripts/pack_images.py` turns the file into a pack, which is not.

    Args:
        path: the file.
        cropped: the released code never crops, so its pictures are boxes.
    """

    def __init__(self, path: str | Path, cropped: bool = True) -> None:
        super().__init__(path)
        self.cropped = cropped
        self._images: list[Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_images": None}  # a process that receives the store reads the file itself

    def open(self, names: Sequence[str]) -> None:
        if self._images is None:
            images = load_notes(self.path, ARRAYS, "list of pictures")
            if isinstance(images, Note):  # an array of objects
                images = self._array(images)
                images = images.tolist() if isinstance(images, np.ndarray) and images.dtype.hasobject else images
            if not isinstance(images, list | tuple):
                raise UserError(f"{self.path}: holds a {type(images).__name__}, expected a list of encoded pictures")
            self._images = list(images)
        self._check_count(len(self._images), len(names))

    def _array(self, note: Note) -> Any:
        try:
            return value_of(note)
        except Exception as error:  # a damaged one may fail in any way
            raise UserError(f"{self.path}: cannot be read as a list of encoded pictures ({reason_of(error)})") from None

    def encoded(self, index: int, name: str) -> bytes:
        assert self._images is not None, "open first"
        image = self._images[index]
        try:
            found = value_of(image)
        except Exception:
            found = None
        if isinstance(found, str):  # of Python 2
            return found.encode("latin1")
        if isinstance(found, np.ndarray) and found.dtype == np.uint8:
            return found.tobytes()
        if isinstance(found, bytes | bytearray):
            return bytes(found)
        kind = getattr(image, "origin", type(image).__name__)
        raise UserError(f"{self.origin(index, name)}: is a {kind}, expected bytes or an array of uint8")


class ImagePack(_CountedImages):
    """Our own format: one memory-mapped file with random access.

    A header (magic, version, flags, count, digest of the names), count + 1 offsets of 64 bits, then the encoded
    pictures; all little-endian. It knows itself whether its pictures are cropped.

    Args:
        path: the file.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        self._bytes: np.ndarray | None = None
        self._offsets: np.ndarray | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_bytes": None, "_offsets": None}

    def open(self, names: Sequence[str]) -> None:
        if self._bytes is not None:
            return
        try:
            content = np.memmap(self.path, np.uint8, "r")
        except (OSError, ValueError) as error:
            raise UserError(f"{self.path}: cannot be read ({error}); expected a pack of pictures") from None
        if len(content) < _HEADER.size or bytes(content[: len(_MAGIC)]) != _MAGIC:
            raise UserError(f"{self.path}: is no pack of pictures; make one by scripts/pack_images.py")
        _, version, flags, count, digest = _HEADER.unpack(bytes(content[: _HEADER.size]))
        if version != _VERSION:
            raise UserError(f"{self.path}: is a pack of version {version}, expected {_VERSION}; pack the pictures anew")
        end = _HEADER.size + 8 * (count + 1)
        offsets = content[_HEADER.size : end].view("<u8") if end <= len(content) else np.zeros(0, "<u8")
        if not len(offsets) or offsets[0] != end or offsets[-1] != len(content) or (offsets[1:] < offsets[:-1]).any():
            raise UserError(f"{self.path}: is a damaged or truncated pack; pack the pictures anew")
        self._check_count(count, len(names))
        if digest != _names_digest(names):
            raise UserError(f"{self.path}: was packed for other names (`imgname`) or another order; pack them anew")
        self._bytes, self._offsets, self.cropped = content, offsets, bool(flags & _CROPPED)

    def encoded(self, index: int, name: str) -> bytes:
        assert self._bytes is not None and self._offsets is not None, "open first"
        return self._bytes[int(self._offsets[index]) : int(self._offsets[index + 1])].tobytes()


def write_pack(path: Path, images: Iterable[bytes], names: Sequence[str], cropped: bool) -> None:
    """Writes a pack, in place only when it is whole.

    Args:
        path: the file.
        images: encoded pictures, as many as names.
        names: `imgname` of the annotation file.
        cropped: see `ImageStore`.
    """
    offsets = [_HEADER.size + 8 * (len(names) + 1)]

    def write(partial: Path) -> None:
        with partial.open("wb") as file:
            file.seek(offsets[0])
            for image in images:
                file.write(image)
                offsets.append(offsets[-1] + len(image))
            assert len(offsets) == len(names) + 1, "a picture for each name"
            file.seek(0)
            file.write(_HEADER.pack(_MAGIC, _VERSION, _CROPPED * cropped, len(names), _names_digest(names)))
            file.write(np.asarray(offsets, "<u8").tobytes())

    write_atomically(path, write)


def _relative(name: str) -> PurePosixPath:
    """A name below a folder, whatever system wrote it."""
    path = PurePosixPath(name.replace("\\", "/"))
    return path.relative_to(path.anchor)


def _droppable(names: Sequence[str]) -> int:
    """How many leading folders all names may lose and still tell the pictures apart."""
    whole = {_relative(name).parts for name in names}
    most = min(map(len, whole)) - 1
    return next((n for n in range(most, 0, -1) if len({parts[n:] for parts in whole}) == len(whole)), 0)


def _names_digest(names: Sequence[str]) -> bytes:
    return blake2b("\n".join(names).encode(), digest_size=16).digest()


def find_images(folder: Path, name: str) -> ImageStore | None:
    """The pictures of annotation file `<name>.npz` by the usual names, see `usual_names`; None where there are none."""
    pack, *pickles, pictures = (folder / usual for usual in usual_names(name))
    if pack.is_file():
        return ImagePack(pack)
    for path in pickles:
        if path.is_file():
            return PickledImages(path)
    return ImageFolder(pictures) if pictures.is_dir() else None


def usual_names(name: str) -> list[str]:
    """Beside `<name>.npz`: our pack, the released code's pickles (3dpw_test has 3dpw_imgs_test.pkl), a folder."""
    head, _, split = name.rpartition("_")
    return [name + PACK_SUFFIX, f"{name}_imgs.pkl", *([f"{head}_imgs_{split}.pkl"] if head else []), name]
