"""Unlabelled pictures of a folder."""

import numpy as np
import pytest
from PIL import Image

from rscnet.data.pictures import UnlabelledPictures
from rscnet.data.views import collate_target
from rscnet.errors import UserError


@pytest.fixture
def folder(tmp_path):
    for i in range(20):
        Image.fromarray(np.full((40, 20, 3), 10 * i, np.uint8)).save(tmp_path / f"{i:02d}.png")
    return tmp_path


def test_pictures_are_square_and_without_labels(folder):
    source = UnlabelledPictures(folder, 32, "train")
    sample = source[0]
    assert sample.image.shape == (32, 32, 3)
    target = collate_target([source[i] for i in range(3)])
    assert not target.has_smpl.any()
    assert not target.has_joints_3d.any()
    assert not target.keypoints_2d.any()


def test_held_out_pictures_are_not_trained_on_and_stay_when_others_come(folder):
    def names(split: str) -> set[int]:
        source = UnlabelledPictures(folder, 32, split, held_out=0.4)  # type: ignore[arg-type]
        return {int(source[i].image[0, 0, 0]) // 10 for i in range(len(source))}

    train, val = names("train"), names("val")
    assert train
    assert val
    assert train | val == set(range(20))
    assert not train & val
    assert names("test") == val
    (folder / "00.png").unlink()
    assert names("val") == val - {0}


def test_mistakes_are_named(folder, tmp_path):
    with pytest.raises(UserError, match=r"^paths\.data: .* set paths\.data=<folder>"):
        UnlabelledPictures(None, 32, "train")
    with pytest.raises(UserError, match=r"^paths\.data: no such picture or folder"):
        UnlabelledPictures(tmp_path / "gone", 32, "train")
    with pytest.raises(UserError, match="split must be"):
        UnlabelledPictures(folder, 32, "training")  # type: ignore[arg-type]
    one = tmp_path / "one"
    one.mkdir()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(one / "a.png")
    with pytest.raises(UserError, match="of 1 pictures none is left for"):
        UnlabelledPictures(one, 32, "train")
        UnlabelledPictures(one, 32, "val")
