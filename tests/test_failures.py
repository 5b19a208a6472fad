"""Failures of the machine as one line, and nothing for faults of ours."""

import errno

import pytest

from rscnet.errors import UserError
from rscnet.failures import guarded, lines_of


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "x/metrics.jsonl"), ["x/metrics.jsonl: the disk is full"]),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "x/y"), ["x/y: cannot be read or written (Not a dir"]),
        (MemoryError(), ["out of memory (no reason given)", "curriculum.batch_scale"]),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), ["out of memory ("]),
        (RuntimeError("DataLoader worker (pid(s) 1, 2) exited unexpectedly"), ["a loader process died", "workers"]),
        (
            RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "),
            ["DataLoader worker (pid 7) is killed by signal: Killed.", "fewer workers"],
        ),
    ],
)
def test_one_line(error, parts):
    (line,) = lines_of(error)
    assert all(part in line for part in parts)


@pytest.mark.parametrize("error", [ValueError("x"), RuntimeError("x"), FileNotFoundError(errno.ENOENT, "no", "x")])
def test_faults_of_ours_keep_their_stack_trace(error):
    assert lines_of(error) == []


def test_a_mistake_that_a_loader_process_found():
    traced = "Caught UserError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n  x\n"
    assert lines_of(UserError(traced + "rscnet.errors.UserError: a.png: damaged\nb.png: too\n")) == [
        "a.png: damaged", "b.png: too",
    ]  # fmt: skip
    assert lines_of(UserError("one\ntwo")) == ["one", "two"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UserError("a.npz: damaged\nb.npz: too"), "error: a.npz: damaged\nerror: b.npz: too"),
        (OSError(errno.ENOSPC, "Full", "x"), "error: x: the disk is full (Full); make room, then start it again"),
        (OSError(errno.EACCES, "No", "x"), "error: x: cannot be read or written (No); expected a place that may be"),
    ],
)
def test_scripts_end_with_one_line(error, said):
    @guarded
    def main(fails):
        if fails:
            raise error
        return 3

    assert main(False) == 3
    with pytest.raises(SystemExit) as caught:
        main(True)
    assert caught.value.code == said


def test_scripts_show_the_stack_trace_of_our_faults():
    with pytest.raises(ZeroDivisionError):
        guarded(lambda: 1 / 0)()
