"""The one reader of npz files: what it takes out, and one message for whatever is wrong with a file."""

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from rscnet.data.npz import read_npz
from rscnet.errors import UserError

KIND = "poses as downloaded; download the file again"


def encoded(**arrays: np.ndarray) -> bytes:
    """The bytes of an npz."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


WHOLE = encoded(pose=np.arange(900.0), shape=np.ones(3))


def flipped() -> bytes:
    """A bit within the first array's compressed bytes is another."""
    content = bytearray(WHOLE)
    content[zipfile.ZipFile(io.BytesIO(WHOLE)).infolist()[0].compress_size // 2 + 60] ^= 4
    return bytes(content)


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(encoded(pose=np.ones(2), shape=np.zeros(3), other=np.array([{}], object)))
    assert set(read_npz(path, KIND, ["pose"])) == {"pose"}
    assert set(read_npz(path, KIND, ["pose"], ["shape", "gone"])) == {"pose", "shape"}
    path.write_bytes(WHOLE)
    assert set(read_npz(path, KIND, optional=None)) == {"pose", "shape"}


def test_a_single_array_is_no_npz(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.save(path.with_suffix(".npy"), np.ones(2))
    with pytest.raises(UserError, match=r"a\.npy: holds a single array; expected poses as downloaded"):
        read_npz(path.with_suffix(".npy"), KIND)


@pytest.mark.parametrize(
    "content",
    [b"", b"no", WHOLE[: len(WHOLE) // 2], flipped(), encoded(pose=np.array([{}], object)), None],
    ids=["empty", "text", "half", "flipped", "objects", "missing"],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_npz(path, KIND, optional=None)
    message = str(caught.value)
    assert re.fullmatch(rf"{re.escape(str(path))}: cannot be read \(.+\); expected {KIND}", message), message


def test_arrays_that_are_missing_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(WHOLE)
    with pytest.raises(UserError, match=rf"a\.npz: trans, fps: missing; expected {KIND}$"):
        read_npz(tmp_path / "a.npz", KIND, ["pose", "trans", "fps"])
