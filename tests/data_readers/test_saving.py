"""Pictures onto disk: in a folder that is made, whole or not at all, of a kind that is known."""

from pathlib import Path

import numpy as np
import pytest

from rscnet.data.images import read_image
from rscnet.data.saving import write_picture
from rscnet.errors import UserError

PICTURE = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


def test_a_picture_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_picture(tmp_path / "made" / "a.PNG", PICTURE)
    np.testing.assert_array_equal(read_image(tmp_path / "made" / "a.PNG"), PICTURE)


@pytest.mark.parametrize("name", ["a.xyz", "a"])
def test_an_unknown_ending_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=f"{name}: no kind of picture"):
        write_picture(tmp_path / name, PICTURE)


def test_an_interrupted_write_leaves_the_earlier_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    write_picture(path, PICTURE)

    def full(self: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        write_picture(path, PICTURE[::-1])
    np.testing.assert_array_equal(read_image(path), PICTURE)
