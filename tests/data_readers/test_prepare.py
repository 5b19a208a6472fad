"""Raw downloads in each publisher's format become annotation files; wrong ones are named, and nothing is run."""

import json
import os
import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import raw_sets
from raw_sets import HEIGHT, WIDTH, points_2d, points_3d
from scipy.io import savemat
from scipy.spatial.transform import Rotation

from rscnet.data.annotations import read_annotations
from rscnet.data.images import read_image
from rscnet.data.prepare import lsp
from rscnet.data.prepare.frames import extract_frames
from rscnet.data.spin import SpinAnnotations
from rscnet.joints import ANNOTATION_24
from scripts import (
    prepare_3dpw,
    prepare_coco,
    prepare_h36m,
    prepare_hr_lspet,
    prepare_lsp,
    prepare_mpi_inf_3dhp,
    prepare_mpii,
)  # fmt: skip

ROOT = Path(__file__).parents[2]
SCRIPTS = {
    "coco": prepare_coco, "mpii": prepare_mpii, "lsp": prepare_lsp, "hr_lspet": prepare_hr_lspet,
    "3dpw": prepare_3dpw, "mpi_inf_3dhp": prepare_mpi_inf_3dhp, "h36m": prepare_h36m,
}  # fmt: skip


class Call:
    """Pickles as the call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def prepare(name: str, raw: Path, *words: str) -> Path:
    """Runs a script and returns the folder that it wrote."""
    out = raw.parent / "prepared"
    SCRIPTS[name].main([str(raw), "--out", str(out), *words])
    return out


def refused(name: str, raw: Path, *words: str) -> str:
    """Runs a script that fails and returns the one line that it says."""
    with pytest.raises(SystemExit) as caught:
        SCRIPTS[name].main([str(raw), "--out", str(raw.parent / "prepared"), *words])
    (line,) = str(caught.value.code).splitlines()
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


def check_parts(fields: dict[str, np.ndarray], row: int, names: set[str]) -> None:
    """The labelled joints are those, at the right places, and the rest is zero."""
    part = fields["part"][row]
    assert {name for name, joint in zip(ANNOTATION_24, part, strict=True) if joint[2]} == names
    chosen = [i for i, name in enumerate(ANNOTATION_24) if name in names]
    np.testing.assert_allclose(part[chosen, :2], points_2d([ANNOTATION_24[i] for i in chosen]), atol=1e-3)
    assert not np.delete(part, chosen, axis=0).any()


def check_box(fields: dict[str, np.ndarray], row: int, names: Any, margin: float = 1.2) -> None:
    """The box is the square about these joints."""
    points = points_2d(names)
    low, high = points.min(0), points.max(0)
    np.testing.assert_allclose(fields["center"][row], (low + high) / 2, atol=1e-3)
    np.testing.assert_allclose(fields["scale"][row] * 200, margin * (high - low).max(), atol=1e-3)


def check_sample(out: Path, name: str, row: int = 0) -> None:
    """The person's head is on the picture's marks."""
    sample = SpinAnnotations(out, name, 64)[row]
    nose = sample.keypoints_2d[25 + ANNOTATION_24.index("left_shoulder")]
    x, y = ((nose[:2] + 1) / 2 * 64).astype(int)
    marked, ground = sample.image[y, x].astype(int), sample.image[4, 60].astype(int)
    assert np.abs(marked - ground).max() > 15 and 0 <= x < 64 and 0 <= y < 64


SEVENTEEN = {"image": "a.jpg", "center": [4.0, 5.0], "scale": 1.0, "joints": [[1.0, 2.0]] * 17}
COCO_JOINTS = {n for n in ANNOTATION_24 if n.split("_")[0] in ("left", "right", "nose")}
LSP_JOINTS = set(ANNOTATION_24[:14])
H36M_JOINTS = {*LSP_JOINTS, "pelvis_mpii", "spine_h36m", "jaw_h36m", "head_h36m"} - {"head_top_lsp"}


def test_coco(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = raw_sets.write_coco(tmp_path / "raw")
    out = prepare("coco", raw)
    said = capsys.readouterr().out
    assert "coco_2014_train.npz: 4 people in 4 pictures" in said and "missing" not in said
    for reason in ("1 with fewer than 12 joints", "1 crowds", "1 without a box"):
        assert f"left out: {reason}" in said
    fields = read_annotations(out / "coco_2014_train.npz")
    assert fields["imgname"][2] == "train2014/COCO_train2014_000000000003.jpg"
    np.testing.assert_allclose(fields["center"][0], [45, 40])
    assert fields["scale"][0] == pytest.approx(1.2 * 64 / 200)
    check_parts(fields, 0, COCO_JOINTS)
    check_sample(out, "coco_2014_train", 1)
    assert (out / "coco_2014_train").resolve() == raw.resolve()
    grey = SpinAnnotations(out, "coco_2014_train", 32)[0].image
    assert np.ptp(grey.astype(int), axis=2).max() == 0
    (raw / "train2014" / "COCO_train2014_000000000003.jpg").unlink()
    prepare("coco", raw, "--split", "train2014")
    assert "pictures missing: 1 of 4, first " in capsys.readouterr().out
    line = refused("coco", raw, "--split", "val2014")
    assert "person_keypoints_val2014.json: no such annotation file; expected COCO unpacked there" in line


def test_coco_of_the_publisher(tmp_path: Path) -> None:
    """A picture of COCO val2017 with its own entry."""
    coco = ROOT / "tests" / "data" / "coco"
    prepare_coco.main([str(coco / "person_keypoints_785.json"), "--out", str(tmp_path)])
    fields = read_annotations(tmp_path / "coco_785.npz")
    assert fields["imgname"].tolist() == ["000000000785.jpg"]
    assert {n for n, joint in zip(ANNOTATION_24, fields["part"][0], strict=True) if joint[2]} == COCO_JOINTS
    sample = SpinAnnotations(tmp_path, "coco_785", 64)[0]
    assert np.abs(sample.keypoints_2d[sample.keypoints_2d[:, 2] > 0, :2]).max() < 1


@pytest.mark.parametrize("kind", ["mat", "json", "h5"])
def test_mpii(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    if kind == "h5":
        pytest.importorskip("h5py")
    out = prepare("mpii", raw_sets.write_mpii(tmp_path / "raw", kind=kind))
    said = capsys.readouterr().out
    assert "mpii_train.npz: 4 people in 4 pictures" in said and "left out: 1 with fewer than 16 joints" in said
    fields = read_annotations(out / "mpii_train.npz")
    assert fields["imgname"][3] == "images/000000003.jpg"
    np.testing.assert_allclose(fields["center"][0], [48, 40])
    np.testing.assert_allclose(fields["scale"], 0.35)
    check_parts(fields, 0, {*LSP_JOINTS, "pelvis_mpii", "thorax_mpii"})
    check_sample(out, "mpii_train")
    prepare("mpii", tmp_path / "raw", "--min-joints", "15")
    part = read_annotations(out / "mpii_train.npz")["part"]
    assert len(part) == 5 and not part[4, ANNOTATION_24.index("head_top_lsp")].any()


def test_lsp_halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lsp, "TRAINING", 3)
    raw = raw_sets.write_lsp(tmp_path / "raw", 5)
    out = prepare("lsp", raw)
    prepare("lsp", raw, "--split", "test")
    fields, test = (read_annotations(out / f"{name}.npz") for name in lsp.SETS.values())
    assert fields["imgname"].tolist() == [f"images/im000{i}.jpg" for i in (1, 2, 3)]
    assert test["imgname"].tolist() == [f"images/im000{i}.jpg" for i in (4, 5)]
    check_parts(fields, 0, LSP_JOINTS)
    check_box(fields, 0, ANNOTATION_24[:14])
    check_sample(out, "lsp_dataset_original_train")


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_lsp_extended(tmp_path: Path, suffix: str) -> None:
    out = prepare("hr_lspet", raw_sets.write_lspet(tmp_path / "raw", 3, suffix))
    fields = read_annotations(out / "hr-lspet_train.npz")
    assert fields["imgname"].tolist() == [f"im0000{i}{suffix}" for i in (1, 3, 5)]
    check_parts(fields, 0, LSP_JOINTS)
    check_parts(fields, 2, LSP_JOINTS - {"head_top_lsp"})
    check_box(fields, 2, sorted(LSP_JOINTS - {"head_top_lsp"}))


def test_3dpw(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = prepare("3dpw", raw_sets.write_3dpw(tmp_path / "raw"))
    said = capsys.readouterr().out
    assert "3dpw_test.npz: 5 people in 3 pictures" in said and "left out: 1 with an invalid camera" in said
    fields = read_annotations(out / "3dpw_test.npz")
    assert fields["imgname"][1] == "imageFiles/downtown_walk_00/image_00001.jpg"
    assert fields["gender"].tolist() == [1, 1, 1, 2, 2] and fields["frame"].tolist() == [0, 1, 2, 0, 1]
    assert set(fields["sequence"].tolist()) == {"downtown_walk_00"}
    np.testing.assert_allclose(fields["shape"][[0, 4]], [np.arange(10), -np.arange(10)])
    # the camera stands upside down in the world: half a turn about x, on top of the woman's own turn about y
    half = Rotation.from_rotvec([np.pi, 0, 0])
    found = Rotation.from_rotvec(fields["pose"][[0, 3], :3])
    wanted = Rotation.concatenate([half, half * Rotation.from_rotvec([0, 0.5, 0])])
    assert (found.inv() * wanted).magnitude().max() < 1e-6
    np.testing.assert_allclose(fields["pose"][0, 3:7], [0, 0, 0.1, 0], atol=1e-6)
    check_box(fields, 0, raw_sets.OPENPOSE_18)
    assert fields["openpose"][0, :, 2].sum() == pytest.approx(17 * 0.9 + 0.9)
    check_sample(out, "3dpw_test")


@pytest.mark.parametrize(
    "change",
    [
        {"poses2d": None, "jointPositions": [np.tile(points_3d(ANNOTATION_24).ravel(), (3, 1))] * 2,
         "cam_poses": np.tile(np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 4], [0, 0, 0, 1.0]]), (3, 1, 1)),
         "cam_intrinsics": np.array([[100, 0, 48], [0, 100, 40], [0, 0, 1.0]])},
        {"genders": np.array(["m", "f"], "S1"), "betas": np.zeros((2, 300)), "campose_valid": np.ones((2, 3), bool)},
        {"poses": np.zeros((2, 3, 72), np.float32), "cam_poses": np.tile(np.eye(4, dtype=np.float32), (3, 1, 1))},
    ],
    ids=["projected", "arrays", "float32"],
)  # fmt: skip
def test_3dpw_of_other_makes(tmp_path: Path, change: dict) -> None:
    fields = read_annotations(prepare("3dpw", raw_sets.write_3dpw(tmp_path / "raw", **change)) / "3dpw_test.npz")
    assert len(fields["imgname"]) == (6 if "genders" in change else 5)
    assert np.abs(fields["center"] - (WIDTH / 2, HEIGHT / 2)).max() < 12 and (fields["scale"] > 0.1).all()


def test_hostile_sequences_are_refused_and_nothing_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sentinel = tmp_path / "sentinel"
    for field in ("texture_maps", "genders", "poses2d"):
        raw = raw_sets.write_3dpw(tmp_path / "raw", **{field: [Call(os.system, f"touch {sentinel}")]})
        line = refused("3dpw", raw)
        assert "downtown_walk_00.pkl: refused, it calls for 'posix.system'" in line and "nothing was run" in line
    assert not sentinel.exists()


def test_mpi_inf_3dhp_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = prepare("mpi_inf_3dhp", raw_sets.write_mpi_train(tmp_path / "raw"))
    said = capsys.readouterr().out
    # 8 cameras of 12 frames, one of which is outside: 95, of which every tenth is kept
    assert "mpi_inf_3dhp_train.npz: 10 people in 10 pictures" in said and "missing" not in said
    assert "left out: 1 with joints outside the picture" in said and "left out: 85 between every 10th" in said
    assert "left out: 15 sequences absent, first " in said and "S1/Seq2" in said
    fields = read_annotations(out / "mpi_inf_3dhp_train.npz")
    assert fields["imgname"][:2].tolist() == [
        "S1/Seq1/imageFrames/video_0/frame_000001.jpg", "S1/Seq1/imageFrames/video_0/frame_000012.jpg",
    ]  # fmt: skip
    check_parts(fields, 0, H36M_JOINTS)
    joints = fields["S"][0]
    labelled = joints[:, 3] > 0
    assert {name for name, has in zip(ANNOTATION_24, labelled, strict=True) if has} == H36M_JOINTS
    expected = points_3d([name for name, has in zip(ANNOTATION_24, labelled, strict=True) if has])
    np.testing.assert_allclose(joints[labelled, :3], expected, atol=1e-6)
    check_sample(out, "mpi_inf_3dhp_train")


def test_frames_out_of_videos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    av = pytest.importorskip("av")
    raw = raw_sets.write_mpi_train(tmp_path / "raw", pictures=False)
    prepare("mpi_inf_3dhp", raw)
    assert "pictures missing: 10 of 10" in capsys.readouterr().out
    for camera in (0, 1, 2, 4, 5, 6, 7, 8):
        path = raw / "S1" / "Seq1" / "imageSequence" / f"video_{camera}.avi"
        assert camera or "video_0.avi: no such video" in refused("mpi_inf_3dhp", raw, "--extract")
        path.parent.mkdir(exist_ok=True)
        with av.open(str(path), "w") as video:
            stream = video.add_stream("mpeg4", rate=25)
            stream.width, stream.height = WIDTH, HEIGHT
            for i in range(12):
                picture = np.full((HEIGHT, WIDTH, 3), 20 * i, np.uint8)
                video.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
            video.mux(stream.encode(None))
    out = prepare("mpi_inf_3dhp", raw, "--extract")
    assert "missing" not in capsys.readouterr().out
    sample = SpinAnnotations(out, "mpi_inf_3dhp_train", 32)[1]  # frame 12
    assert abs(int(sample.image[16, 16, 0]) - 220) < 6


def test_mpi_inf_3dhp_test_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("h5py")
    out = prepare("mpi_inf_3dhp", raw_sets.write_mpi_test(tmp_path / "raw"), "--split", "test")
    assert "left out: 1 in frames that are not valid" in capsys.readouterr().out
    fields = read_annotations(out / "mpi_inf_3dhp_test.npz")
    assert fields["imgname"].tolist() == [
        f"mpi_inf_3dhp_test_set/TS1/imageSequence/img_00000{i}.jpg" for i in (1, 3, 4)
    ]
    check_parts(fields, 2, H36M_JOINTS)
    np.testing.assert_allclose(fields["S"][0, ANNOTATION_24.index("left_wrist")], [0.3, 0, -0.1, 1], atol=1e-6)
    assert set(fields["sequence"]) == {"TS1"}
    check_sample(out, "mpi_inf_3dhp_test")


@pytest.mark.parametrize(("masks", "cdf"), [(True, True), (False, True), (True, False)])
def test_h36m(tmp_path: Path, masks: bool, cdf: bool, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("h5py")
    pytest.importorskip("cdflib")
    out = prepare("h36m", raw_sets.write_h36m(tmp_path / "raw", masks=masks, cdf=cdf))
    said = capsys.readouterr().out
    assert "h36m_train_protocol1.npz: 4 people in 4 pictures" in said and "subjects absent: S8" in said
    fields = read_annotations(out / "h36m_train_protocol1.npz")
    assert fields["imgname"][1] == "images/S1_Directions_1.54138969_000006.jpg"
    check_parts(fields, 0, H36M_JOINTS)
    if masks:
        np.testing.assert_allclose(fields["center"][0], [50, 40])
        assert fields["scale"][0] == pytest.approx(0.9 * 60 / 200)
    else:
        check_box(fields, 0, sorted(H36M_JOINTS))
    np.testing.assert_allclose(fields["S"][0, ANNOTATION_24.index("right_ankle")], [-0.15, 0.8, 0, 1], atol=1e-5)
    assert not fields["S"][0, ANNOTATION_24.index("pelvis_mpii"), :3].any()
    check_sample(out, "h36m_train_protocol1")


def test_h36m_protocols(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    out = prepare("h36m", raw_sets.write_h36m(tmp_path / "raw", (9, 11), cdf=False), "--split", "valid")
    first, second = (read_annotations(out / f"h36m_valid_protocol{i}.npz")["imgname"] for i in (1, 2))
    assert len(first) == 8 and len(second) == 4 and all(".60457274_" in name for name in second)


def test_fits_are_taken_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = raw_sets.write_lsp(tmp_path / "raw", 2)
    fits = {"pose": np.full((2, 72), 0.1), "shape": np.ones((2, 10)), "valid_fit": np.array([True, False])}
    np.savez(tmp_path / "fits.npz", **fits)
    out = prepare("lsp", raw, "--fits", str(tmp_path / "fits.npz"))
    source = SpinAnnotations(out, "lsp_dataset_original_train", 32)
    assert [source[i].has_smpl for i in range(2)] == [True, False]
    np.save(tmp_path / "fits.npy", np.concatenate([fits["pose"], fits["shape"]], 1)[:1])
    line = refused("lsp", raw, "--fits", str(tmp_path / "fits.npy"))
    assert "fits.npy: expected a pose of 72 and a shape of 10 for each of 2 people" in line
    for name in ("fits.npy", "fits.npz"):
        for content in (b"", (tmp_path / name).read_bytes()[:200]):
            (tmp_path / name).write_bytes(content)
            assert f"{name}: cannot be read (" in refused("lsp", raw, "--fits", str(tmp_path / name))
    np.savez(tmp_path / "fits.npz", imgname=np.array(["a.jpg"] * 2), **fits)
    assert "fits.npz: center: expected two numbers for each of the 2" in refused(
        "lsp", raw, "--fits", str(tmp_path / "fits.npz")
    )


def test_fits_that_name_their_pictures_are_matched(tmp_path: Path) -> None:
    """SPIN's annotation files have another order, and for MPI-INF-3DHP other frames."""
    raw = raw_sets.write_lsp(tmp_path / "raw", 3)
    rows = {"imgname": np.array([f"images/im000{i}.jpg" for i in (3, 1, 3)]), "scale": np.ones(3)}
    rows |= {"center": np.array([[48, 40], [48, 40], [10, 10]]), "has_smpl": np.array([1, 1, 1])}
    rows |= {"pose": np.repeat([[3.0], [1.0], [9.0]], 72, 1), "shape": np.zeros((3, 10))}
    np.savez(tmp_path / "spin.npz", **rows)
    out = prepare("lsp", raw, "--fits", str(tmp_path / "spin.npz"))
    fields = read_annotations(out / "lsp_dataset_original_train.npz")
    assert fields["has_smpl"].tolist() == [1, 0, 1]
    assert fields["pose"][[0, 2], 0].tolist() == [1, 3]


