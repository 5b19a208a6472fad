"""What cheap cameras do to small pictures: seeded, worse with each step, nothing at full resolution."""

import albumentations as A
import numpy as np
import pytest
from small_people import SIZE, people

from rscnet.config.build import build
from rscnet.config.compose import compose
from rscnet.data.degradations import Bicubic, Degradation, stretch
from rscnet.data.keys import generator
from rscnet.data.low_quality import StillCamera, VideoCamera
from rscnet.errors import UserError

NAMES = ("bicubic", "no_antialias", "blur_noise_jpeg", "video_codec")


@pytest.fixture(scope="module")
def configured() -> dict[str, Degradation]:
    pytest.importorskip("av")
    return {name: build(compose([f"degradation={name}"]).plain()["degradation"]) for name in NAMES}


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Mean difference in grey levels."""
    return float(np.abs(a.astype(float) - b).mean())


@pytest.mark.parametrize("name", NAMES)
def test_draws_come_from_the_generator_alone(configured, name: str) -> None:
    degradation, image = configured[name], people()[0].image
    first = degradation(image, 24, 48, generator(1))
    assert first.shape == (48, 48, 3) and first.dtype == np.uint8
    np.testing.assert_array_equal(degradation(image, 24, 48, generator(1)), first)
    others = [degradation(image, 24, 48, generator(seed)) for seed in range(2, 6)]
    assert any((other != first).any() for other in others) == (name in ("blur_noise_jpeg", "video_codec"))
    np.testing.assert_array_equal(degradation(image, SIZE, SIZE, generator(1)), image)
    for size in (16, 23, 40):
        assert degradation(image, size, SIZE, generator(1)).shape == image.shape


def test_each_part_of_the_still_camera_acts() -> None:
    image, plain = people()[1].image, Bicubic()
    reference = plain(image, 32, SIZE, generator(0))
    parts = {
        "blur": A.GaussianBlur(blur_limit=0, sigma_limit=(1.0, 1.0), p=1.0),
        "noise": A.GaussNoise(std_range=(0.1, 0.1), p=1.0),
        "jpeg": A.ImageCompression(quality_range=(10, 10), p=1.0),
    }
    np.testing.assert_array_equal(StillCamera(dict.fromkeys(parts))(image, 32, SIZE, generator(0)), reference)
    for name, part in parts.items():
        found = StillCamera({name: part, "gone": None})(image, 32, SIZE, generator(0))
        assert 1 < distance(found, reference) < 40, name


def test_the_codec_is_faithful_where_it_may_and_worse_where_it_must() -> None:
    pytest.importorskip("av")
    image = people()[2].image
    reference = Bicubic()(image, 40, SIZE, generator(0))
    losses = [distance(VideoCamera(crf=(crf, crf))(image, 40, SIZE, generator(0)), reference) for crf in (1, 28, 45)]
    assert losses[0] < 3 < losses[2] and losses == sorted(losses)
    # the last frame shows the person where the picture does, however they moved before
    moving = VideoCamera(crf=(1, 1), frames=6, drift=3.0)(image, 40, SIZE, generator(5))
    assert distance(moving, reference) < 3


@pytest.mark.parametrize("wrong", [{"codec": "libnothing"}, {"crf": (30, 20)}, {"frames": 0}, {"drift": -1.0}], ids=str)
def test_settings_that_make_no_video(wrong: dict) -> None:
    pytest.importorskip("av")
    with pytest.raises(UserError, match="degradation: expected a codec of PyAV such as libx264"):
        VideoCamera(**wrong)


def test_without_pyav_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(UserError, match=r"video codecs need PyAV.*pip install"):
        VideoCamera()


def test_contrast_is_stretched_as_bytescale_did() -> None:
    image = np.array([[[50, 60, 70], [90, 150, 75]]], np.uint8)
    # (v - 50) * 255 / 100, halves up
    np.testing.assert_array_equal(stretch(image), [[[0, 26, 51], [102, 255, 64]]])
    np.testing.assert_array_equal(stretch(np.full((2, 2, 3), 9, np.uint8)), np.zeros((2, 2, 3)))


def test_only_what_is_brought_down_is_stretched() -> None:
    image = np.full((8, 8, 3), 100, np.uint8)
    image[:4] = 150
    released = Bicubic(bytescale=True)
    np.testing.assert_array_equal(released(image, 8, 8, generator(0)), image)
    found = released(image, 4, 8, generator(0))
    assert found.min() == 0 and found.max() == 255
    np.testing.assert_array_equal(found, Bicubic()(stretch(image), 4, 8, generator(0)))
