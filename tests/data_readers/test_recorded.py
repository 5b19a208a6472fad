"""Recorded motions and sequences as clips, from tiny files in the formats as downloaded."""

from pathlib import Path

import numpy as np
import pytest
import raw_sets
import torch
from scipy.spatial.transform import Rotation
from tiny_checkpoint import write_checkpoint

from rscnet.body import BodyModel
from rscnet.data.clips import EmbeddedClips
from rscnet.data.degradations import Bicubic
from rscnet.data.sequence_clips import SequenceClips
from rscnet.data.spin import SpinAnnotations
from rscnet.data.synthetic.recorded import RecordedMotions, as_motion, read_recordings
from rscnet.data.synthetic.rest import rest_joints
from rscnet.errors import UserError
from rscnet.geometry.rotations import axis_angle_to_matrix
from rscnet.run import main
from rscnet.structures import BodyParameters, Prediction
from scripts import prepare_3dpw

Z_UP = Rotation.from_euler("x", 90, degrees=True)  # SMPL stands along y; AMASS' world has z up


class StillNetwork:
    """Says the rest pose of everybody."""

    image_size, ranges, digest = 48, [(48, 48), (24, 48), (16, 24)], "still"

    def __call__(self, views: torch.Tensor, scale_index: torch.Tensor) -> Prediction:
        count = len(views)
        rotations = torch.eye(3).expand(count, 24, 3, 3).clone()
        parameters = BodyParameters.from_rotations(rotations, torch.zeros(count, 10), torch.ones(count, 3))
        return Prediction(parameters, torch.zeros(count, 2))


@pytest.fixture(scope="module")
def rest() -> np.ndarray:
    return rest_joints(BodyModel.embedded()).numpy().astype(float)


def write_amass(path: Path, frames: int = 61, rate: str = "mocap_framerate", columns: int = 156) -> Path:
    """Somebody faces the world's -x, bends a knee ever more, and walks one metre ahead within a second, 60 Hz."""
    poses = np.zeros((frames, columns))
    facing = Rotation.from_euler("z", -90, degrees=True) * Z_UP
    poses[:, :3] = facing.as_rotvec()
    poses[:, 12] = np.linspace(0, 0.6, frames)  # left knee about x
    poses[:, 66:] = 1.0  # hands, which SMPL's body has not
    way = np.outer(np.linspace(0, 1, frames), facing.apply([0.0, 0.0, 1.0])) + [3.0, 4.0, 0.9]
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{"poses": poses, "trans": way, "betas": np.zeros(16), "gender": "male", rate: 60.0})  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize(("rate", "columns"), [("mocap_framerate", 156), ("mocap_frame_rate", 165)])
def test_amass_stands_upright_faces_the_front_and_keeps_its_way(tmp_path, rest, rate, columns):
    (recording,) = read_recordings(write_amass(tmp_path / "a.npz", rate=rate, columns=columns))
    moved = as_motion(recording, rest, np.arange(5) / 20)
    assert moved.poses.shape == (5, 24, 3) and recording.fps == 60
    np.testing.assert_allclose(moved.poses[:, 0], 0, atol=1e-6)
    np.testing.assert_allclose(moved.poses[:, 4, 0], 0.6 * np.arange(5) / 20, atol=1e-6)
    assert not moved.poses[:, 22:].any() and not moved.airborne.any()
    np.testing.assert_allclose(moved.travel, np.outer(np.arange(5) / 20, [0, 0, 1]), atol=1e-6)


def test_a_jump_leaves_the_ground_and_steps_do_not(tmp_path, rest):
    file = write_amass(tmp_path / "a.npz")
    (recording,) = read_recordings(file)
    recording.translation[:, 1] += 0.3 * np.sin(np.linspace(0, np.pi, 61))
    airborne = as_motion(recording, rest, np.arange(61) / 60).airborne
    assert airborne[0] == 0 and 0.2 < airborne.max() < 0.3 and 25 < airborne.argmax() < 35


