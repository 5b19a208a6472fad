import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from small_clips import write_video

from rscnet.errors import UserError
from rscnet.video.frames import is_video, open_video


def test_frames_come_in_order_at_their_rate_and_again(tmp_path: Path) -> None:
    video = open_video(write_video(tmp_path / "a.mp4", frames=6, fps=12.5))
    assert (video.width, video.height, video.fps) == (48, 32, 12.5)
    for _ in range(2):
        greys = [float(frame[-4:, -4:].mean()) for frame in video if frame is not None]
        np.testing.assert_allclose(greys, [0, 20, 40, 60, 80, 100], atol=4)
    assert video.problems == []


def test_uneven_frames_are_told(tmp_path: Path) -> None:
    """Nine frames a tenth of a second apart, then one a second later: 10 frames in 1.9 s."""
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.height, stream.width, stream.pix_fmt = 32, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 10)
        for time in (*range(9), 18):
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 48, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    uneven, even = open_video(tmp_path / "a.mp4"), open_video(write_video(tmp_path / "b.mp4", fps=29.97))
    assert len([*uneven, *even]) == 16
    # frame 8 of 10 comes at 0.8 s, at the mean rate it would at 8 / fps
    assert uneven.unevenness == pytest.approx(max(8 / uneven.fps - 0.8, 0.0), abs=0.02)
    assert uneven.unevenness > 1 / uneven.fps
    assert even.unevenness < 0.1 / even.fps


def test_h264_that_browsers_play(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", fps=29.97, height=33, width=49)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height, stream.frames) == (48, 32, 6)
        assert abs(float(stream.average_rate or 0) - 29.97) < 1e-3
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_a_phone_held_upright(tmp_path: Path) -> None:
    """The display matrix asks for a quarter turn clockwise."""
    path = write_video(tmp_path / "a.mp4")
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44
    content[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 32 << 16, 0, 1 << 30)
    path.write_bytes(content)
    video = open_video(path)
    assert (video.width, video.height) == (32, 48)
    frame = next(iter(video))
    assert frame is not None
    assert frame[:20, 18:].min() > 230 and frame[30:].max() < 25


def test_a_video_that_changes_its_size_keeps_the_first(tmp_path: Path) -> None:
    parts = []
    for part, (height, width) in enumerate([(32, 48), (64, 96)]):
        with av.open(str(tmp_path / f"{part}.ts"), "w") as container:
            stream = container.add_stream("mpeg2video", rate=25, options={"g": "1"})
            stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
            grey = np.full((height, width, 3), 60 + 100 * part, np.uint8)
            for _ in range(3):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
            container.mux(stream.encode(None))
        parts.append((tmp_path / f"{part}.ts").read_bytes())
    (tmp_path / "both.ts").write_bytes(b"".join(parts))
    frames = [frame for frame in open_video(tmp_path / "both.ts") if frame is not None]
    assert {frame.shape for frame in frames} == {(32, 48, 3)}
    assert frames[0].mean() == pytest.approx(60, abs=4) and frames[-1].mean() == pytest.approx(160, abs=4)


def test_a_video_that_breaks_off_gives_what_it_has(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames=40)
    path.write_bytes(path.read_bytes()[:-600])
    video = open_video(path)
    read = sum(frame is not None for frame in video)
    assert 0 < read < 40
    assert video.problems and "a.mp4" in video.problems[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "the file is empty"), (b"no video at all" * 50, "damaged or no video"), (None, "no such video")],
)
def test_what_cannot_be_opened(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        open_video(path)


def test_a_video_cut_off_before_its_index(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "a.mp4").read_bytes()
    (tmp_path / "b.mp4").write_bytes(whole[:200])
    with pytest.raises(UserError, match="cut off before its index"):
        open_video(tmp_path / "b.mp4")


def test_folders_of_frames(tmp_path: Path) -> None:
    for number in (2, 0, 1, 3):
        Image.fromarray(np.full((8, 10, 3), number, np.uint8)).save(tmp_path / f"{number:03d}.png")
    (tmp_path / "001.png").write_bytes(b"damaged")
    Image.fromarray(np.zeros((9, 10, 3), np.uint8)).save(tmp_path / "003.png")
    video = open_video(tmp_path, fps=5.0)
    frames = list(video)
    assert [None if frame is None else int(frame[0, 0, 0]) for frame in frames] == [0, None, 2, None]
    assert ["001.png" in video.problems[0], "003.png" in video.problems[1]] == [True, True]
    with pytest.raises(UserError, match="has no frame rate of its own"):
        open_video(tmp_path)


def test_what_counts_as_a_video(tmp_path: Path) -> None:
    assert not is_video("a.JPG", None) and is_video("a.mov", None)
    assert is_video(tmp_path, 25.0) and not is_video(tmp_path, None)
    picture = Image.fromarray(np.zeros((8, 8, 3), np.uint8))
    picture.save(tmp_path / "nameless", "JPEG")
    picture.save(tmp_path / "still.gif")
    picture.save(tmp_path / "moving.gif", save_all=True, append_images=[Image.new("RGB", (8, 8), "red")])
    (tmp_path / "stream.mpg").write_bytes(b"\0\0\1\xb3" + bytes(64))  # Pillow opens these, and cannot read them
    kinds = {"nameless": False, "still.gif": False, "moving.gif": True, "stream.mpg": True, "a.heic": False}
    assert {name: is_video(tmp_path / name, None) for name in kinds} == kinds


def test_a_writer_that_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    from rscnet.video.writer import VideoWriter

    with pytest.raises(RuntimeError), VideoWriter(tmp_path / "a.mp4", 10, 16, 16):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
