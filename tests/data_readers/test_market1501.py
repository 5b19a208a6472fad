import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from rscnet.body.model import BodyModel
from rscnet.data.market1501 import Market1501
from rscnet.errors import UserError
from rscnet.geometry.cameras import camera_to_translation

NAMES = ("0002_c1s1_000451_03.jpg", "0002_c1s1_000551_01.jpg", "0002_c2s1_000301_01.jpg", "0007_c3s3_077419_03.jpg")
OTHERS = ("-1_c1s1_000401_03.jpg", "0000_c1s1_000151_01.jpg")


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return BodyModel.embedded()


@pytest.fixture
def market(tmp_path: Path, body: BodyModel) -> tuple[Path, Path]:
    """A folder in the data set's layout and the output that task=predict leaves for it."""
    folder, results = tmp_path / "market", tmp_path / "results"
    train = folder / "bounding_box_train"
    train.mkdir(parents=True)
    vertices = (torch.as_tensor(body.smpl.v_template) * torch.tensor([1.0, -1.0, -1.0])).numpy()
    placed = vertices - vertices.mean(0) + camera_to_translation(torch.tensor([0.9, 0.0, 0.0])).numpy()
    entries = []
    for number, name in enumerate(NAMES + OTHERS):
        picture = np.full((128, 64, 3), 40 * number, np.uint8)
        Image.fromarray(picture).save(train / name)
        person = results / Path(name).stem / "person_0"
        person.mkdir(parents=True)
        np.savez(person / "parameters.npz", vertices=placed.astype(np.float32), crop=np.array([-32, 0, 128]))
        files = ["overlay.png", f"{Path(name).stem}/person_0/parameters.npz"]
        entries.append({"image": str(train / name), "people": [{"files": files}]})
    (results / "summary.json").write_text(json.dumps({"images": entries}))
    return folder, results


def test_a_picture_in_which_nobody_was_found_has_no_result_and_a_damaged_summary_is_one_line(market, body):
    summary = market[1] / "summary.json"
    content = json.loads(summary.read_text())
    content["images"][0]["people"] = []
    summary.write_text(json.dumps(content))
    lines = read(market, body).missing()
    assert NAMES[0] in lines[0] and "has no SMPL result" in lines[0] and "1 of the train pictures" in lines[1]
    assert read(market, body, skip_bad=True).count(0) == 2
    for damaged in ("{", "[]", '{"images": [{"image": "a"}]}'):
        summary.write_text(damaged)
        with pytest.raises(UserError, match=r"summary\.json: damaged"):
            read(market, body).missing()


def read(market: tuple[Path, Path], body: BodyModel, **changes) -> Market1501:
    sizes = {"height": 128, "width": 64, "uv_size": 16, "split": "train"}
    return Market1501(str(market[0]), str(market[1]), body, **{**sizes, **changes})


def test_identities_are_grouped_with_the_other_camera_second_and_nobody_left_out(market, body):
    people = read(market, body)
    assert people.missing() == [] and len(people) == 2
    assert [people.count(i) for i in range(2)] == [3, 1]
    first, second = people.picture(0, 0), people.picture(0, 1)
    assert first.image.shape == (128, 64, 3) and abs(int(first.image[0, 0, 0]) - 0) < 3
    assert abs(int(second.image[0, 0, 0]) - 80) < 3  # camera 2
    assert 500 < (first.face >= 0).sum() < 128 * 64 / 2
    assert first.facing.max() > 0.9 and people.texture(0) is None
    assert people.prior(np.random.default_rng(0)).shape == (16, 16, 3)


def test_the_body_lies_in_the_middle_columns_of_the_square_crop(market, body):
    covered = np.flatnonzero((read(market, body).picture(0, 0).face >= 0).any(0))
    assert abs(covered.mean() - 31.5) < 1.5


def test_bad_pictures_and_missing_results_are_listed_counted_and_skipped_on_request(market, body, capsys):
    folder, results = market
    (folder / "bounding_box_train" / NAMES[0]).write_bytes(b"no picture")
    (results / Path(NAMES[3]).stem / "person_0" / "parameters.npz").unlink()
    people = read(market, body)
    lines = people.missing()
    assert len(lines) == 3
    assert NAMES[0] in lines[0] and "damaged" in lines[0]
    assert NAMES[3] in lines[1] and "has no SMPL result" in lines[1]
    assert "2 of the train pictures cannot be used" in lines[2] and "data.skip_bad=true" in lines[2]
    with pytest.raises(UserError, match="has no SMPL result"):
        people.prepare()
    skipping = read(market, body, skip_bad=True)
    assert skipping.missing() == [] and len(skipping) == 1 and skipping.count(0) == 2
    assert "2 train pictures skipped" in capsys.readouterr().out


def test_missing_folders_and_words_are_one_line(market, body, tmp_path):
    assert "there is no such folder" in read((tmp_path, market[1]), body).missing()[0]
    assert "paths.market1501" in Market1501(None, None, body, 128, 64, 16, "train").missing()[0]
    (market[1] / "summary.json").unlink()
    with pytest.raises(UserError, match="task=predict input="):
        read(market, body).missing()
    with pytest.raises(UserError, match="split must be one of train, test"):
        read(market, body, split="query")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", None])
def test_a_damaged_result_is_one_line(market, body, content):
    parameters = market[1] / Path(NAMES[3]).stem / "person_0" / "parameters.npz"
    whole = read(market, body)
    assert len(whole) == 2
    parameters.write_bytes(parameters.read_bytes()[:-60] if content is None else content)
    line = read(market, body).missing()[0]
    assert NAMES[3] in line and "parameters.npz: cannot be read" in line and "predict the picture again" in line
    with pytest.raises(UserError, match=r"parameters\.npz: cannot be read"):
        whole.picture(1, 0)


def test_a_result_of_another_kind_says_what_it_lacks(market, body):
    np.savez(market[1] / Path(NAMES[3]).stem / "person_0" / "parameters.npz", crop=np.array([-32, 0, 128]))
    assert "parameters.npz: vertices: missing" in read(market, body).missing()[0]


def test_every_picture_is_looked_at_once(market, body, monkeypatch):
    looked: list[Path] = []
    monkeypatch.setattr("rscnet.data.market1501.read_image", lambda path: looked.append(path))
    people = read(market, body)
    assert people.missing() == []
    people.prepare()
    assert len(people) == 2 and sorted(path.name for path in looked) == sorted(NAMES)
