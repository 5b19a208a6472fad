"""The licensed SMPL files, stood in for by the embedded body in the same formats, give the same body."""

import runpy
import shutil
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from licensed_smpl import MODEL, model_content, write_extras, write_python2_pickle, write_smpl

from rscnet.body import BodyAssets, BodyModel
from rscnet.body.licensed import load_smpl, nearest_mirror, read_uv, smpl_body
from rscnet.data.synthetic.textures import Atlas
from rscnet.errors import UserError
from rscnet.geometry.rotations import axis_angle_to_matrix
from rscnet.run import main
from rscnet.structures import BodyParameters

CONVERT = Path(__file__).parents[2] / "scripts" / "convert_smpl.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, assets: BodyAssets) -> Path:
    return write_smpl(tmp_path_factory.mktemp("smpl"), assets)


@pytest.fixture(scope="module")
def licensed(folder: Path) -> BodyAssets:
    return load_smpl(folder)


@pytest.fixture
def extras(tmp_path: Path, assets: BodyAssets) -> Path:
    write_extras(tmp_path, assets, uv=False)
    return tmp_path


def test_every_field_is_the_embedded_one(licensed: BodyAssets, assets: BodyAssets) -> None:
    for field in fields(BodyAssets):
        found, expected = getattr(licensed, field.name), getattr(assets, field.name)
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape), field.name
        if field.name != "mirror":
            np.testing.assert_allclose(found, expected, atol=1e-7, err_msg=field.name)
    # coincident vertices may stand in for each other
    opposite = assets.v_template[licensed.mirror] * np.array([-1, 1, 1])
    np.testing.assert_allclose(opposite, assets.v_template, atol=1e-7)


def test_posed_vertices_and_joints(folder: Path, body: BodyModel) -> None:
    generator = torch.Generator().manual_seed(1)
    rotations = axis_angle_to_matrix(0.4 * torch.randn(2, 24, 3, generator=generator))
    people = BodyParameters.from_rotations(rotations, torch.randn(2, 10, generator=generator))
    found, expected = smpl_body(str(folder))(people), body(people)
    torch.testing.assert_close(found.vertices, expected.vertices, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.joints, expected.joints, atol=1e-5, rtol=0)


def test_converted_files_give_the_very_same_body(
    folder: Path, licensed: BodyAssets, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "raw" / "smpl" / "models", tmp_path / "clean"
    shutil.copytree(folder, source)
    shutil.copyfile(folder / MODEL, source / "basicmodel_m_lbs_10_207_0_v1.1.0.pkl")
    convert = runpy.run_path(str(CONVERT))["main"]
    convert([str(tmp_path / "raw"), "--out", str(out)])
    assert {path.name for path in out.iterdir()} == {
        "SMPL_NEUTRAL.npz", "SMPL_MALE.npz", "J_regressor_h36m.npy", "J_regressor_extra.npy", "smpl_mean_params.npz",
        "smpl_uv.obj",
    }  # fmt: skip
    with np.load(out / "SMPL_MALE.npz", allow_pickle=False) as archive:
        assert archive["J_regressor"].shape == (24, 6890)
    assert load_smpl(out).digest() == load_smpl(out, "male").digest() == licensed.digest()
    with pytest.raises(UserError, match="basicmodel_f_lbs"):
        load_smpl(out, "female")
    with pytest.raises(SystemExit, match=r"error: .*no SMPL model"):
        convert([str(tmp_path), "--out", str(out)])


def test_the_files_own_table_of_mirrored_vertices_is_used(extras: Path, assets: BodyAssets) -> None:
    table = np.roll(assets.mirror, 1)
    write_python2_pickle(extras / "SMPL_NEUTRAL.pkl", model_content(assets) | {"vert_sym_idxs": table})
    np.testing.assert_array_equal(load_smpl(extras).mirror, table)


def test_nearest_mirror_of_an_uneven_mesh() -> None:
    vertices = np.array([[1, 0, 0], [-1.1, 0, 0], [0.01, 1, 0], [-2, 0, 1], [2, 0.1, 1]])
    assert nearest_mirror(vertices).tolist() == [1, 0, 2, 4, 3]


def test_missing_files_are_listed_at_once(extras: Path, folder: Path) -> None:
    with pytest.raises(UserError) as caught:
        load_smpl(extras / "nowhere")
    lines = str(caught.value).splitlines()
    assert len(lines) == 5 and "no such folder" in lines[0]
    names = ["basicmodel_neutral_lbs", "J_regressor_h36m.npy", "J_regressor_extra.npy", "smpl_mean_params.npz"]
    for line, name, source in zip(lines[1:], names, ["smpl.is.tue.mpg.de", *3 * ["SPIN"]], strict=True):
        assert name in line and source in line and str(extras / "nowhere") in line
    shutil.copyfile(folder / MODEL, extras / MODEL)
    (extras / "J_regressor_extra.npy").unlink()
    with pytest.raises(UserError, match=r"^\S+: missing J_regressor_extra\.npy; get SPIN.*$"):
        load_smpl(extras)
    with pytest.raises(UserError, match=r"body\.gender.*neutral, male, female.*'neuter'"):
        load_smpl(folder, "neuter")
    with pytest.raises(UserError, match=r"^paths\.smpl: missing"):
        smpl_body(None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"v_template": np.zeros((10475, 3))}, r"v_template: has shape \(10475, 3\), expected SMPL's \(6890, 3\)"),
        ({"weights": np.full((6890, 24), np.nan)}, "weights: expected finite numbers"),
        ({"f": np.full((13776, 3), 6890)}, "f: numbers vertices that do not exist"),
        ({"kintree_table": np.zeros((2, 24), int)}, "kintree_table: joints are not connected"),
        ({"shapedirs": np.zeros((6890, 3, 4))}, "shapedirs: has shape"),
        ({"posedirs": None}, r"arrays \['posedirs'\] are missing"),
    ],
)
def test_files_of_other_bodies(extras: Path, assets: BodyAssets, change: dict, message: str) -> None:
    content = {key: value for key, value in (assets.smpl_dict() | change).items() if isinstance(value, np.ndarray)}
    np.savez(extras / "SMPL_NEUTRAL.npz", **content)
    with pytest.raises(UserError, match=rf"SMPL_NEUTRAL\.npz: {message}"):
        load_smpl(extras)


