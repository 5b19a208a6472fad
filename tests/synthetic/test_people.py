import errno
import os
import pickle
import resource
import time
from collections.abc import Sequence
from dataclasses import fields
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from processes import runs, wait_until

from rscnet.data.sample import Sample
from rscnet.data.synthetic import cache
from rscnet.data.synthetic.people import SyntheticPeople
from rscnet.errors import UserError

SETTINGS = {"size": 32, "split": "train", "seed": 5, "texture_size": 16, "workers": 1, "shard_size": 8}


def make(body, length: int, folder: Path | None, **changes) -> SyntheticPeople:
    people = SyntheticPeople(body, length=length, cache_dir=folder, **(SETTINGS | changes))
    people.prepare()
    return people


def shards(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*/shard-*.npy"))}


def assert_same(a: Sample, b: Sample) -> None:
    for field in fields(Sample):
        np.testing.assert_array_equal(getattr(a, field.name), getattr(b, field.name), err_msg=field.name)


@pytest.fixture(scope="module")
def cached(body, tmp_path_factory) -> tuple[SyntheticPeople, Path]:
    folder = tmp_path_factory.mktemp("cache")
    return make(body, 10, folder), folder


def test_cache_equals_rendering_on_the_fly(body, cached):
    fly = make(body, 10, None, dataset=7)
    for index in (0, 7, 9):
        sample = make(body, 10, cached[1], dataset=7)[index]
        assert_same(sample, fly[index])
        assert sample.identity == (7, index)


def test_nothing_is_rendered_before_it_is_needed(body, tmp_path):
    people = SyntheticPeople(body, length=3, cache_dir=tmp_path, **SETTINGS)
    assert len(people) == 3 and not shards(tmp_path)
    assert people[2].image.shape == (32, 32, 3) and len(shards(tmp_path)) == 1


def test_samples_have_the_promised_shapes(cached):
    sample = cached[0][9]
    assert len(cached[0]) == 10
    assert sample.image.shape == (32, 32, 3) and sample.parts is not None and sample.parts.shape == (8, 8)
    assert sample.joints_3d.shape == (24, 4) and sample.joints_3d.dtype == np.float32
    assert sample.keypoints_2d.shape == (49, 3) and sample.pose.shape == (24, 3)
    with pytest.raises(IndexError):
        cached[0][10]


def test_a_longer_request_keeps_earlier_pictures(body, tmp_path):
    make(body, 8, tmp_path)
    before = shards(tmp_path)
    make(body, 20, tmp_path)
    after = shards(tmp_path)
    assert len(before) == 1 and len(after) == 3
    assert after["shard-00000.npy"] == before["shard-00000.npy"]


def test_an_interrupted_cache_goes_on(body, cached, tmp_path, monkeypatch):
    original, calls = cache.to_records, []

    def interrupted(people):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(people)

    monkeypatch.setattr(cache, "to_records", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make(body, 10, tmp_path)
    assert list(shards(tmp_path)) == ["shard-00000.npy"]
    half_written = next(tmp_path.iterdir()) / "shard-00001.99.tmp"
    half_written.write_bytes(b"half")
    make(body, 10, tmp_path)
    assert not half_written.exists()
    assert len(calls) == 3  # the finished shard was not rendered again
    assert shards(tmp_path) == shards(cached[1])


@pytest.mark.parametrize("damage", [b"", b"not an array", None])
def test_a_damaged_cache_is_one_clear_line(body, tmp_path, damage):
    make(body, 8, tmp_path)
    path = next(tmp_path.glob("*/shard-00000.npy"))
    path.write_bytes(path.read_bytes()[:-100] if damage is None else damage)
    with pytest.raises(UserError) as caught:
        make(body, 8, tmp_path)
    assert str(path.parent) in str(caught.value) and "\n" not in str(caught.value) and "delete" in str(caught.value)


def shard_cache(folder: Path, shards: int) -> cache.ShardCache:
    """A cache of two records a shard, which say their index."""
    found = cache.ShardCache(folder, {"split": "train"}, np.dtype([("index", np.int64)]), shard_size=2)
    found.prepare(lambda indices: np.array([(i,) for i in indices], found.dtype), 2 * shards, workers=0)
    return found


def test_more_shards_than_files_may_be_open(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest, shards = max(int(path.name) for path in Path("/proc/self/fd").iterdir()), 300
    found = shard_cache(tmp_path, shards)
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + cache.MAPS_KEPT + 32, hard))
    try:
        for _ in range(2):
            assert [int(found.record(i)["index"]) for i in range(2 * shards)] == list(range(2 * shards))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_shards_in_use_stay_mapped(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "MAPS_KEPT", 2)
    found = shard_cache(tmp_path, 3)
    mapped, original = [], found._mapped
    monkeypatch.setattr(found, "_mapped", lambda shard: mapped.append(shard) or original(shard))
    for shard in (0, 1, 0, 2, 0, 1):
        found.record(2 * shard)
    assert mapped == [0, 1, 2, 1]  # shard 1 made room for 2, for 0 was asked for later


def test_too_many_open_files_are_not_called_damage(tmp_path, monkeypatch):
    found = shard_cache(tmp_path, 1)

    def full(*_: object, **__: object) -> np.ndarray:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(np, "memmap", full)
    with pytest.raises(UserError, match=r"cannot be read \(Too many open files\).*ulimit -n") as caught:
        found.record(0)
    assert "delete" not in str(caught.value) and "damaged" not in str(caught.value)


def test_other_settings_use_another_folder(body, tmp_path):
    make(body, 4, tmp_path, occlusion=0.0)
    make(body, 4, tmp_path, occlusion=0.9)
    first, second = tmp_path.iterdir()
    assert (first / "shard-00000.npy").read_bytes() != (second / "shard-00000.npy").read_bytes()


def test_worker_processes_render_the_same_bytes(body, cached, tmp_path):
    make(body, 8, tmp_path, workers=2)
    assert shards(tmp_path) == {name: data for name, data in shards(cached[1]).items() if name in shards(tmp_path)}


class Deadly:
    """A recorder that ends the process which receives it."""

    def __reduce__(self) -> tuple:
        return os._exit, (9,)

    def __call__(self, indices: Sequence[int]) -> np.ndarray:
        raise AssertionError("rendered in the process that asked")


def test_a_process_that_dies_is_one_clear_line(tmp_path):
    found = cache.ShardCache(tmp_path, {"split": "val"}, np.dtype([("index", np.int64)]), shard_size=2)
    with pytest.raises(UserError, match=r"one of 2 processes .* died, .*\+\+data\.val\.workers=1") as caught:
        found.prepare(Deadly(), 4, workers=2)
    assert str(found.folder) in str(caught.value) and "\n" not in str(caught.value)


class Endless:
    """A recorder that leaves its process' number in a folder and never comes to an end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, indices: Sequence[int]) -> np.ndarray:
        (self.folder / f"{os.getpid()}.pid").touch()
        while True:
            time.sleep(1)


def render_endlessly(folder: Path) -> None:
    found = cache.ShardCache(folder, {"split": "val"}, np.dtype([("index", np.int64)]), shard_size=2)
    found.prepare(Endless(folder), 4, workers=2)


def test_workers_end_with_a_process_that_is_killed(tmp_path):
    starter = get_context("spawn").Process(target=render_endlessly, args=(tmp_path,))
    starter.start()
    wait_until(lambda: len(list(tmp_path.glob("*.pid"))) == 2, 60)
    workers = [path.stem for path in tmp_path.glob("*.pid")]
    starter.kill()
    wait_until(lambda: not any(map(runs, workers)), 10)


def test_cached_source_is_cheap_to_send(cached):
    sent = pickle.dumps(cached[0])
    assert len(sent) < 5000
    assert_same(pickle.loads(sent)[3], cached[0][3])


@pytest.mark.parametrize("changes", [{"split": "dev"}, {"size": 30}, {"length": 0}])
def test_impossible_settings_are_named(body, changes):
    with pytest.raises(UserError, match="synthetic people"):
        SyntheticPeople(body, **({"length": 4, "cache_dir": None} | SETTINGS | changes))
