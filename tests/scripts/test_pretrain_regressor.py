"""What would fail after hours of work is said before them, and the checkpoint is a start for training."""

from pathlib import Path

import pytest
import torch
from small_runs import PEOPLE
from tiny_checkpoint import write_checkpoint

from rscnet.trained import read
from scripts import pretrain_regressor

WORDS = ["preset=smoke", *PEOPLE]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("start"), "hr_baseline", "keypoint_loss=null")


@pytest.fixture
def pretrain(monkeypatch: pytest.MonkeyPatch):
    """The command line with these words."""

    def call(*words: object) -> None:
        monkeypatch.setattr("sys.argv", ["pretrain_regressor.py", *map(str, words)])
        pretrain_regressor.main()

    return call


def test_the_regressor_learns_and_the_checkpoint_is_written(start, tmp_path, pretrain):
    output = tmp_path / "new" / "start.ckpt"
    pretrain(start, output, *WORDS, "--batch", "8", "--epochs", "1")
    state, config = read(output)
    before, _ = read(start)
    assert config["name"] == "hr_baseline" and state.keys() == before.keys()
    changed = {name for name, value in state.items() if not torch.equal(value, before[name])}
    assert changed and all(name.startswith("regressor") for name in changed)
    assert [path.name for path in output.parent.iterdir()] == ["start.ckpt"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gone", "out.ckpt"], "start: 'gone' is no file"),
        (["rsc_small", "."], r"\.: cannot be written"),
        *[
            (["rsc_small", "out.ckpt", f"--{name}", "0"], f"--{name}: expected more than 0, got 0")
            for name in ("epochs", "passes", "batch", "rate")
        ],
    ],
)
def test_mistakes_are_found_before_any_work(tmp_path, monkeypatch, pretrain, words, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pretrain_regressor, "build_data", None)
    with pytest.raises(SystemExit, match=f"^error: {message}"):
        pretrain(*words, *WORDS)


def test_a_batch_of_more_people_than_there_are_is_found_before_the_features(start, tmp_path, monkeypatch, pretrain):
    monkeypatch.setattr(pretrain_regressor, "compute_features", None)
    with pytest.raises(SystemExit, match=r"^error: --batch: 1000 is more than the 24 training people"):
        pretrain(start, tmp_path / "out.ckpt", *WORDS, "--batch", "1000")
