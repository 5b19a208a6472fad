"""What the released code does without meaning to, switch by switch, against values computed by hand."""

from pathlib import Path

import albumentations as A
import numpy as np
import pytest
from PIL import Image
from small_people import RESOLUTION, SIZE, people

from rscnet.config.compose import compose
from rscnet.config.fingerprint import digest, science
from rscnet.data.augmentation import Augmentation, flip_sample
from rscnet.data.degradations import Bicubic, resize
from rscnet.data.keys import generator
from rscnet.data.plan import BatchKey
from rscnet.data.sample import Sample
from rscnet.data.views import ViewDataset, denormalise
from rscnet.errors import UserError
from rscnet.joints import ANNOTATION_24
from rscnet.predictor import Predictor
from rscnet.tasks import predict

GAIN = A.MultiplicativeNoise(multiplier=(0.5, 0.5), per_channel=False, elementwise=False, p=1.0)


class Grey:
    """One grey person."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Sample:
        sample = people()[0]
        return Sample(
            np.full((SIZE, SIZE, 3), 160, np.uint8), *(getattr(sample, name) for name in list(vars(sample))[1:])
        )


@pytest.mark.parametrize(("accumulate", "levels"), [(False, [80, 80, 80, 80]), (True, [80, 40, 20, 10])])
def test_gain_of_each_view_or_of_all_before(accumulate: bool, levels: list[int]) -> None:
    augmentation = Augmentation(0.0, {"gain": GAIN}, accumulate_gain=accumulate)
    views = ViewDataset(Grey(), RESOLUTION, Bicubic(), SIZE, seed=0, augmentation=augmentation)
    pictures = [denormalise(view)[0] for view in views[BatchKey(0, 0, (0,), 4)].views]
    assert [picture[0, 0].tolist() for picture in pictures] == [[level] * 3 for level in levels]


@pytest.mark.parametrize(("bgr", "level"), [(False, 0.299 * 200), (True, 0.114 * 200)])
def test_red_weighs_as_blue(bgr: bool, level: float) -> None:
    """Without any saturation a red picture is as bright as its luma."""
    colourless = A.ColorJitter((1, 1), (1, 1), (0, 0), (0, 0), p=1.0)
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 200
    found = Augmentation(0.0, {"jitter": colourless}, bgr_luma=bgr).colour(red, generator(0))
    assert np.abs(found.astype(float) - level).max() <= 1
    np.testing.assert_array_equal(Augmentation(0.0, {}, bgr_luma=bgr).colour(red, generator(0)), red)


def test_confidences_of_3d_joints_stay_on_their_side() -> None:
    sample = people()[0]
    left, right = ANNOTATION_24.index("left_wrist"), ANNOTATION_24.index("right_wrist")
    sample.joints_3d[left, 3] = 0.25
    try:
        fixed, released = flip_sample(sample), flip_sample(sample, keep_confidences=True)
        assert (fixed.joints_3d[right, 3], fixed.joints_3d[left, 3]) == (0.25, 1)
        assert (released.joints_3d[right, 3], released.joints_3d[left, 3]) == (1, 0.25)
        np.testing.assert_array_equal(fixed.joints_3d[:, :3], released.joints_3d[:, :3])
        again = flip_sample(released, keep_confidences=True)
        np.testing.assert_array_equal(again.joints_3d, sample.joints_3d)
    finally:
        sample.joints_3d[left, 3] = 1


def test_the_demo_enlarges_bilinearly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corner = np.zeros((2, 2, 3), np.uint8)
    corner[:, 1] = 200
    # pixel centres at a quarter and three quarters of the way; bicubic overshoots
    assert resize(corner, 4, bilinear=True)[0, :, 0].tolist() == [0, 50, 150, 200]
    assert resize(corner, 4)[0, 1, 0] < 50
    Image.fromarray(corner).save(tmp_path / "a.png")
    asked = []
    monkeypatch.setattr(Predictor, "from_checkpoint", lambda *words: asked.append((words[4], *words[6:])) or _stop())
    for words in (
        [],
        ["prediction.mirror=false"],
        ["prediction.focus=false"],
        ["prediction.reframe=false"],
        ["legacy=official"],
        ["fps=25"],
    ):
        config = compose(["task=predict", "checkpoint=none", f"input={tmp_path}", f"output={tmp_path}", *words])
        with pytest.raises(UserError, match="enough"):
            predict.run(config)
    # and it looks once, as at videos
    once = [(True, False, False, False), (False, False, False, False)]
    without_one = [(False, *(i != left_out for i in range(3))) for left_out in range(3)]
    assert asked == [(False, True, True, True), *without_one, *once]


def _stop() -> None:
    raise UserError("enough")


def test_the_group_switches_all_and_words_switch_one() -> None:
    fixed, official = (compose(["data=spin", *words]).plain() for words in ([], ["legacy=official"]))
    where = {
        "bytescale": lambda tree: tree["degradation"],
        "accumulate_gain": lambda tree: tree["augmentation"],
        "bgr_luma": lambda tree: tree["augmentation"],
        "keep_confidences": lambda tree: tree["augmentation"],
        "round_keypoints": lambda tree: tree["data"]["train"],
    }
    for name, node in where.items():
        assert (node(fixed)[name], node(official)[name]) == (False, True)
    one = compose(["data=spin", "legacy.bytescale=true"]).plain()
    assert one["degradation"]["bytescale"] and not one["augmentation"]["bgr_luma"]


def test_switches_that_are_off_leave_runs_where_they_are() -> None:
    off, on = compose(["experiment=rsc_full"]), compose(["experiment=rsc_full", "legacy=official"])
    assert not {"bytescale", "bgr_luma"} & (science(off)["degradation"].keys() | science(off)["augmentation"].keys())
    assert science(on)["degradation"]["bytescale"]
    assert digest(science(off)) != digest(science(on))
