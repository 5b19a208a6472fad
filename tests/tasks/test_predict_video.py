"""Videos from command line to files: every output loads, and nothing readable is lost to a fault elsewhere."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
import small_detector
import torch
from PIL import Image
from pygltflib import GLTF2
from small_clips import write_video
from tiny_checkpoint import write_checkpoint

from rscnet.body import BodyModel
from rscnet.geometry.cameras import camera_to_translation, crop_to_picture
from rscnet.geometry.rotations import axis_angle_to_matrix
from rscnet.run import main
from rscnet.structures import BodyParameters

SMALL = ["preset=smoke", "prediction.video.height=32", "render.antialias=1"]
UNTEXTURED = "texture=none"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("weights"))


def predict(checkpoint: Path, source: Path, output: Path, *words: str, texture: str = UNTEXTURED) -> dict:
    main(["task=predict", *SMALL, texture, f"checkpoint={checkpoint}", f"input={source}", f"output={output}", *words])
    return json.loads((output / "summary.json").read_text())


def test_tracks_that_come_and_go(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video = write_video(tmp_path / "clip.mp4", frames=9, fps=10)
    rows = [(1, 3, 5), (2, 3, 6), (4, 3, 8), (8, 3, 9), (6, 12, 30), (3, 5, 900), (40, 3, 5)]
    lines = [f"{frame},{person},{left},4,9,25,1" for frame, person, left in rows]
    (tmp_path / "gt.txt").write_text("\n".join(lines))
    output = tmp_path / "out"
    summary = predict(checkpoint, video, output, f"tracks={tmp_path / 'gt.txt'}", "prediction.video.max_gap=0.1")

    assert (summary["frames"], summary["video"]["fps"], summary["failed"]) == (9, 10.0, [])
    listed = {entry["id"]: entry for entry in summary["people"]}
    counts = ("first_frame", "last_frame", "frames_seen", "frames_interpolated", "frames_out_of_sight")
    assert {number: tuple(entry[key] for key in counts) for number, entry in listed.items()} == {
        3: (0, 7, 4, 1, 3),
        12: (5, 5, 1, 0, 0),
    }
    assert any("outside the picture" in line for line in summary["skipped"])
    assert any("boxes from frame 39 on" in line for line in summary["skipped"])
    assert "passed over:" in capsys.readouterr().out
    with av.open(str(output / "overlay.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert float(container.streams.video[0].average_rate or 0) == 10
    assert len(frames) == 9 and frames[0].shape == (32, 48 + 48 + 32, 3)
    changed = [np.abs(frame[:, :48].astype(int) - frame[:, 48:96]).max() > 60 for frame in frames]
    assert changed[0] and not changed[8]  # a body where somebody is, none after the last
    for entry in summary["people"]:
        assert all((output / file).is_file() for file in entry["files"])
        gltf = GLTF2().load(str(output / f"person_{entry['id']}" / "motion.glb"))
        assert gltf is not None and len(gltf.animations[0].channels) == 25
    with np.load(output / "person_3" / "motion.npz") as motion:
        assert motion["valid"].tolist() == [True, True, False, True, False, False, False, True]
        assert motion["interpolated"].tolist() == [False, False, True] + [False] * 5
        assert motion["frames"].tolist() == list(range(8)) and float(motion["mocap_framerate"]) == 10


def test_what_was_written_is_listed_where_the_overlay_fails(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press_ctrl_c(*arguments) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rscnet.tasks.predict_video._write_overlay", press_ctrl_c)
    video, output = write_video(tmp_path / "clip.mp4", frames=3, fps=10), tmp_path / "out"
    with pytest.raises(SystemExit):
        predict(checkpoint, video, output)
    summary = json.loads((output / "summary.json").read_text())
    (person,) = summary["people"]
    assert summary["overlay"] is None and all((output / file).is_file() for file in person["files"])


def test_motion_files_agree_with_each_other(checkpoint: Path, tmp_path: Path) -> None:
    """AMASS's frame is the camera's turned, whatever the pelvis' place in the body; and both project to the crop's."""
    video = write_video(tmp_path / "clip.mp4", frames=3, fps=10)
    predict(checkpoint, video, tmp_path / "out", "box=[4,2,30,28]", "prediction.video.overlay=false")
    assert not (tmp_path / "out" / "overlay.mp4").exists()
    with np.load(tmp_path / "out" / "person_0" / "motion.npz") as file:
        motion = {key: torch.from_numpy(np.asarray(file[key])) for key in file.files if file[key].dtype.kind in "fib"}
    body = BodyModel.embedded()
    betas = motion["betas"].expand(3, 10)

    def posed(poses: torch.Tensor, translation: torch.Tensor) -> torch.Tensor:
        rotations = axis_angle_to_matrix(poses.view(3, 24, 3))
        return body(BodyParameters.from_rotations(rotations, betas)).vertices + translation[:, None]

    camera = posed(motion["poses_camera"], motion["translation_camera"])
    world = posed(motion["poses"], motion["trans"])
    torch.testing.assert_close(
        world, torch.stack([camera[..., 0], camera[..., 2], -camera[..., 1]], -1), atol=1e-4, rtol=0
    )
    place = crop_to_picture(motion["camera"], motion["crops"])
    shown = motion["focal_length"] * motion["translation_camera"][:, :2] / motion["translation_camera"][:, 2:]
    torch.testing.assert_close((shown + motion["principal_point"]).float(), place[:, 1:], atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(motion["translation_crop"], camera_to_translation(motion["camera"]))


def test_people_that_a_detector_finds(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_detector.install(monkeypatch)
    torch.save({"shift": torch.zeros(1)}, tmp_path / "weights.pth")
    detector = (
        f"{{_target_: rscnet.video.detector.TorchvisionDetector, weights: {tmp_path}/weights.pth, model: quarters}}"
    )
    video, output = write_video(tmp_path / "clip.mp4", frames=3, fps=10), tmp_path / "out"
    words = [f"prediction.video.detector={detector}", "prediction.video.focal=500"]
    summary = predict(checkpoint, video, output, *words, "prediction.video.people_shown=1")
    assert [(person["id"], person["frames_seen"]) for person in summary["people"]] == [(0, 3), (1, 3)]
    for person in (0, 1):
        with np.load(output / f"person_{person}" / "motion.npz") as motion:
            assert motion["focal_length"] == 500
            left, _, side = motion["crops"][0]
            assert left + side / 2 == pytest.approx(12 + 24 * person, abs=0.5)
            place = crop_to_picture(torch.from_numpy(motion["camera"]), torch.from_numpy(motion["crops"]))
            depth = 500 / place[:, 0].double().numpy()
            np.testing.assert_allclose(motion["translation_camera"][:, 2], depth, rtol=1e-4)
    with av.open(str(output / "overlay.mp4")) as container:
        below = [frame.to_ndarray(format="rgb24")[20:, 98:] for frame in container.decode(video=0)]
    # one person from the side fills the square; two would leave its lower half empty
    assert len(below) == 3 and all(np.ptp(half, axis=(0, 1)).max() > 60 for half in below)


def test_each_track_gets_one_texture_of_the_frames_that_show_it(checkpoint: Path, tmp_path: Path) -> None:
    network = write_checkpoint(tmp_path, "texglo")
    video = write_video(tmp_path / "clip.mp4", frames=6, fps=10)
    rows = [(1, 0, 2), (2, 0, 3), (4, 0, 4), (6, 7, 20)]
    (tmp_path / "gt.txt").write_text("\n".join(f"{f},{person},{left},4,12,25,1" for f, person, left in rows))
    words = [f"tracks={tmp_path / 'gt.txt'}", "prediction.video.overlay=false", "prediction.video.texture_frames=2"]
    summary = predict(checkpoint, video, tmp_path / "out", *words, texture=f"texture={network}")
    pictures = []
    for person in summary["people"]:
        assert f"person_{person['id']}/texture.png" in person["files"]
        with Image.open(tmp_path / "out" / f"person_{person['id']}" / "texture.png") as picture:
            pictures.append(np.asarray(picture))
        gltf = GLTF2().load(str(tmp_path / "out" / f"person_{person['id']}" / "motion.glb"))
        assert gltf is not None and len(gltf.images) == 1
        assert gltf.meshes[0].primitives[0].attributes.TEXCOORD_0 is not None
    assert pictures[0].shape == (32, 32, 3) and not np.array_equal(*pictures)
    assert summary["frames_per_second"]["texture"] > 0


def test_a_folder_of_frames_with_loose_boxes(checkpoint: Path, tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    for number in range(4):
        Image.fromarray(np.full((32, 40, 3), 50 * number, np.uint8)).save(frames / f"{number}.png")
    (frames / "2.png").write_bytes(b"damaged")
    boxes = {
        "images": [{"id": number, "file_name": f"{number}.png"} for number in range(4)],
        "annotations": [{"id": n, "image_id": n, "bbox": [5 + n, 4, 10, 20]} for n in range(4)],
    }
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    words = [f"tracks={tmp_path / 'boxes.json'}", "fps=20", "prediction.video.overlay=false"]
    with pytest.raises(SystemExit):
        predict(checkpoint, frames, tmp_path / "out", *words)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    (person,) = summary["people"]
    assert (person["frames_seen"], person["frames_interpolated"]) == (3, 1)
    assert len(summary["failed"]) == 1 and "2.png" in summary["failed"][0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["box=[900,2,30,28]"], "error: box: the box [900.0, 2.0, 30.0, 28.0] lies outside"),
        (["fps=25"], "is a video and has its own frame rate"),
        (["box=[4,2,30,28]", "boxes={tmp}/none.txt"], "say twice who is in the video"),
        (["tracks={tmp}/none.txt"], "no usable box"),
        (["prediction.turntable=4"], "prediction.turntable: is for pictures, but"),
        (["temporal=learned", "temporal.checkpoint={checkpoint}"], "expected weights of experiment=temporal"),
    ],
)
def test_mistakes_are_one_line(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    (tmp_path / "none.txt").write_text("\n")
    video = write_video(tmp_path / "clip.mp4", frames=2)
    filled = [word.format(tmp=tmp_path, checkpoint=checkpoint) for word in words]
    with pytest.raises(SystemExit):
        predict(checkpoint, video, tmp_path / "out", *filled)
    errors = capsys.readouterr().err
    assert message in errors and errors.count("\n") == 1


def test_words_for_videos_on_pictures(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(SystemExit):
        predict(checkpoint, tmp_path / "a.png", tmp_path / "out", "box=[1,1,5,5]")
    assert "error: box: is for videos" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        predict(checkpoint, tmp_path / "a.png", tmp_path / "out", "fps=25")
    assert "error: fps: is for videos" in capsys.readouterr().err
