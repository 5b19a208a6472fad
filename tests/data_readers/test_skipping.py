"""data.skip_bad: off, the first bad sample is one clear line; on, bad samples are left out, counted and listed."""

import json
import multiprocessing
import pickle
from pathlib import Path

import numpy as np
import pytest
from small_people import RESOLUTION, SIZE
from small_runs import run
from spin_sets import annotations, write_set

from rscnet.data.annotations import read_annotations
from rscnet.data.augmentation import Augmentation
from rscnet.data.clip_module import ClipDataset
from rscnet.data.degradations import Bicubic
from rscnet.data.image_stores import ImagePack, PickledImages, write_pack
from rscnet.data.pictures import UnlabelledPictures
from rscnet.data.plan import BatchKey
from rscnet.data.skipping import SkipList, read_or_next, readable, tell_skipped
from rscnet.data.spin import SpinAnnotations
from rscnet.data.views import Source, ViewDataset
from rscnet.errors import UserError


def bad_at(*indices: int):
    def read(index: int) -> int:
        if index in indices:
            raise UserError(f"sample {index} is bad")
        return index

    return read


def test_the_next_sample_stands_in(tmp_path):
    skipped = SkipList(tmp_path)
    assert [read_or_next(bad_at(1, 2, 4), i, 5, skipped) for i in range(5)] == [0, 3, 3, 3, 0]
    assert (tmp_path / "skipped.txt").read_text().splitlines() == [f"sample {i} is bad" for i in (1, 2, 4)]
    with pytest.raises(UserError, match=r"^sample 2 is bad$"):
        read_or_next(bad_at(2), 2, 5, None)
    with pytest.raises(UserError, match="5 samples in a row cannot be read, the first: sample 3 is bad"):
        read_or_next(bad_at(*range(5)), 3, 5, skipped)


def test_what_can_be_read(tmp_path):
    assert readable(bad_at(0, 3), 5, SkipList(tmp_path)) == [1, 2, 4]
    assert readable(bad_at(0), 5, None) == range(5)  # nothing is read for it
    with pytest.raises(UserError, match="none of 2 samples can be read"):
        readable(bad_at(0, 1), 2, SkipList(tmp_path))


def note(folder: Path) -> None:
    skipped = SkipList(folder)
    for i in range(50):
        skipped.note(f"line {i}")


