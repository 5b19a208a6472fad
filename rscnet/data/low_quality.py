"""Degradations by what cheap cameras do to small pictures, beside losing pixels: blur, noise, JPEG and video codecs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import albumentations as A
import numpy as np
from jaxtyping import Int, UInt8

from rscnet.data.degradations import Bicubic
from rscnet.data.transforms import SeededTransforms
from rscnet.errors import UserError

BLOCK = 16
"""Pixels of a macroblock's side; pictures are filled up to whole ones before they are encoded."""


class StillCamera(Bicubic):
    """Bicubic down; blur, noise and compression of the small picture; bicubic up.

    Args:
        transforms: named albumentations transforms of the small picture, in order; null removes one.
        antialias, bytescale: see `Bicubic`.
    """

    def __init__(
        self, transforms: Mapping[str, A.BasicTransform | None], antialias: bool = True, bytescale: bool = False
    ) -> None:
        super().__init__(antialias, bytescale)
        self.transforms = SeededTransforms(transforms)

    def lower(
        self, image: UInt8[np.ndarray, "h h 3"], size: int, random: np.random.Generator
    ) -> UInt8[np.ndarray, "s s 3"]:
        return self.transforms(self.shrink(image, size), random)


class VideoCamera(Bicubic):
    """Bicubic down; a frame of a video of the small picture, encoded and decoded by a real codec; bicubic up.

    The person drifts through the clip's frames and stands where the picture shows them in the last, which is the
    frame that is kept; all but the first are predicted from earlier ones, as most frames of any video are.

    Args:
        codec: of PyAV's encoders; its decoder has the same name without `lib`, x264 is h264.
        crf: constant rate factors to draw from, lowest and highest; more is worse, 51 the worst of H.264.
        frames: length of the clip.
        drift: the most that the person moves from frame to frame, in pixels of the small picture, along each axis.
        preset: the encoder's.
        antialias, bytescale: see `Bicubic`.

    Raises:
        UserError: PyAV is not installed, or settings that make no video.
    """

    def __init__(
        self,
        codec: str = "libx264",
        crf: Sequence[int] = (24, 38),
        frames: int = 4,
        drift: float = 1.0,
        preset: str = "veryfast",
        antialias: bool = True,
        bytescale: bool = False,
    ) -> None:
        super().__init__(antialias, bytescale)
        codecs = _av().codecs_available
        decoder = {"libx264": "h264", "libx265": "hevc"}.get(codec, codec.removeprefix("lib"))
        low, high = crf
        if not 0 <= low <= high or frames < 1 or drift < 0 or not {codec, decoder} <= codecs:
            raise UserError(
                "degradation: expected a codec of PyAV such as libx264, crf [low, high] from 0, frames >= 1 and "
                f"drift >= 0, got {codec}, {list(crf)}, {frames}, {drift}"
            )
        self.codec, self.decoder, self.preset = codec, decoder, preset
        self.crf, self.frames, self.drift = (int(low), int(high)), frames, drift

    def lower(
        self, image: UInt8[np.ndarray, "h h 3"], size: int, random: np.random.Generator
    ) -> UInt8[np.ndarray, "s s 3"]:
        step = random.uniform(-self.drift, self.drift, 2) * len(image) / size
        moved = [_shifted(image, np.rint(step * back).astype(int)) for back in range(self.frames - 1, -1, -1)]
        fill = -size % BLOCK
        filled = [np.pad(self.shrink(frame, size), ((0, fill), (0, fill), (0, 0)), "edge") for frame in moved]
        crf = int(random.integers(self.crf[0], self.crf[1], endpoint=True))
        return self._through_codec(filled, crf)[:size, :size]

    def _through_codec(self, pictures: Sequence[UInt8[np.ndarray, "h w 3"]], crf: int) -> UInt8[np.ndarray, "h w 3"]:
        """The last of the pictures, as the decoder gives it."""
        av = _av()
        encoder: Any = av.CodecContext.create(self.codec, "w")
        encoder.height, encoder.width = pictures[0].shape[:2]
        encoder.pix_fmt, encoder.framerate, encoder.thread_count = "yuv420p", 25, 1
        encoder.options = {"crf": str(crf), "preset": self.preset, "tune": "zerolatency"}
        decoder: Any = av.CodecContext.create(self.decoder, "r")
        packets = []
        for i, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts = i
            packets += encoder.encode(frame)
        decoded = [frame for packet in [*packets, *encoder.encode(None)] for frame in decoder.decode(packet)]
        return (decoded + decoder.decode(None))[-1].to_ndarray(format="rgb24")


def _shifted(image: UInt8[np.ndarray, "h w 3"], by: Int[np.ndarray, "2"]) -> UInt8[np.ndarray, "h w 3"]:
    """The picture moved by whole pixels (down, right), its edge repeated."""
    rows = np.arange(image.shape[0]) - by[0]
    columns = np.arange(image.shape[1]) - by[1]
    return image[rows.clip(0, image.shape[0] - 1)[:, None], columns.clip(0, image.shape[1] - 1)]


def _av() -> Any:
    try:
        import av
    except ImportError:
        raise UserError("degradation: video codecs need PyAV; expected it installed: pip install av") from None
    return av
