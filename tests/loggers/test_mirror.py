"""The mirror of metrics.jsonl by itself, and where wandb goes."""

from pathlib import Path

import numpy as np
import pytest
from pytorch_lightning.loggers.logger import Logger

import rscnet.loggers.wandb as wandb_module
from rscnet.errors import UserError
from rscnet.loggers.mirror import Mirror
from rscnet.loggers.mirrors import mirrors, results_table
from rscnet.loggers.wandb import choose_mode
from rscnet.records import JsonLinesLogger


class Notebook(Logger):
    """Remembers what it was told."""

    name, version = "notebook", ""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[int | None, dict]] = []

    def log_hyperparams(self, params, *args, **kwargs) -> None:
        self.config = params

    def log_metrics(self, metrics, step=None) -> None:
        self.rows.append((step, metrics))


def train(folder: Path, notebook: Notebook | None, first: int, last: int) -> Mirror | None:
    """Steps `first` to `last` of a run whose checkpoint is of step `first`."""
    source = JsonLinesLogger(folder)
    source.rewind(first)
    mirror = None if notebook is None else Mirror(notebook, folder, "notebook")
    if mirror is not None:
        mirror.open({"seed": 0})
    for step in range(first, last + 1):
        for logger in filter(None, (source, mirror)):
            logger.log_metrics({"x": float(step)}, step)
    return mirror


def steps(notebook: Notebook) -> list[int | None]:
    return [step for step, _ in notebook.rows]


def test_a_resumed_run_tells_nothing_twice(tmp_path):
    first, second, third = Notebook(), Notebook(), Notebook()
    train(tmp_path, first, 0, 7)
    train(tmp_path, second, 5, 6)  # stopped again before it came to anything new
    train(tmp_path, third, 5, 9)
    assert (steps(first), steps(second), steps(third)) == ([*range(8)], [], [8, 9])
    assert third.config == {"seed": 0}


def test_a_logger_that_comes_later_is_told_everything(tmp_path):
    train(tmp_path, None, 0, 4)
    late = Notebook()
    train(tmp_path, late, 3, 5)
    assert late.rows == [(step, {"x": float(step)}) for step in range(6)]


def test_what_a_logger_cannot_show_is_left_out(tmp_path):
    mirror = train(tmp_path, Notebook(), 0, 0)
    assert mirror is not None
    assert not mirror.shows_pictures
    mirror.log_picture("x", np.zeros((2, 2, 3), np.uint8), 0)
    mirror.log_table("x", ["a"], [[1]], 0)
    mirror.log_checkpoint(tmp_path)
    mirror.close(failed=False)


def test_only_the_first_process_has_mirrors(tmp_path, monkeypatch):
    node = {"csv": {"_target_": "pytorch_lightning.loggers.CSVLogger", "_partial_": True, "name": "", "version": "csv"}}
    with mirrors({"logger": node}, tmp_path) as opened:
        assert [mirror.name for mirror in opened] == ["csv"]
    monkeypatch.setenv("LOCAL_RANK", "1")
    with mirrors({"logger": node}, tmp_path) as opened:
        assert opened == []


@pytest.mark.parametrize(
    ("wanted", "key", "answers", "expected"),
    [
        ("auto", True, True, "online"),
        ("auto", True, False, "offline"),
        ("auto", False, True, "offline"),
        ("online", False, True, "offline"),
        ("online", True, True, "online"),
        ("offline", True, True, "offline"),
        ("dryrun", True, True, "offline"),
        ("disabled", True, True, "disabled"),
    ],
)
def test_wandb_is_online_only_where_it_can_be(monkeypatch, wanted, key, answers, expected):
    monkeypatch.setattr(wandb_module, "_has_key", lambda: key)
    monkeypatch.setattr(wandb_module, "_answers", lambda address: answers)
    mode, reason = choose_mode(wanted)
    assert mode == expected
    assert bool(reason) == (mode != "online")


def test_a_wrong_mode_is_told():
    with pytest.raises(UserError, match=r"logger\.wandb\.mode \(or WANDB_MODE, which wins\): .* got 'sometimes'"):
        choose_mode("sometimes")


def test_a_server_that_is_not_there_does_not_answer():
    assert not wandb_module._answers("http://127.0.0.1:9")
    assert not wandb_module._answers("no address")


def test_the_table_has_a_row_for_each_metric_and_method():
    tables = {"ours": {64: {"mpjpe": 1.0, "pve": 2.0}, 16: {"mpjpe": 3.0, "pve": 4.0}}}
    tables["mean"] = {64: {"mpjpe": 5.0, "pve": 6.0}, 16: {"mpjpe": 5.0, "pve": 6.0}}
    columns, rows = results_table(tables)
    assert columns == ["metric", "method", "64px", "16px"]
    assert rows == [
        ["mpjpe", "ours", 1.0, 3.0],
        ["mpjpe", "mean", 5.0, 5.0],
        ["pve", "ours", 2.0, 4.0],
        ["pve", "mean", 6.0, 6.0],
    ]