def test_processes_share_a_list_and_no_line_is_there_twice(tmp_path, capsys):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=note, args=(tmp_path,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted((tmp_path / "skipped.txt").read_text().splitlines()) == sorted(f"line {i}" for i in range(50))
    assert tell_skipped(tmp_path) == 50
    assert "50 left out, listed in" in capsys.readouterr().out
    assert tell_skipped(tmp_path / "elsewhere") == 0


def spoilt_folder(path: Path) -> Source:
    write_set(path, "set", 4)
    picture = path / "set" / "images" / "1.png"
    picture.write_bytes(picture.read_bytes()[:40])
    return SpinAnnotations(path, "set", SIZE)


def spoilt_row(path: Path) -> Source:
    scale, betas = annotations(4)["scale"], annotations(4)["shape"]
    betas[1, 3] = np.nan
    write_set(path, "set", 4, shape=betas, scale=scale)
    return SpinAnnotations(path, "set", SIZE, skip_bad=True)


def spoilt_pack(path: Path) -> Source:
    pictures = write_set(path, "set", 4)
    names = [str(name) for name in annotations(4)["imgname"]]
    write_pack(path / "set.rscpack", [b"no picture" if i == 1 else one for i, one in enumerate(pictures)], names, False)
    return SpinAnnotations(path, "set", SIZE, images=ImagePack(path / "set.rscpack"))


def spoilt_pickle(path: Path) -> Source:
    pictures = write_set(path, "set", 4)
    pictures[1] = b"no picture"
    (path / "set_imgs.pkl").write_bytes(pickle.dumps(pictures))
    return SpinAnnotations(path, "set", SIZE, images=PickledImages(path / "set_imgs.pkl", cropped=False))


def spoilt_pictures(path: Path) -> Source:
    write_set(path, "set", 8)
    source = UnlabelledPictures(path / "set" / "images", SIZE, "train")
    source._pictures[1][1].write_bytes(b"")
    return source


@pytest.mark.parametrize("make", [spoilt_folder, spoilt_row, spoilt_pack, spoilt_pickle, spoilt_pictures])
def test_every_reader(tmp_path, make):
    source = make(tmp_path)
    with pytest.raises(UserError) as caught:
        source[1]
    assert len(str(caught.value).splitlines()) == 1
    key, skipped = BatchKey(0, 0, (0, 1), 2), SkipList(tmp_path)
    views = ViewDataset(source, RESOLUTION, Bicubic(), SIZE, 0, Augmentation(flip=0.0), skipped=skipped)
    stands_in = views[BatchKey(0, 0, (0, 2), 2)]
    batch = views[key]
    assert (batch.views == stands_in.views).all() and (batch.identity == stands_in.identity).all()
    assert (tmp_path / "skipped.txt").read_text().splitlines() == [str(caught.value)]
    with pytest.raises(UserError):
        ViewDataset(source, RESOLUTION, Bicubic(), SIZE, 0, Augmentation(flip=0.0))[key]


def test_bad_rows_are_noted_where_that_is_wanted(tmp_path):
    fields = annotations(4)
    fields["scale"][2], fields["S"][3, 5, 1:] = 0, (np.inf, 0, 1)
    write_set(tmp_path, "set", 4, **fields)
    with pytest.raises(UserError, match=r"row 2 is 0\.0"):
        read_annotations(tmp_path / "set.npz")
    bad: dict[int, str] = {}
    assert len(read_annotations(tmp_path / "set.npz", bad)["scale"]) == 4
    assert sorted(bad) == [2, 3] and "scale: expected values above zero, row 2 is 0.0" in bad[2]


class Clips(list):
    """Clips, one of which is damaged."""

    def __getitem__(self, index):
        if index == 1:
            raise UserError("clip 1 is damaged")
        return super().__getitem__(index)


def test_clips(tmp_path, monkeypatch):
    monkeypatch.setattr("rscnet.data.clip_module.collate", lambda clips, views: [clip.name for clip in clips])
    monkeypatch.setattr("rscnet.data.clip_module.replace", lambda clip, **_: clip)

    class Named:
        def __init__(self, name: str) -> None:
            self.name, self.views = name, self
            self.valid = [0]

    source, key = Clips(map(Named, "abc")), BatchKey(0, 0, (0, 1), 1)
    assert ClipDataset(source, 0, skipped=SkipList(tmp_path))[key] == ["a", "c"]  # type: ignore[arg-type]
    assert (tmp_path / "skipped.txt").read_text() == "clip 1 is damaged\n"
    with pytest.raises(UserError, match="clip 1 is damaged"):
        ClipDataset(source, 0)[key]  # type: ignore[arg-type]


WORDS = ["experiment=rsc_full", "data=spin", "data.train.name=set", "data.val.name=set", "data.test.name=set",
         "evaluation.rivals.start=null", "evaluation.panel_samples=2"]  # fmt: skip


def test_a_run_with_bad_pictures(tmp_path, capsys):
    write_set(tmp_path, "set", 24)
    for i in (3, 23):  # 23 would be alone in the last batch of the evaluation
        (tmp_path / "set" / "images" / f"{i}.png").write_bytes(b"no picture")
    words = [*WORDS, f"paths.data={tmp_path}", "workers=1", "eval_batch_size=23"]
    words += [f"~data.{split}.workers" for split in ("train", "val", "test")]  # of rendered people
    with pytest.raises(SystemExit) as caught:
        run(tmp_path / "strict", *words)
    (line,) = capsys.readouterr().err.splitlines()
    assert caught.value.code == 1
    assert line.startswith(f"error: {tmp_path}/set/images/") and "damaged or no picture" in line
    folder = run(tmp_path / "skipping", *words, "data.skip_bad=true")
    listed = (folder / "skipped.txt").read_text().splitlines()
    assert sorted(Path(line.split(":")[0]).name for line in listed) == ["23.png", "3.png"]
    assert "data.skip_bad: 2 left out" in capsys.readouterr().out
    result = json.loads((folder / "result.json").read_text())
    assert (result["samples"], result["skipped"]) == (22, 2)
    # the same run folder: a run that stopped at a bad picture goes on with it skipped
    assert folder.relative_to(tmp_path / "skipping") in [
        path.parent.relative_to(tmp_path / "strict") for path in (tmp_path / "strict").rglob("config.yaml")
    ]
