"""Properties of all readers of files of others: whatever is done to a file, it is read or refused by our own error."""

import os
import pickle
import random
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scripts.fuzzing import engine
from scripts.fuzzing.engine import Tally, attack, damaged, fuzz
from scripts.fuzzing.mutation import mutate, mutate_json, mutate_zip
from scripts.fuzzing.targets import CALLS, TARGETS, Target

SEEDS = {name: target.seeds() for name, target in TARGETS.items()}
many = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module", autouse=True)
def watched() -> None:
    engine.watch()


def faults(name: str, content: bytes, folder: Path) -> str | None:
    target = TARGETS[name]
    return attack(target, folder / f"input{target.suffix}", content, Tally(name))


@pytest.mark.parametrize("name", TARGETS)
@many
@given(number=st.integers(0, 1 << 40))
def test_damaged_files_are_read_or_refused(tmp_path, name, number):
    content = damaged(TARGETS[name], SEEDS[name], seed=1, number=number)
    assert faults(name, content, tmp_path) is None


@pytest.mark.parametrize("name", TARGETS)
@many
@given(content=st.binary(max_size=200))
def test_bytes_of_any_kind_are_read_or_refused(tmp_path, name, content):
    assert faults(name, content, tmp_path) is None


@pytest.mark.parametrize("name", TARGETS)
def test_whole_files_are_read(tmp_path, name):
    tally = Tally(name)
    for content in SEEDS[name]:
        assert attack(TARGETS[name], tmp_path / f"input{TARGETS[name].suffix}", content, tally) is None
    assert tally.read > 0


@given(st.binary(max_size=300), st.integers(), st.sampled_from([mutate, mutate_zip, mutate_json]))
def test_the_same_number_is_the_same_file(content, number, mutator):
    made = [mutator(content, [content, b"abc"], random.Random(number)) for _ in range(2)]
    assert made[0] == made[1]


def test_the_watch_sees_what_it_is_for(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "LONGEST", 0.2)

    def told(read) -> str:
        fault = attack(Target("x", ".bin", list, read), tmp_path / "x.bin", b"", Tally("x"))
        assert fault is not None
        return fault

    assert told(lambda path: 1 / 0).startswith("ZeroDivisionError: division by zero at test_fuzzing.py:")
    assert told(lambda path: os.system("true")).startswith("CodeRun: os.system")
    assert told(lambda path: pickle.loads(pickle.dumps(CALLS[0]))).startswith("CodeRun: pickle.find_class")
    assert told(lambda path: time.sleep(5)).startswith("Hang")


def test_faults_are_kept(tmp_path, monkeypatch):
    def read(path: Path) -> None:
        if len(path.read_bytes()) == 3:
            raise ValueError("three")

    monkeypatch.setitem(TARGETS, "x", Target("x", ".bin", lambda: [b"1", b"abc", b"12345"], read))
    *_, tally = fuzz("x", 3, 0, tmp_path)
    assert (tally.inputs, tally.read, [line[:9] for line in tally.faults]) == (3, 2, ["1: ValueE"])
    assert (tmp_path / "crashes" / "x-1.bin").read_bytes() == b"abc"
