"""Joint accuracy on photographs: distances are shares of the box, whatever the size of the crop."""

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_checkpoint import write_checkpoint

from rscnet.errors import UserError
from rscnet.joints import COCO_17, TRAINING_49, index_map
from rscnet.predictor import Predictor
from scripts.real_check import PLAIN, Person, evaluate, find_people, labelled_checkpoints, main, mean_pose

COCO = Path(__file__).parents[1] / "data" / "coco"
ANNOTATIONS = COCO / "person_keypoints_785.json"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def predictor(weights: Path) -> Predictor:
    return Predictor.from_checkpoint(weights, "cpu")


def test_the_person_is_cut_out_with_all_labelled_joints(predictor):
    [person] = find_people(str(ANNOTATIONS), str(COCO), predictor, least=6)
    assert person.name == "000000000785/442619" and person.labelled.all()
    assert person.box_share == pytest.approx(346.68 / 416) and person.crop.shape == (416, 416, 3)
    # the nose of the annotation, x = 367 and y = 81, in the square from (182, 10)
    np.testing.assert_allclose(person.keypoints[0], [(367.5 - 182) / 416, (81.5 - 10) / 416], atol=1e-6)


def test_people_with_too_few_labels_are_a_clear_error(predictor):
    with pytest.raises(UserError, match="no person with 18 labelled keypoints"):
        find_people(str(ANNOTATIONS), str(COCO), predictor, least=18)


def test_people_without_labels_cannot_be_asked_for(predictor):
    with pytest.raises(UserError, match="--least: expected 1 or more labelled joints, got 0"):
        find_people(str(ANNOTATIONS), str(COCO), predictor, least=0)


def test_sizes_are_pixels(monkeypatch):
    monkeypatch.setattr("sys.argv", ["real_check.py", str(ANNOTATIONS), str(COCO), "--sizes", "64", "0"])
    with pytest.raises(SystemExit, match="error: --sizes: expected 1 or more pixels each, got 0"):
        main()


def test_errors_are_shares_of_the_box(predictor):
    still = mean_pose(predictor)
    crop = np.full((64, 64, 3), 128, np.uint8)
    [[found]] = still.predict([crop])
    where = found.keypoints_2d[index_map(COCO_17, TRAINING_49)] / 64
    seen = np.arange(17) < 10
    where[seen] += [0.03, 0.04]  # every labelled joint is off by 0.05 of the side, a tenth of the box
    where[~seen] += 7.0
    person = Person("p", crop, where.astype(np.float32), seen, box_share=0.5)
    for threshold, share in ((0.11, 100.0), (0.09, 0.0)):
        table, pictures, labels = evaluate(still, [person], [64], threshold)
        assert table[64]["error"] == pytest.approx(10.0, abs=1e-3) and table[64]["pck"] == share
    assert len(pictures) == 1 and labels == ["64 px: 10.0 %"]


def test_a_photograph_that_may_not_be_passed_on_is_not_in_the_picture(predictor):
    name = "000000000785.jpg"
    [person] = find_people(str(ANNOTATIONS), str(COCO), predictor, least=6, plain=[name])
    _, [plain], labels = evaluate(predictor, [person], [64], 0.1)
    _, [photograph], same = evaluate(predictor, find_people(str(ANNOTATIONS), str(COCO), predictor, 6), [64], 0.1)
    assert labels == same
    body = (plain != PLAIN).any(-1)
    assert 0.02 < body.mean() < 0.9
    assert (photograph != PLAIN).any(-1)[~body].mean() > 0.9


def test_plain_names_a_photograph_that_is_there(predictor):
    with pytest.raises(UserError, match=r"--plain: 785\.jpg: no such photograph in .*coco"):
        find_people(str(ANNOTATIONS), str(COCO), predictor, least=6, plain=["785.jpg"])


def test_command_writes_table_and_pictures(weights, tmp_path, monkeypatch, capsys):
    words = [
        "real_check.py",
        str(ANNOTATIONS),
        str(COCO),
        str(weights),
        "--sizes",
        "64",
        "24",
        "--output",
        str(tmp_path),
    ]
    monkeypatch.setattr("sys.argv", words)
    main()
    content = json.loads((tmp_path / "real_check.json").read_text())
    assert set(content["methods"]) == {"rsc_full", "mean_pose"}
    assert content["methods"]["mean_pose"]["24"]["error"] == pytest.approx(
        content["methods"]["mean_pose"]["64"]["error"], abs=0.5
    )
    assert {"rsc_full.png", "mean_pose.png"} <= {path.name for path in tmp_path.iterdir()}
    assert "1 people on photographs" in capsys.readouterr().out.replace("\n", " ")


def test_checkpoints_keep_apart_what_their_names_do_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a/net.safetensors", "b/net.safetensors", "a/net.ckpt", "r/x/seed0/last.ckpt", "r/y/seed0/last.ckpt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    Path("mean_pose.ckpt").touch()
    for names, labels in (
        (["rsc_small", "a/net.safetensors"], ["rsc_small", "net"]),
        (["a/net.safetensors", "b/net.safetensors"], ["a/net.safetensors", "b/net.safetensors"]),
        (["a/net.safetensors", "a/net.ckpt"], ["net.safetensors", "net.ckpt"]),
        (["r/x/seed0", "r/y/seed0", "hr_small"], ["x/seed0", "y/seed0", "hr_small"]),
        (["r/x/seed0/last.ckpt", "r/y/seed0/last.ckpt"], ["x/seed0/last.ckpt", "y/seed0/last.ckpt"]),
        (["mean_pose.ckpt"], ["mean_pose.ckpt"]),  # the mean pose itself has that name
    ):
        assert labelled_checkpoints(names) == dict(zip(labels, names, strict=True))
    [(label, _)] = labelled_checkpoints(["a/net.ckpt", "./a/net.ckpt"]).items()
    assert label == "net"


def test_weights_of_one_name_are_two_methods_with_pictures_of_their_own(weights, tmp_path, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "net.safetensors").write_bytes(weights.read_bytes())
    files = [str(tmp_path / name / "net.safetensors") for name in ("a", "b")]
    words = [str(ANNOTATIONS), str(COCO), *files, "--sizes", "24", "--output", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", ["real_check.py", *words])
    main()
    found = json.loads((tmp_path / "out/real_check.json").read_text())["methods"]
    assert list(found) == ["a/net.safetensors", "b/net.safetensors", "mean_pose"]
    for name in found:
        assert (tmp_path / "out" / f"{name}.png").exists()
