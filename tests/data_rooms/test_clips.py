from pathlib import Path

import albumentations as A
import numpy as np
import pytest
import torch
from small_clips import steady_track

from rscnet.body import BodyModel
from rscnet.data.clip import Clip, collate
from rscnet.data.clip_module import ClipDataModule, ClipDataset, backwards, mirrored
from rscnet.data.clips import EmbeddedClips
from rscnet.data.degradations import Bicubic, Degradation
from rscnet.data.low_quality import StillCamera
from rscnet.data.plan import BatchKey, Curriculum
from rscnet.errors import UserError
from rscnet.losses.temporal import body_joints
from rscnet.resolution import ResolutionSet
from rscnet.structures import BodyParameters, Prediction
from rscnet.temporal.track import Track

RANGES = [(48, 48), (32, 48), (24, 32), (16, 24)]


class CountingNetwork:
    """Says the mean brightness of what it sees and the scale that it was told."""

    image_size, ranges, digest = 48, RANGES, "counting"

    def __init__(self) -> None:
        self.scales: list[int] = []

    def __call__(self, views: torch.Tensor, scale_index: torch.Tensor) -> Prediction:
        self.scales += scale_index.tolist()
        count = len(views)
        rotations = torch.eye(3).expand(count, 24, 3, 3).clone()
        betas = views.mean((1, 2, 3))[:, None].expand(count, 10).clone()
        return Prediction(BodyParameters.from_rotations(rotations, betas, torch.ones(count, 3)), torch.zeros(count, 2))


def clips(cache: Path, degradation: Degradation | None = None, **changes) -> EmbeddedClips:
    settings = {
        "split": "train",
        "length": 2,
        "frames": 5,
        "rates": [10.0, 20.0],
        "seed": 0,
        "cache_dir": cache,
        "views": 3,
    }
    return EmbeddedClips(BodyModel.embedded(), CountingNetwork(), degradation or Bicubic(), **(settings | changes))


def test_clips_are_made_once_and_read_back(tmp_path: Path) -> None:
    first, again = clips(tmp_path), clips(tmp_path)
    made = first[1]
    read = again[1]
    assert again.estimator.scales == [] and len(first.estimator.scales) == 3 * 5  # type: ignore[attr-defined]
    torch.testing.assert_close(read.views.betas, made.views.betas)
    assert made.views.rotations.shape == (3, 5, 24, 3, 3) and made.truth.rotations.shape == (5, 24, 3, 3)
    assert float(made.truth.fps) in (10.0, 20.0)
    assert made.truth.picture_camera[:, 1:].sub(24).abs().max() < 30  # somewhere in the picture
    np.testing.assert_allclose(made.views.crops[0, :, 2].mean(), 48, atol=4)
    assert made.views.crops[..., 2].min() >= 14


def still(quality: int) -> StillCamera:
    return StillCamera({"jpeg": A.ImageCompression(quality_range=(quality, quality), p=1.0), "gone": None})


def test_one_folder_for_each_degradation(tmp_path: Path) -> None:
    given = [Bicubic(), Bicubic(), still(30), still(30), still(90), Bicubic(antialias=False)]
    folders = [clips(tmp_path, degradation)._folder for degradation in given]  # all alive, at addresses of their own
    assert folders[0] == folders[1] and folders[2] == folders[3]
    assert len(set(folders)) == 4


def test_sizes_of_evaluation_stand_still_and_name_the_scale(tmp_path: Path) -> None:
    source = clips(tmp_path, sizes=[48, 16], split="test", box_noise=0.0)
    clip = source[0]
    torch.testing.assert_close(clip.views.crops[..., 2], torch.tensor([[48.0], [16.0]]).expand(2, 5))
    assert source.estimator.scales == [0] * 5 + [3] * 5  # type: ignore[attr-defined]
    assert not torch.equal(clip.views.betas[0], clip.views.betas[1])


