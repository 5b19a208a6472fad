"""Published protocols and models of other programs, through the entrypoint on tiny sets in SPIN's format."""

import json
from pathlib import Path

import numpy as np
import pytest
from licensed_smpl import write_smpl
from spin_sets import annotations, write_set
from tiny_checkpoint import write_checkpoint

from rscnet.body.assets import load_embedded
from rscnet.run import main

COUNT = 4
# SPIN's own tables: the places of its 17 evaluation joints among Human3.6M's 17 and among the 24 annotated.
H36M_TO_J17 = [6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10, 0, 7, 9]
J24_TO_J17 = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 18, 14, 16, 17]
SMALL = ["task=evaluate", "preset=smoke", "body=embedded", "evaluation.panel_samples=0"]
NAMES = {
    "3dpw": "3dpw_test",
    "h36m_p1": "h36m_valid_protocol1",
    "h36m_p2": "h36m_valid_protocol2",
    "mpi_inf_3dhp": "mpi_inf_3dhp_test",
}

MODULE = """
import numpy as np, torch
labels = np.load({labels!r})

def rows(images):
    # each picture has one colour of its own
    assert images.dtype == torch.float32 and 0 <= images.min() and images.max() <= 1
    middle = images.shape[-1] // 2
    return ((255 * images[:, 0, middle, middle] - 5) / 10).round().long().numpy()

def bodies(images, sizes):
    assert sizes.shape == (len(images),) and set(sizes.tolist()) <= {{64, 32, 16}}
    pose = labels["pose"][rows(images)].astype("float32")
    return {{"global_orient": pose[:, :3], "body_pose": pose[:, 3:], "betas": labels["shape"][rows(images)]}}

def joints(images):
    return torch.from_numpy(labels["joints"][rows(images)])

def shifted(images):
    found = joints(images).clone()
    found[:, 1:, 0] += 0.077
    return {{"joints": found + 5}}

def wrong_shape(images):
    return {{"joints": joints(images)[:, :14]}}
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All four test sets, the same people in each; the second sequence has one without labels."""
    folder = tmp_path_factory.mktemp("data")
    labels = annotations(COUNT)
    labels["S"][..., 3] = 1
    labels["S"][3, 14, 3] = 0
    changes = {
        "S": labels["S"],
        "has_smpl": np.array([1, 1, 1, 0]),
        "sequence": np.array(["a", "b", "a", "b"]),
        "gender": np.array(["m", "f", "m", "f"]),
    }
    for name in NAMES.values():
        write_set(folder, name, COUNT, **changes)
    joints = np.zeros((COUNT, 17, 3), np.float32)
    joints[:, H36M_TO_J17] = labels["S"][:, J24_TO_J17, :3]
    np.savez(folder / "labels.npz", pose=labels["pose"], shape=labels["shape"], joints=joints)
    return folder


