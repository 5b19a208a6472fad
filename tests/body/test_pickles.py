"""The restricted reader: arrays of Python 2's pickles come out, and nothing that a file asks for is run."""

import os
import pickle
import resource
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from licensed_smpl import Ch, Select, write_python2_pickle
from scipy import sparse

from rscnet.body.pickles import read_member, read_pickle
from rscnet.errors import UserError

GRID = np.arange(12.0).reshape(3, 4)


class Call:
    """Pickles as the call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", [0, 2])
def test_python_2(tmp_path: Path, protocol: int) -> None:
    content = {
        "plain": GRID,
        "fortran": np.asfortranarray(GRID),
        "big_endian": GRID.astype(">f4"),
        "unsigned": np.array([4294967295, 7], np.uint32),
        "empty": np.zeros((0, 3)),
        "scalar": np.float64(2.5),
        "csc": sparse.csc_matrix(GRID),
        "csr": sparse.csr_matrix(GRID),
        "ch": Ch(GRID),
        "nested": Ch(Ch(GRID)),
        "select": Select(Ch(GRID), np.array([11, 0, 5, 5]), (2, 2)),
        "text": "lbs",
    }
    path = write_python2_pickle(tmp_path / "model.pkl", content, protocol)
    written = path.read_bytes()
    assert b"cnumpy.core.multiarray\n" in written and b"cscipy.sparse.csc\ncsc_matrix\n" in written
    assert b"_codecs" not in written and b"numpy._core" not in written
    arrays = read_pickle(path, [name for name in content if name != "text"] + ["absent"])
    assert arrays["unsigned"].tolist() == [4294967295, 7]
    assert arrays["empty"].shape == (0, 3)
    assert arrays["scalar"] == 2.5
    assert arrays["select"].tolist() == [[11, 0], [5, 5]]
    for name in ("plain", "fortran", "big_endian", "csc", "csr", "ch", "nested"):
        np.testing.assert_array_equal(arrays[name], GRID)
    assert set(arrays) == set(content) - {"text"}


@pytest.mark.parametrize("protocol", range(6))
def test_python_3(tmp_path: Path, protocol: int) -> None:
    content = {"array": GRID, "empty": np.zeros((0, 3)), "matrix": sparse.csc_matrix(GRID), "scalar": np.float32(1.5)}
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(content, protocol))
    arrays = read_pickle(tmp_path / "model.pkl", content)
    np.testing.assert_array_equal(arrays["array"], GRID)
    np.testing.assert_array_equal(arrays["matrix"], GRID)
    assert arrays["empty"].shape == (0, 3) and arrays["scalar"] == 1.5


class OldCoo:
    """A coo_matrix as scipy kept it before 1.13: rows and columns by name."""

    def __init__(self, dense: np.ndarray) -> None:
        self.row, self.col = np.nonzero(dense)
        self.data, self._shape = dense[self.row, self.col], dense.shape


OldCoo.__module__, OldCoo.__qualname__ = "scipy.sparse.coo", "coo_matrix"


def test_matrices_of_coordinates_of_old_and_new_scipy(tmp_path: Path) -> None:
    path = write_python2_pickle(tmp_path / "old.pkl", {"matrix": OldCoo(GRID)}, 2)
    np.testing.assert_array_equal(read_pickle(path, ["matrix"])["matrix"], GRID)
    (tmp_path / "new.pkl").write_bytes(pickle.dumps({"matrix": sparse.coo_matrix(GRID)}))
    np.testing.assert_array_equal(read_pickle(tmp_path / "new.pkl", ["matrix"])["matrix"], GRID)


def test_members_of_an_npz_that_numpy_kept_as_objects(tmp_path: Path) -> None:
    np.savez(tmp_path / "model.npz", plain=GRID, matrix=sparse.csc_matrix(GRID), hostile=Call(os.getcwd))  # type: ignore
    with np.load(tmp_path / "model.npz") as archive:
        for name in ("plain", "matrix"):
            np.testing.assert_array_equal(read_member(archive, name, tmp_path / "model.npz"), GRID)
        with pytest.raises(UserError, match=r"model\.npz: hostile: refused, it calls for '\w+\.getcwd'"):
            read_member(archive, "hostile", tmp_path / "model.npz")


@pytest.mark.parametrize("wrap", [lambda call: call, Ch, lambda call: Ch({"x": [call]})], ids=["bare", "ch", "deep"])
@pytest.mark.parametrize("protocol", [0, 2])
def test_hostile_calls_are_refused_and_not_run(tmp_path: Path, wrap: Any, protocol: int) -> None:
    sentinel = tmp_path / "sentinel"
    for call, named in (
        (Call(os.system, f"touch {sentinel}"), r"posix\.system"),
        (Call(eval, f"open({str(sentinel)!r}, 'w')"), r"__builtin__\.eval"),
        (Call(open, str(sentinel), "w"), r"\.open"),
        (Call(np.save, str(sentinel), GRID), r"numpy\.save"),
    ):
        path = write_python2_pickle(tmp_path / "hostile.pkl", {"v_template": wrap(call)}, protocol)
        with pytest.raises(UserError, match=rf"hostile\.pkl: refused, it calls for '\S*{named}'"):
            read_pickle(path, ["v_template"])
    assert not (tmp_path / "sentinel").exists() and not (tmp_path / "sentinel.npy").exists()


@pytest.mark.parametrize("origin", ["chumpy.os\nsystem", "chumpy.ch.Ch\n__init__", "numpy.dtype\nmro", "chumpy\nutils"])
def test_attributes_reached_through_allowed_names_stay_notes(tmp_path: Path, origin: str) -> None:
    """A name below chumpy is never looked up, so there is nothing behind it."""
    sentinel = tmp_path / "sentinel"
    path = tmp_path / "hostile.pkl"
    path.write_bytes(f"(dS'a'\nc{origin}\n(S'touch {sentinel}'\ntRs.".encode())
    with pytest.raises(UserError, match=r"hostile\.pkl"):
        read_pickle(path, ["a"])
    assert not sentinel.exists()


def test_arrays_of_objects_and_matrices_that_point_outside_are_refused(tmp_path: Path) -> None:
    outside = sparse.csc_matrix(GRID)
    outside.indices[-1] = 10**6
    falling = sparse.csc_matrix(GRID)
    falling.indptr[-1] = 0
    loop: list[Any] = []
    loop.append(loop)
    for value in (np.array([{}], object), outside, falling, Ch({}), Ch("lbs"), "lbs", Ch(loop), {"x": 1}):
        path = write_python2_pickle(tmp_path / "model.pkl", {"v_template": value})
        with pytest.raises(UserError, match=r"model\.pkl: v_template: "):
            read_pickle(path, ["v_template"])
        assert not read_pickle(path, ["f"]), "what is not asked for is not read"


def test_damaged_files(tmp_path: Path) -> None:
    path = write_python2_pickle(tmp_path / "model.pkl", {"v_template": Ch(GRID), "f": GRID})
    whole = path.read_bytes()
    for damaged in (b"", whole[:10], whole[: len(whole) // 2], whole[:-1], b"<html>not found</html>"):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"model\.pkl: not a whole pickle"):
            read_pickle(path, ["v_template"])
    with pytest.raises(UserError, match=r"list.*expected a dictionary"):
        read_pickle(write_python2_pickle(path, [1]), ["v_template"])
    with pytest.raises(UserError, match="cannot be read"):
        read_pickle(tmp_path / "absent.pkl", ["v_template"])


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02}r" + (1 << 31).to_bytes(4, "little") + b".",  # the number of a remembered object
        b"\x80\x05\x96" + (1 << 33).to_bytes(8, "little") + b".",  # the length of a bytearray
    ],
)
def test_a_damaged_number_takes_no_memory(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with suppress(UserError):
        assert read_pickle(path, []) == {}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20  # of 1024 bytes