def test_damaged_caches_are_named(tmp_path: Path) -> None:
    clips(tmp_path, length=1).prepare()
    (victim,) = tmp_path.rglob("*.npz")
    whole = victim.read_bytes()
    flipped = whole[:200] + bytes([whole[200] ^ 4]) + whole[201:]
    for damaged in (b"nothing", b"", whole[: len(whole) // 2], flipped):
        victim.write_bytes(damaged)
        with pytest.raises(UserError, match=rf"00000\.npz: cannot be read .*; delete {victim.parent}, it will be made"):
            clips(tmp_path, length=1)[0]
    np.savez(victim, **{"views.rotations": np.zeros(3)})  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"00000\.npz: .*truth\.fps: missing"):
        clips(tmp_path, length=1)[0]


def test_a_fault_while_a_clip_is_made_is_not_called_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(source: EmbeddedClips, index: int) -> Clip:
        raise ValueError("a fault of ours")

    monkeypatch.setattr(EmbeddedClips, "_make", make)
    with pytest.raises(ValueError, match="a fault of ours"):
        clips(tmp_path)[0]


def test_a_cache_that_cannot_be_written_stops_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"00000\.npz: cannot be written .*paths\.cache"):
        clips(tmp_path / "file", length=1).prepare(skip_bad=True)


def test_clips_that_cannot_be_made_are_left_out_on_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def make(source: EmbeddedClips, index: int) -> Clip:
        asked.append(index)
        if index == 0:
            raise UserError("recording.npz: damaged")
        return one_clip(steady_track())

    monkeypatch.setattr(EmbeddedClips, "_make", make)
    plan = Curriculum({"all": {"views": 1, "batch_size": 2, "epochs": 1}})
    for skip_bad in (True, False):
        source = clips(tmp_path / str(skip_bad))
        module = ClipDataModule(source, source, source, ResolutionSet(RANGES, [48]), plan, seed=0, skip_bad=skip_bad)
        if skip_bad:
            module.prepare("train")
            module.prepare("train")
            assert list(module.readable(source)) == [1] and asked == [0, 1]
        else:
            with pytest.raises(UserError, match=r"^recording\.npz: damaged$"):
                module.prepare("train")


def one_clip(track: Track) -> Clip:
    return Clip(Track.concatenate([track.map(lambda t: t[None])] * 2), track)


def test_mirrors_and_ways_back_are_their_own_inverse() -> None:
    track = steady_track()
    for change in (mirrored, backwards):
        back = change(change(track))
        torch.testing.assert_close(back.rotations, track.rotations)
        torch.testing.assert_close(back.picture_camera, track.picture_camera)
    place = track.picture_camera * torch.tensor([1.0, -1.0, 1.0])
    torch.testing.assert_close(mirrored(track).picture_camera, place)
    torch.testing.assert_close(backwards(track).picture_camera, track.picture_camera.flip(0))


def test_a_mirrored_body_is_the_mirrored_body() -> None:
    body, track = BodyModel.embedded(), steady_track()
    from rscnet.joints import ANNOTATION_24

    swapped = [ANNOTATION_24.index(_other(name)) for name in ANNOTATION_24]
    there = body_joints(track, body)[:, swapped] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(body_joints(mirrored(track), body), there, atol=0.02, rtol=0)


def _other(name: str) -> str:
    return (
        name.replace("left", "x").replace("right", "left").replace("x", "right")
        if "left" in name or "right" in name
        else name
    )


def test_batches_are_keyed_and_evaluation_changes_nothing() -> None:
    source = [one_clip(steady_track()), one_clip(steady_track(12, fps=10.0))]
    key = BatchKey(3, 0, (1, 0), 2)
    train = ClipDataset(source, seed=1, gaps=1.0, augment=True)  # type: ignore[arg-type]
    torch.testing.assert_close(train[key].views.rotations, train[key].views.rotations)
    assert not train[key].views.valid.all() and train[key].truth.valid.all()
    plain = ClipDataset(source, seed=1)[key]  # type: ignore[arg-type]
    assert plain.views.rotations.shape == (2, 2, 12, 24, 3, 3) and plain.truth.fps.tolist() == [10.0, 25.0]
    torch.testing.assert_close(plain.views.rotations[0, 1], source[0].truth.rotations)
    torch.testing.assert_close(collate(source, 1).views.camera, plain.views.camera[:1].flip(1))
    with pytest.raises(UserError, match="asks for 3 views"):
        ClipDataset(source, seed=1)[BatchKey(0, 0, (0,), 3)]  # type: ignore[arg-type]


def test_batches_of_clips_must_reach_every_process() -> None:
    plan = Curriculum({"all": {"views": 1, "batch_size": 2, "epochs": 1}})
    module = ClipDataModule([None] * 8, [], [], ResolutionSet(RANGES, [48]), plan, seed=0)  # type: ignore[arg-type]
    module.check_ranks(2)
    with pytest.raises(UserError, match=r"stage 0 has batches of 2 samples over all devices, too few for 3"):
        module.check_ranks(3)
