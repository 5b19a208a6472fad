"""Single frames out of videos."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2

from rscnet.data.saving import write_picture
from rscnet.errors import UserError


def extract_frames(video: Path, wanted: Mapping[int, Path]) -> None:
    """Writes frames as pictures; those that are there already are left.

    Args:
        video: the file.
        wanted: number of a frame, from 0, to the picture's path.

    Raises:
        UserError: a video that is missing, cannot be read, or ends before a wanted frame.
    """
    lacking = {number: path for number, path in wanted.items() if not path.is_file()}
    if not lacking:
        return
    reader = cv2.VideoCapture(str(video)) if video.is_file() else None
    if reader is None or not reader.isOpened():
        raise UserError(f"{video}: no such video, or one that cannot be read; expected it as downloaded")
    for number in range(max(lacking) + 1):
        whole, picture = reader.read() if number in lacking else (reader.grab(), None)
        if not whole:
            raise UserError(f"{video}: ends after {number} frames, expected {max(lacking) + 1}; download it again")
        if picture is not None:
            write_picture(lacking[number], picture[..., ::-1])
    reader.release()
