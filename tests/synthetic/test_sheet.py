import numpy as np
import pytest

from rscnet.data.synthetic.sheet import LEFT, contact_sheet, lowered, main, people_sheet, with_keypoints
from rscnet.joints import TRAINING_49


def test_sheet_has_seven_rows_of_eight(generator):
    assert contact_sheet(generator).shape == (7 * 48, 8 * 48, 3)


def test_many_people_are_four_rows_of_eight(generator, people):
    sheet = people_sheet(generator)
    assert sheet.shape == (4 * 48, 8 * 48, 3)
    np.testing.assert_array_equal(sheet[:48, 48:96], people.images[2])


def test_lowering_averages_blocks():
    image = np.zeros((1, 4, 4, 3), np.uint8)
    image[0, :2, :2] = [[[100] * 3, [200] * 3], [[100] * 3, [200] * 3]]
    low = lowered(image, 2)
    assert (low[0, :2, :2] == 150).all() and (low[0, 2:] == 0).all()


def test_keypoints_are_drawn_where_they_are():
    points = np.zeros((1, 49, 3), np.float32)
    wrist = len(TRAINING_49) - 1 - TRAINING_49[::-1].index("left_wrist")
    points[0, wrist] = (0.5, -0.5, 1)
    drawn = with_keypoints(np.zeros((1, 40, 40, 3), np.uint8), points)
    assert tuple(drawn[0, 10, 30]) == LEFT
    assert not drawn[0, 20:].any() and not drawn[0, :, :20].any()  # points without confidence are left out


def test_an_unknown_ending_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["sheet", str(tmp_path / "x.xyz"), "--size", "16"])
    with pytest.raises(SystemExit, match=r"^error: .*x\.xyz: no kind of picture"):
        main()


def test_mistakes_are_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["sheet", str(tmp_path / "x.png"), "--split", "val", "--everyday", "0.5"])
    with pytest.raises(SystemExit, match=r"^error: synthetic people: everyday: .*"):
        main()