@pytest.fixture
def external(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command line but for data set and function."""
    (tmp_path / "their_model.py").write_text(MODULE.format(labels=str(data / "labels.npz")))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "their_model", raising=False)
    return [*SMALL, "model=external", f"paths.data={data}", f"output={tmp_path / 'out'}", "evaluation.rivals={}"]


def result(words: list[str], *more: str) -> dict:
    main([*words, *more])
    (output,) = (Path(word.removeprefix("output=")) for word in words if word.startswith("output="))
    return json.loads((output / "result.json").read_text())


def failure(capsys: pytest.CaptureFixture[str], words: list[str], *more: str) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        main([*words, *more])
    assert caught.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize("name", NAMES)
def test_who_says_the_labels_makes_no_error(name, external, capsys):
    function = "bodies" if name == "3dpw" else "joints"
    found = result(external, f"data={name}", f"external.callable=their_model:{function}")
    assert list(found["by_size"]) == ["64", "32", "16"]
    metrics = {"mpjpe": 0, "pa_mpjpe": 0}
    metrics |= {"pve": 0} if name == "3dpw" else {}
    metrics |= {"pck": 100, "auc": 100 * 30 / 31} if name == "mpi_inf_3dhp" else {}
    for row in found["by_size"].values():
        assert row == pytest.approx(metrics, abs=0.02)
    assert {name: rows["64"]["samples"] for name, rows in found["by_sequence"].items()} == {"a": 2, "b": 1}
    assert found["protocol"]["joints"] == (17 if name == "mpi_inf_3dhp" else 14)
    out = capsys.readouterr().out
    assert "by sequence" in out and "0.0 / 0.0" in out


def test_a_known_shift_gives_the_known_errors(external):
    """77 mm sideways on all joints but the pelvis, which all are relative to."""
    found = result(external, "data=h36m_p1", "external.callable=their_model:shifted")
    assert found["by_size"]["32"]["mpjpe"] == pytest.approx(77, abs=0.01)
    found = result(external, "data=mpi_inf_3dhp", "external.callable=their_model:shifted")
    row = found["by_size"]["16"]
    assert row["mpjpe"] == pytest.approx(77 * 16 / 17, abs=0.01)
    assert row["pck"] == pytest.approx(100)
    # of the thresholds 0, 5 ... 150 the pelvis is within 30 and the others within 15
    assert row["auc"] == pytest.approx(100 * (16 * 15 + 30) / 17 / 31)


def test_true_bodies_are_gendered_and_predictions_neutral(external, tmp_path):
    smpl = tmp_path / "smpl"
    smpl.mkdir()
    assets = load_embedded()
    write_smpl(smpl, assets, uv=False)
    for name, size in (("MALE", 1.25), ("FEMALE", 1.0)):
        arrays = {key: getattr(assets, key) for key in ("f", "weights", "posedirs", "J_regressor", "kintree_table")} | {
            "v_template": size * assets.v_template,
            "shapedirs": size * assets.shapedirs,
        }
        arrays["posedirs"] = size * arrays["posedirs"]
        np.savez(smpl / f"SMPL_{name}.npz", **arrays)
    words = [word for word in external if word != "body=embedded"]
    found = result(words, "data=3dpw", f"paths.smpl={smpl}", "external.callable=their_model:bodies")
    women, men = found["by_sequence"]["b"]["64"], found["by_sequence"]["a"]["64"]
    assert women["mpjpe"] == pytest.approx(0, abs=0.02)
    # a body that is larger by a quarter is the same up to a similarity
    assert men["mpjpe"] > 50 and men["pve"] > 50
    assert men["pa_mpjpe"] == pytest.approx(0, abs=0.02)
    (smpl / "SMPL_FEMALE.npz").unlink()
    with pytest.raises(SystemExit):
        main([*words, "data=3dpw", f"paths.smpl={smpl}", "external.callable=their_model:bodies"])


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("their_model:wrong_shape", r"joints (12, 14, 3), expected (12, 17, 3)"),
        ("their_model:nothing", "their_model.py has no function nothing"),
    ],
)
def test_what_a_function_does_wrong_is_one_line(function, message, external, capsys):
    line = failure(capsys, external, "data=h36m_p1", f"external.callable={function}")
    assert line.startswith("error: external.callable: ") and message in line


def test_a_function_must_be_named(external, capsys):
    assert "expected package.module:function, got None" in failure(capsys, external, "data=h36m_p1")


def test_checkpoints_go_through_the_same_protocol(data, tmp_path, capsys):
    checkpoint = write_checkpoint(tmp_path)
    words = [
        *SMALL,
        f"checkpoint={checkpoint}",
        f"paths.data={data}",
        f"output={tmp_path / 'out'}",
        "data=mpi_inf_3dhp",
    ]
    found = result(words, "legacy=official", "evaluation.panel_samples=1")
    assert set(found["by_size"]["32"]) == {"mpjpe", "pa_mpjpe", "pck", "auc"}
    assert set(found["rivals"]) == {"mean_pose"}
    assert found["by_size"]["32"]["mpjpe"] > 50
    out = capsys.readouterr().out
    assert "PCK % (higher is better)" in out
    plain = result(words)
    # at full resolution the released code stretches nothing, below it does
    assert plain["by_size"]["64"] == pytest.approx(found["by_size"]["64"], rel=1e-6)
    assert plain["by_size"]["16"] != pytest.approx(found["by_size"]["16"], rel=1e-6)