def test_damaged_extras(extras: Path, folder: Path) -> None:
    shutil.copyfile(folder / MODEL, extras / MODEL)
    np.save(extras / "J_regressor_extra.npy", np.zeros((17, 6890)))
    with pytest.raises(UserError, match=r"J_regressor_extra\.npy: has shape \(17, 6890\)"):
        load_smpl(extras)
    (extras / "J_regressor_extra.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(UserError, match=r"J_regressor_extra\.npy: not a readable npy"):
        load_smpl(extras)
    np.savez(extras / "smpl_mean_params.npz", pose=np.zeros(144), shape=np.zeros(10))
    with pytest.raises(UserError, match=r"smpl_mean_params\.npz: arrays \['cam'\] are missing"):
        load_smpl(extras)
    (extras / "smpl_mean_params.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(UserError, match=r"smpl_mean_params\.npz: cannot be read"):
        load_smpl(extras)


def test_uv_of_another_mesh(tmp_path: Path) -> None:
    faces = np.array([[0, 1, 2], [2, 1, 3]])
    path = tmp_path / "uv.obj"
    path.write_text("v 0 0 0\nvt 0 0\nvt 1 0\nvt 0 1\nvt 1 1\nf 4/4/1 3/3/1 2/2/1\nf 1/1 2/2 3/3\n")
    vt, ft = read_uv(path, faces)
    assert vt.tolist() == [[0, 0], [1, 0], [0, 1], [1, 1]]
    assert ft.tolist() == [[0, 1, 2], [2, 1, 3]]
    for wrong in (
        "vt 0 0\nf 1/1 2/1 3/1\nf 1/1 2/1 4/1",
        "vt 0 0\nf 1/1 2/1 3/1",
        "vt 0 0\nf 1/1 2/1 3/1\nf 3/1 2/1 4/2",
    ):
        path.write_text(wrong)
        with pytest.raises(UserError, match=r"uv\.obj: its faces are not those"):
            read_uv(path, faces)
    for wrong in ("", "v 0 0 0\nf 1 2 3\nf 3 2 4", "f 1//1 2//1 3//1", "<html>"):
        path.write_text(wrong)
        with pytest.raises(UserError, match=r"uv\.obj: not an OBJ of triangles with UV"):
            read_uv(path, faces)


def test_a_body_without_uv_works_until_it_is_painted(assets: BodyAssets, body: BodyModel) -> None:
    bare = BodyModel(replace(assets, vt=assets.vt[:0], ft=assets.ft[:0]))
    rest = BodyParameters.from_rotations(torch.eye(3).expand(1, 24, 3, 3), torch.zeros(1, 10))
    assert torch.equal(bare(rest).vertices, body(rest).vertices)
    with pytest.raises(UserError, match=r"smpl_uv\.obj into paths\.smpl"):
        Atlas(bare, 32)


def test_check_task_runs_on_the_folder(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["task=check", "experiment=rsc_full", "preset=smoke", "body=smpl", f"paths.output={tmp_path}"]
    main([*words, f"paths.smpl={folder}"])
    assert "everything is in place" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(words)
    assert "paths.smpl: missing" in capsys.readouterr().err
