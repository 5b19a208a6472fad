"""Videos that browsers play."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.video.stream import VideoStream

from rscnet.data.images import Picture

RATE_DENOMINATOR = 1001  # film and television rates are multiples of 1/1001


class VideoWriter:
    """Writes H.264 in MP4 (4:2:0, index in front), frame by frame; the file appears whole or not at all.

    Args:
        path: where to write.
        fps: frames per second.
        height, width: of the frames; odd ones lose their last row or column.
        quality: constant rate factor of x264, lower is better.
    """

    def __init__(self, path: Path, fps: float, height: int, width: int, quality: int = 20) -> None:
        self.path = path
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._container = av.open(str(self._temporary), "w", format="mp4", options={"movflags": "+faststart"})
        rate = Fraction(fps).limit_denominator(RATE_DENOMINATOR)
        stream = self._container.add_stream("libx264", rate=rate, options={"crf": str(quality), "preset": "veryfast"})
        assert isinstance(stream, VideoStream)
        self._stream, self._size = stream, (height - height % 2, width - width % 2)
        stream.height, stream.width = self._size
        stream.pix_fmt = "yuv420p"

    def write(self, picture: Picture) -> None:
        """The next frame."""
        height, width = self._size
        frame = av.VideoFrame.from_ndarray(picture[:height, :width].copy(), format="rgb24")
        self._container.mux(self._stream.encode(frame))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._container.mux(self._stream.encode(None))
        self._container.close()
        if kind is None:
            os.replace(self._temporary, self.path)
        else:
            self._temporary.unlink(missing_ok=True)
