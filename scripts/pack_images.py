"""Packs the pictures of an annotation file in SPIN's format into one file that is memory-mapped.

    python scripts/pack_images.py <folder> <name>              the pictures as they are
    python scripts/pack_images.py <folder> <name> --size 224   only each person's box, as JPEG of 224 pixels

Reads `<name>.npz` and its pictures (a folder, or the released code's pickle) and writes `<name>.rscpack` beside them,
which then is what `data=spin` reads.
"""

import argparse
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from PIL import Image

from rscnet.data.annotations import read_annotations
from rscnet.data.image_stores import PACK_SUFFIX, ImageFolder, ImageStore, find_images, usual_names, write_pack
from rscnet.data.spin import SpinAnnotations
from rscnet.errors import UserError
from rscnet.failures import guarded

QUALITY = 95


def pack(folder: Path, name: str, images: Path | None = None, size: int | None = None) -> Path:
    """Writes the pack and returns its path.

    Args:
        folder: holds the annotation file.
        name: of the annotation file, without its ending.
        images: folder of the full pictures; by default what is found beside the annotation file.
        size: side of the boxes in pixels; None copies the pictures as they are.

    Raises:
        UserError: files that are missing or damaged, a pack that exists, or a size below 1.
    """
    if size is not None and size < 1:
        raise UserError(f"--size: expected 1 or more, got {size}; leave it out to copy the pictures as they are")
    path = folder / (name + PACK_SUFFIX)
    if path.exists():
        raise UserError(f"{path}: exists; delete it first to pack anew")
    store = ImageFolder(images) if images is not None else find_images(folder, name)
    source = SpinAnnotations(folder, name, size or 1, images=store)
    source.prepare()
    assert store is not None  # prepare says what is missing
    names = [str(given) for given in read_annotations(folder / f"{name}.npz")["imgname"]]
    encoded = _boxes(source) if size else _copies(store, names)
    write_pack(path, encoded, names, cropped=bool(size) or store.cropped)
    return path


def _copies(store: ImageStore, names: list[str]) -> Iterator[bytes]:
    for index, name in enumerate(names):
        yield store.encoded(index, name)


def _boxes(source: SpinAnnotations) -> Iterator[bytes]:
    for index in range(len(source)):
        file = BytesIO()
        Image.fromarray(source[index].image).save(file, "JPEG", quality=QUALITY, subsampling=0)
        yield file.getvalue()


@guarded
def main(words: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds <name>.npz")
    parser.add_argument("name", help=f"one of docs/data.md; pictures: {', '.join(usual_names('<name>'))}/")
    parser.add_argument("--images", type=Path, help="folder of the full pictures, if it lies elsewhere")
    parser.add_argument("--size", type=int, help="side of the boxes in pixels")
    arguments = parser.parse_args(words)
    path = pack(arguments.folder, arguments.name, arguments.images, arguments.size)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
