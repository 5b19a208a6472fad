"""Pictures onto disk."""

from __future__ import annotations

from pathlib import Path

import cv2

from rscnet.data.images import Picture
from rscnet.errors import UserError
from rscnet.files import write_atomically


def write_picture(path: Path, picture: Picture) -> None:
    """RGB bytes as a file of the kind that its ending names, whole or not at all; its folder is made.

    Raises:
        UserError: an ending that stands for no kind of picture.
        OSError: a place that cannot be written, or a full disk.
    """
    if not cv2.haveImageWriter(path.name):
        raise UserError(f"{path}: no kind of picture is known by that name; expected one that ends in .png or .jpg")
    encoded = cv2.imencode(path.suffix, picture[..., ::-1])[1].tobytes()
    write_atomically(path, lambda file: file.write_bytes(encoded))