@pytest.mark.parametrize("up", [np.eye(3), Z_UP.as_matrix()], ids=["y up", "z up"])
def test_3dpw_people_stand_whatever_axis_of_their_world_points_up(tmp_path, rest, up):
    turn = Rotation.from_matrix(up)
    poses = np.zeros((2, 40, 72))
    poses[:, :, :3] = turn.as_rotvec()
    poses[1, :, :3] = (turn * Rotation.from_euler("y", 40, degrees=True)).as_rotvec()
    raw = raw_sets.write_3dpw(tmp_path, 40, poses=[*poses])
    people = read_recordings(raw / "sequenceFiles" / "test" / "downtown_walk_00.pkl")
    assert len(people) == 2 and people[0].fps == 30
    for person in people:
        np.testing.assert_allclose(as_motion(person, rest, np.arange(3) / 30).poses[:, 0], 0, atol=1e-6)


def test_splits_share_no_file_and_folders_may_say_them(tmp_path):
    for number in range(20):
        write_amass(tmp_path / "flat" / f"subject{number:02d}" / "walk_poses.npz", frames=4)
    np.savez(tmp_path / "flat" / "shape.npz", betas=np.zeros(16))
    parts = {split: RecordedMotions(str(tmp_path / "flat"), split).files() for split in ("train", "val", "test")}
    assert {split: len(files) for split, files in parts.items()} == {"train": 16, "val": 2, "test": 2}
    assert len(set().union(*parts.values())) == 20
    raw_sets.write_3dpw(tmp_path / "3dpw", 4)
    raw_sets.write_3dpw(tmp_path / "3dpw", 4, split="validation")
    below = RecordedMotions(str(tmp_path / "3dpw" / "sequenceFiles"), "val")
    assert [path.parent.name for path in below.files()] == ["validation"]


