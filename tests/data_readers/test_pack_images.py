"""The packing script: pictures as they are, boxes, and one message for a mistake."""

from pathlib import Path

import numpy as np
import pytest
from spin_sets import write_set

from rscnet.data.image_stores import ImagePack
from rscnet.data.spin import SpinAnnotations
from scripts.pack_images import main


def test_a_pack_gives_what_the_folder_gave(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = write_set(tmp_path, "tiny", 3)
    before = [SpinAnnotations(tmp_path, "tiny", 32)[i].image for i in range(3)]
    main([str(tmp_path), "tiny"])
    assert "tiny.rscpack: 0.0 MB" in capsys.readouterr().out
    pack = ImagePack(tmp_path / "tiny.rscpack")
    pack.open([f"images/{i}.png" for i in range(3)])
    assert not pack.cropped
    assert [pack.encoded(i, "") for i in range(3)] == pictures
    after = [SpinAnnotations(tmp_path, "tiny", 32)[i].image for i in range(3)]
    np.testing.assert_array_equal(before, after)
    with pytest.raises(SystemExit, match=r"error: .*tiny\.rscpack: exists; delete it first"):
        main([str(tmp_path), "tiny"])


def test_boxes_are_cut_once(tmp_path: Path) -> None:
    write_set(tmp_path, "tiny", 2)
    full = SpinAnnotations(tmp_path, "tiny", 32)[1]
    main([str(tmp_path), "tiny", "--size", "32"])
    boxed = SpinAnnotations(tmp_path, "tiny", 32)[1]
    inside = slice(12, 20)  # JPEG smears the picture's edge
    assert np.abs(boxed.image[inside, inside].astype(int) - full.image[inside, inside]).max() <= 4
    np.testing.assert_array_equal(boxed.keypoints_2d, full.keypoints_2d)
    with pytest.raises(SystemExit, match=r"error: .*gone\.npz: no such annotation file"):
        main([str(tmp_path), "gone"])


@pytest.mark.parametrize("size", ["0", "-5"])
def test_boxes_without_a_size_are_refused(tmp_path: Path, size: str) -> None:
    write_set(tmp_path, "tiny", 1)
    with pytest.raises(SystemExit, match=f"error: --size: expected 1 or more, got {size}"):
        main([str(tmp_path), "tiny", "--size", size])
    assert not (tmp_path / "tiny.rscpack").exists()