@pytest.mark.parametrize("name", SCRIPTS)
def test_missing_folders_and_files_are_named(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "gone: no such folder; expected the raw download" in refused(name, tmp_path / "gone")
    (tmp_path / "raw").mkdir()
    line = refused(name, tmp_path / "raw")
    assert f"{tmp_path / 'raw'}/" in line and ": no such " in line and "from http" in line
    with pytest.raises(SystemExit, match="0"):
        SCRIPTS[name].main(["--help"])
    said = capsys.readouterr().out
    assert "get:  " in said and "licence: " in said and "layout: " in said


@pytest.mark.parametrize(
    ("name", "file", "content", "message"),
    [
        ("coco", "annotations/person_keypoints_train2014.json", b"{", "no valid JSON"),
        ("coco", "annotations/person_keypoints_train2014.json", b'{"images": []}', "annotations: expected a list"),
        ("coco", "annotations/person_keypoints_train2014.json", b'{"images": [], "annotations": [null]}',
         r"annotations\[0\]: .*expected COCO's keypoints"),
        ("mpii", "train.json", b'[{"image": "a.jpg"}]', "unknown structure"),
        ("mpii", "train.json", json.dumps([SEVENTEEN]).encode(), "expected a center of 2 and 16 joints"),
        ("mpii", "train.h5", b"no", "cannot be read as HDF5"),
        ("mpii", "mpii_human_pose_v1_u12_1.mat", b"no", "cannot be read as a MATLAB file"),
        ("lsp", "joints.mat", b"", "cannot be read as a MATLAB file"),
        ("3dpw", "sequenceFiles/test/a.pkl", b"(d", "not a whole pickle"),
        ("3dpw", "sequenceFiles/test/a.pkl", b"(d.", "poses, betas, cam_poses, campose_valid, .*: missing"),
        ("mpi_inf_3dhp", "S1/Seq1/annot.mat", b"MATLAB", "cannot be read as a MATLAB file"),
        ("h36m", "S1/MyPoseFeatures/D3_Positions_mono/Directions.54138969.npz", b"no", "expected Pose, 32 joints of 3"),
        ("h36m", "S1/MyPoseFeatures/D3_Positions_mono/Directions.54138969.npz", b"", "expected Pose, 32 joints of 3"),
        ("h36m", "S1/MyPoseFeatures/D3_Positions_mono/Directions.54138969.npz", b"PK\3\4", "expected Pose, 32 joints"),
        ("h36m", "S1/MyPoseFeatures/D3_Positions_mono/Directions.54138969.cdf", b"no", "expected Pose, 32 joints of 3"),
    ],
    ids=str,
)  # fmt: skip
def test_damaged_files_are_named(
    tmp_path: Path, name: str, file: str, content: bytes, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "raw" / file
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    line = refused(name, tmp_path / "raw")
    assert line.startswith(str(path))
    assert re.search(message, line), line


def test_joints_of_another_shape_and_pictures_that_do_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = raw_sets.write_lspet(tmp_path / "raw", 3)
    (raw / "im00001.png").unlink()
    assert "joints.mat has 3 people, expected as many im*.png, found 2" in refused("hr_lspet", raw)
    savemat(raw / "joints.mat", {"joints": np.zeros((4, 4))})
    assert "joints.mat: joints: expected 14 x 3 x n or 3 x 14 x n, got (4, 4)" in refused("hr_lspet", raw)


@pytest.mark.parametrize("name", ["h36m", "mpi_inf_3dhp"])
def test_no_frame_in_none_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "raw").mkdir()
    assert refused(name, tmp_path / "raw", "--every", "0") == "every: expected 1 or more, got 0"


def test_damaged_pictures_are_named(tmp_path: Path) -> None:
    raw = raw_sets.write_lspet(tmp_path / "lspet", 2)
    (raw / "im00003.png").write_bytes(b"no")
    assert refused("hr_lspet", raw).startswith(f"{raw / 'im00003.png'}: cannot be read")
    pytest.importorskip("h5py")
    raw = raw_sets.write_mpi_test(tmp_path / "raw")
    picture = raw / "mpi_inf_3dhp_test_set" / "TS1" / "imageSequence" / "img_000001.jpg"
    picture.write_bytes(b"no")
    assert refused("mpi_inf_3dhp", raw, "--split", "test").startswith(f"{picture}: cannot be read")


def test_the_link_leads_to_the_folder_that_was_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = lsp.SETS["train"]
    old, new = (raw_sets.write_lsp(tmp_path / folder, 2) for folder in ("old", "new"))
    prepare("lsp", old)
    out = prepare("lsp", new)
    assert (out / name).resolve() == new.resolve()
    assert f"pictures: {out / name} -> {new.resolve()}\n" in capsys.readouterr().out
    (out / f"{name}_imgs.pkl").touch()
    prepare("lsp", old)
    assert f"pictures: {out / name}_imgs.pkl (there before)\n" in capsys.readouterr().out


def test_a_frame_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    av, path = pytest.importorskip("av"), tmp_path / "frames" / "frame_000001.jpg"
    with av.open(str(tmp_path / "video.avi"), "w") as video:
        stream = video.add_stream("mpeg4", rate=25)
        stream.width, stream.height = WIDTH, HEIGHT
        video.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8), "rgb24")))
        video.mux(stream.encode(None))

    def killed(*paths: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("os.replace", killed)
        extract_frames(tmp_path / "video.avi", {0: path})
    assert not path.exists()
    extract_frames(tmp_path / "video.avi", {0: path})
    assert read_image(path).shape == (HEIGHT, WIDTH, 3)


def test_a_script_as_a_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = raw_sets.write_lsp(tmp_path / "raw", 2)
    script = str(ROOT / "scripts" / "prepare_lsp.py")
    monkeypatch.setattr("sys.argv", [script, str(raw), "--out", str(tmp_path / "out")])
    runpy.run_path(script, run_name="__main__")
    said = capsys.readouterr().out
    assert "lsp_dataset_original_train.npz: 2 people in 2 pictures; fields imgname, center, scale, part" in said
