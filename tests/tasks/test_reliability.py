"""What the machine and its files do to a run: each time one clear line, and no wrong result."""

import errno
import os
import resource
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from small_runs import PowerCut, at_step, cut_power, run
from spin_sets import annotations, write_set

from rscnet.data.synthetic.people import SyntheticPeople
from rscnet.records import JsonLinesLogger

WORDS = [
    "experiment=rsc_full", "trainer.log_every_n_steps=1", "callbacks.checkpoints.every_n_steps=5",
    "evaluation.rivals.start=null", "evaluation.rivals.mean_pose=null", "evaluation.panel_samples=0",
]  # fmt: skip


def failure(capsys: pytest.CaptureFixture[str], output: Path, *words: str) -> str:
    """The one line with which a run ends."""
    with pytest.raises(SystemExit) as caught:
        run(output, *WORDS, *words)
    (line,) = capsys.readouterr().err.splitlines()
    assert caught.value.code == 1
    return line


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """The checkpoints of a run whose machine died at step 12, after writing two."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(PowerCut):
        at_step(patch, 12, cut_power)
        run(tmp_path, *WORDS)
    (folder,) = tmp_path.rglob("checkpoints")
    return folder


@contextmanager
def files_of_at_most(size: int):
    """Writing beyond fails, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_while_a_checkpoint_is_written(stopped, tmp_path, capsys):
    before = {path.name: path.read_bytes() for path in stopped.iterdir()}
    with files_of_at_most(1 << 20):
        line = failure(capsys, tmp_path)
    assert f"{stopped / 'last.ckpt'}: the checkpoint cannot be written (" in line and "make room" in line
    assert {path.name: path.read_bytes() for path in stopped.iterdir()} == before
    folder = run(tmp_path, *WORDS)  # and goes on when there is room
    assert torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 16


def test_a_full_disk_while_metrics_are_logged(tmp_path, capsys, monkeypatch):
    def full(self, metrics, step=None):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    monkeypatch.setattr(JsonLinesLogger, "log_metrics", full)
    line = failure(capsys, tmp_path)
    assert "metrics.jsonl: the disk is full (No space left on device); make room, the same command goes on" in line


def test_no_checkpoint_is_whole(stopped, tmp_path, capsys):
    for path in stopped.glob("*s*.ckpt"):
        path.write_bytes(path.read_bytes()[:1000])
    line = failure(capsys, tmp_path)
    assert f"{stopped}: no checkpoint is whole" in line and "fresh=true" in line


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content["rscnet"].update(version="99.1.0"), "was written by rscnet 99.1.0, this is"),
        (lambda content: content.pop("rscnet"), "is no checkpoint of a run of ours"),
        (lambda content: content["state_dict"].popitem(), "is a checkpoint of another model"),
    ],
    ids=["newer", "foreign", "another model"],
)
def test_checkpoints_that_are_not_this_run_s(stopped, tmp_path, capsys, change, said):
    path = stopped / "last.ckpt"
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, path)
    line = failure(capsys, tmp_path)
    assert f"{path}: {said}" in line


def test_a_flipped_bit_of_a_weight_is_found(stopped, tmp_path, capsys):
    path = stopped / "last.ckpt"
    content = bytearray(path.read_bytes())
    weights = torch.load(path, weights_only=True)["state_dict"]
    largest = max((w for w in weights.values() if w.is_floating_point()), key=torch.Tensor.numel)
    place = content.find(largest.contiguous().numpy().tobytes()[:64])
    assert place > 0
    content[place + 100] ^= 1
    path.write_bytes(content)
    run(tmp_path, *WORDS)
    out = " ".join(capsys.readouterr().out.split())
    assert f"damaged checkpoint passed over: {path}: damaged or not a weights file (wrong checksum of" in out
    assert f"going on from {stopped / 'previous.ckpt'}" in out


def test_an_output_folder_that_cannot_be_one(tmp_path, capsys):
    (tmp_path / "taken").write_text("a file")
    line = failure(capsys, tmp_path / "taken")
    assert str(tmp_path / "taken") in line and "cannot be read or written (Not a directory)" in line


def test_a_loader_process_that_dies(tmp_path, capsys, monkeypatch):
    before, training = SyntheticPeople.__getitem__, os.getpid()

    def dying(self, index):
        if os.getpid() != training:
            os.kill(os.getpid(), signal.SIGKILL)
        return before(self, index)

    monkeypatch.setattr(SyntheticPeople, "__getitem__", dying)
    line = failure(capsys, tmp_path, "workers=1")
    assert "DataLoader worker" in line and "a loader process died" in line.lower() and "fewer workers" in line


@pytest.mark.parametrize("size", [1 << 60, None], ids=["torch", "python"])
def test_memory_that_is_not_there(tmp_path, capsys, size):
    def greedy() -> None:
        if size is None:
            raise MemoryError
        torch.empty(size, dtype=torch.uint8)

    with pytest.MonkeyPatch.context() as patch:
        at_step(patch, 3, greedy)
        line = failure(capsys, tmp_path)
    assert line.startswith("error: out of memory (") and "lower curriculum.batch_scale" in line


def test_a_box_outside_its_picture(tmp_path, capsys):
    centers = annotations(24)["center"]
    centers[5] = [5000, 40]
    write_set(tmp_path, "set", 24, center=centers)
    words = ["data=spin", f"paths.data={tmp_path}", *(f"data.{split}.name=set" for split in ("train", "val", "test"))]
    line = failure(capsys, tmp_path / "out", *words, *(f"~data.{split}.workers" for split in ("train", "val", "test")))
    assert "picture 5: the box of row 5 of set.npz (center, scale) lies outside the picture of 90 x 70" in line
