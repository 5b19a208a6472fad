"""The sheet of degradations is written where it was asked for, or one line says why not."""

from pathlib import Path

import pytest

from rscnet.data.images import read_image
from scripts.degradation_sheet import CAPTION, NAMES, SIZES, ZOOM, main

COCO = Path(__file__).parents[1] / "data" / "coco"
WORDS = [str(COCO / "000000000785.jpg"), str(COCO / "person_keypoints_785.json")]


def test_the_folder_is_made(tmp_path: Path) -> None:
    pytest.importorskip("av")
    main([*WORDS, str(tmp_path / "new" / "sheet.png")])
    side = ZOOM * SIZES[0]
    shape = (len(NAMES) * (side + CAPTION), len(SIZES) * side, 3)
    assert read_image(tmp_path / "new" / "sheet.png").shape == shape


def test_an_unknown_ending_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("av")
    with pytest.raises(SystemExit, match=r"^error: .*sheet\.xyz: no kind of picture"):
        main([*WORDS, str(tmp_path / "sheet.xyz")])