def test_embedded_people_move_by_recordings(tmp_path):
    write_amass(tmp_path / "amass" / "train" / "a.npz")
    motions = RecordedMotions(str(tmp_path / "amass"), "train")
    clips = EmbeddedClips(
        BodyModel.embedded(), StillNetwork(), Bicubic(), "train", 1, 5, [20.0], 0, tmp_path, [48, 24], motions=motions
    )
    assert clips.missing() == []
    truth = clips[0].truth.rotations
    knee = torch.atan2(truth[:, 4, 2, 1], truth[:, 4, 1, 1])
    torch.testing.assert_close(knee.diff(), torch.full((4,), 0.6 / 20), atol=1e-4, rtol=0)
    assert clips[0].views.rotations.shape == (2, 5, 24, 3, 3)
    long = EmbeddedClips(
        BodyModel.embedded(), StillNetwork(), Bicubic(), "train", 1, 50, [20.0], 0, tmp_path, motions=motions
    )
    with pytest.raises(UserError, match="no recording of the train split is 2"):
        long[0]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npz", b"PK\x03\x04", "cannot be read"),
        ("a.npz", b"", "cannot be read"),
        ("a.npz", {"poses": np.zeros((4, 72)), "mocap_framerate": 60.0}, r"trans \(t, 3\)"),
        ("a.npz", {"poses": np.zeros((4, 30)), "trans": np.zeros((4, 3)), "mocap_framerate": 60.0}, "66 or more"),
        ("a.npz", {"poses": np.zeros((4, 72)), "trans": np.zeros((4, 3))}, "mocap_framerate above 0"),
        ("a.pkl", b"(d.", "poses, trans: missing"),
    ],
)
def test_damaged_recordings_are_one_line(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content) if isinstance(content, bytes) else np.savez(path, **content)
    with pytest.raises(UserError, match=message) as caught:
        read_recordings(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_missing_recordings_are_told_before_anything_is_made(tmp_path):
    assert "paths.motions: not set" in RecordedMotions(None, "train").missing()[0]
    assert "no motions of the test split" in RecordedMotions(str(tmp_path), "test").missing()[0]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3DPW's test set of two people in nine frames, the second one missing in the last."""
    raw, out = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("prepared")
    prepare_3dpw.main([str(raw_sets.write_3dpw(raw, 9)), "--out", str(out)])
    return out


def sequence_clips(prepared: Path, cache: Path, frames: int) -> SequenceClips:
    people = SpinAnnotations(prepared, "3dpw_test", 48)
    return SequenceClips(people, StillNetwork(), Bicubic(), "test", frames, 0, cache, [48, 16])


def test_sequences_are_cut_into_clips_of_one_person(prepared, tmp_path):
    clips = sequence_clips(prepared, tmp_path, 4)
    clips.prepare()
    assert len(clips) == 4 and [clips.gender(i) for i in range(4)] == ["male", "male", "female", "female"]
    man, woman = clips[0].truth, clips[2].truth
    half, turned = axis_angle_to_matrix(torch.tensor([[np.pi, 0, 0], [0, 0.5, 0]])).float()
    torch.testing.assert_close(man.rotations[:, 0], half.expand(4, 3, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(woman.rotations[:, 0], (half @ turned).expand(4, 3, 3), atol=1e-5, rtol=0)
    assert float(man.fps) == 30 and clips[1].views.rotations.shape == (2, 4, 24, 3, 3)
    sides = clips[0].views.crops[..., 2]
    torch.testing.assert_close(sides, torch.tensor([48.0, 16.0])[:, None].expand(2, 4))
    centre = torch.from_numpy(clips.people.fields["center"][0]) / float(200 * clips.people.fields["scale"][0]) * 16
    torch.testing.assert_close((clips[0].views.crops[1, 0, :2] + 8).double(), centre.double(), atol=1e-3, rtol=0)


@pytest.mark.parametrize("field", ["center", "scale", "pose", "shape", "gender"])
def test_other_boxes_or_bodies_are_other_clips(prepared, tmp_path, field):
    before, after = sequence_clips(prepared, tmp_path, 4), sequence_clips(prepared, tmp_path, 4)
    assert before._digest == after._digest
    after.people.fields[field][3] += 1
    assert before._folder != after._folder


def test_sequences_that_are_too_short_are_one_line(prepared, tmp_path):
    with pytest.raises(UserError, match="nobody is seen in 10 consecutive frames"):
        len(sequence_clips(prepared, tmp_path, 10))


def test_both_are_measured_and_trained_on_by_the_entrypoint(prepared, tmp_path, capsys):
    checkpoint = write_checkpoint(tmp_path)
    for split in ("train", "val", "test"):
        write_amass(tmp_path / "amass" / split / "a.npz")
    words = ["preset=smoke", "experiment=temporal", f"checkpoint={checkpoint}", f"paths.output={tmp_path / 'runs'}"]
    words += [f"paths.cache={tmp_path / 'cache'}", "clips={train: 3, val: 1, test: 1, frames: 4}"]
    recorded = ["data=clips_recorded", f"paths.motions={tmp_path / 'amass'}"]
    main([*words, *recorded, "curriculum.stages.stage0.epochs=1", "evaluation.backends.learned=null"])
    (run,) = {path.parent for path in (tmp_path / "runs").glob("*/*/*/seed*/result.json")}
    learned = ["task=evaluate", "temporal=learned", f"temporal.checkpoint={run}", "evaluation.backends.learned=null"]
    main([*words, *learned, "data=clips_3dpw", f"paths.data={prepared}", f"output={tmp_path / 'measured'}"])
    said = capsys.readouterr().out
    for word in ("acceleration error", "jitter", "PA-MPJPE", "PVE", "gaussian", "savgol", "one_euro"):
        assert word in said
    assert (tmp_path / "measured" / "result.json").is_file()
