"""Frames of a video file or of a folder of frames, one after the other and as often as asked for, upright RGB."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer

from rscnet.data.images import Picture, is_still, list_images, read_image
from rscnet.errors import UserError


class Video(ABC):
    """Frames at a constant rate; only one of them is in memory.

    Iterating again reads again. A frame that cannot be read is None, so that the others keep their times.

    Attributes:
        path: file or folder.
        fps: frames per second.
        width, height: of upright frames in pixels.
        problems: after a pass, what could not be read, a line each.
        unevenness: after a pass, by how many seconds a frame is away, at most, from where an even rate has it.
    """

    unevenness = 0.0

    def __init__(self, path: Path, fps: float) -> None:
        self.path, self.fps, self.problems = path, fps, list[str]()
        first = next((frame for frame in self if frame is not None), None)
        if first is None:
            raise UserError(self._empty())
        self.height, self.width = first.shape[:2]

    @abstractmethod
    def __iter__(self) -> Iterator[Picture | None]:
        """The frames, from the first one."""

    def _empty(self) -> str:
        reasons = f" ({self.problems[0]})" if self.problems else ""
        return f"input: {self.path}: no frame can be read{reasons}; expected a video with pictures"


class VideoFile(Video):
    """A video in any format that FFmpeg reads, turned upright as its display matrix says.

    Raises:
        UserError: no video, a damaged one, or one without a single frame.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size: tuple[int, int] | None = None
        with self._opened() as container:
            stream = container.streams.video[0]
            rate = stream.average_rate or stream.guessed_rate or stream.base_rate
            self.declared = stream.frames
        if not rate:
            raise UserError(f"input: {path}: states no frame rate; convert it with `ffmpeg -i {path.name} out.mp4`")
        super().__init__(path, float(rate))

    def __iter__(self) -> Iterator[Picture | None]:
        self.problems, self.unevenness = [], 0.0
        read = 0
        begin: float | None = None
        with self._opened() as container:
            packets = container.demux(container.streams.video[0])
            while True:
                try:
                    packet = next(packets)
                except StopIteration:
                    break
                except av.FFmpegError as error:
                    self.problems.append(f"{self.path}: breaks off after {read} frames ({_reason(error)})")
                    break
                try:
                    frames = packet.decode()
                except av.FFmpegError as error:
                    self.problems.append(f"{self.path}: frame {read} is damaged ({_reason(error)})")
                    frames = [None]
                for frame in frames:
                    if frame is not None and frame.time is not None:
                        begin = frame.time - read / self.fps if begin is None else begin
                        self.unevenness = max(self.unevenness, abs(frame.time - begin - read / self.fps))
                    read += 1
                    yield None if frame is None else self._picture(frame)
        if self.declared and read < self.declared and not self.problems:
            self.problems.append(f"{self.path}: breaks off: {read} of {self.declared} frames can be read")

    def _picture(self, frame: av.VideoFrame) -> Picture:
        self._size = self._size or (frame.width, frame.height)  # streams may change theirs midway
        return _upright(frame if self._size == (frame.width, frame.height) else frame.reformat(*self._size))

    def _opened(self) -> InputContainer:
        if self.path.stat().st_size == 0:
            raise UserError(f"input: {self.path}: the file is empty; expected a video")
        try:
            container = av.open(str(self.path))
        except av.FFmpegError as error:
            raise self._damaged(_reason(error)) from None
        if not container.streams.video:
            sound = bool(container.streams.audio)
            container.close()
            if sound:
                raise UserError(f"input: {self.path}: holds no pictures, only sound; expected a video")
            raise self._damaged("it has a beginning but no pictures")
        container.streams.video[0].thread_type = "AUTO"
        return container

    def _damaged(self, reason: str) -> UserError:
        return UserError(
            f"input: {self.path}: damaged or no video ({reason}); a file that was cut off before its index was written "
            "cannot be read, record or copy it again"
        )


class FrameFolder(Video):
    """The pictures of a folder in the order of their names.

    Args:
        path: the folder.
        fps: frames per second, which a folder does not tell.

    Raises:
        UserError: no pictures, or none that can be read.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self.files = list_images(path)
        self._shape: tuple[int, ...] | None = None
        super().__init__(path, fps)

    def __iter__(self) -> Iterator[Picture | None]:
        self.problems = []
        for file in self.files:
            try:
                picture = read_image(file)
            except UserError as error:
                self.problems.append(str(error))
                yield None
                continue
            self._shape = self._shape or picture.shape
            if picture.shape != self._shape:
                high, wide = self._shape[:2]
                self.problems.append(
                    f"{file}: has {picture.shape[1]} x {picture.shape[0]} pixels, the first frame {wide} x {high}; "
                    "frames of a video are equally large"
                )
                yield None
                continue
            yield picture


def is_video(path: str | Path, fps: float | None) -> bool:
    """Whether an input is to be treated as a video: a file that is no picture, or a folder with a frame rate."""
    path = Path(path)
    if path.is_dir():
        return fps is not None
    return not is_still(path)


def open_video(path: str | Path, fps: float | None = None) -> Video:
    """The video of a file, or of a folder of frames at `fps`.

    Raises:
        UserError: nothing there, nothing readable, or a rate that does not fit.
    """
    path = Path(path)
    if path.is_dir():
        if fps is None or not (math.isfinite(fps) and fps > 0):
            raise UserError("fps: a folder of frames has no frame rate of its own; give it, for example fps=25")
        return FrameFolder(path, fps)
    if not path.is_file():
        raise UserError(f"input: no such video or folder: {path}")
    if fps is not None:
        raise UserError(f"fps: {path} is a video and has its own frame rate; leave fps out")
    return VideoFile(path)


def _upright(frame: av.VideoFrame) -> Picture:
    picture = frame.to_ndarray(format="rgb24")
    turns = round(frame.rotation / 90) % 4  # counterclockwise
    return np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture


def _reason(error: av.FFmpegError) -> str:
    return error.strerror or type(error).__name__
