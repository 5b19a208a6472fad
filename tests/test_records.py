import json

import pytest

from rscnet.records import JsonLinesLogger, last_logged, mean_over_sizes, provenance, write_json, write_text


@pytest.fixture
def logger(tmp_path) -> JsonLinesLogger:
    return JsonLinesLogger(tmp_path)


def steps(logger: JsonLinesLogger) -> list[int]:
    return [json.loads(line)["step"] for line in logger.path.read_text().splitlines()]


def test_one_object_a_line(logger):
    logger.log_metrics({"train/total": 2}, step=0)
    logger.log_metrics({"val/pa_mpjpe": 1.5}, step=4)
    assert logger.path.name == "metrics.jsonl"
    assert [json.loads(line) for line in logger.path.read_text().splitlines()] == [
        {"step": 0, "train/total": 2.0},
        {"step": 4, "val/pa_mpjpe": 1.5},
    ]


def test_rewinding_drops_what_will_be_logged_again(logger):
    logger.rewind(3)  # nothing was logged yet
    assert not logger.path.exists()
    for step in (0, 2, 3, 3, 5):
        logger.log_metrics({"x": 1}, step=step)
    logger.rewind(9)
    assert steps(logger) == [0, 2, 3, 3, 5]
    logger.rewind(3)
    assert steps(logger) == [0, 2]
    logger.rewind(0)
    assert steps(logger) == []


def test_the_last_value_of_everything(logger, tmp_path):
    assert last_logged(tmp_path) == {}
    logger.log_metrics({"train/total": 2, "val/total": 9}, step=0)
    logger.log_metrics({"train/total": 1}, step=1)
    with logger.path.open("a") as file:
        file.write('{"step": 2, "train/to')
    assert last_logged(tmp_path) == {"train/total": 1.0, "val/total": 9.0}


def test_a_line_that_was_cut_off_goes(logger):
    logger.log_metrics({"x": 1}, step=0)
    with logger.path.open("a") as file:
        file.write('{"step": 1, "x"')
    logger.rewind(9)
    logger.log_metrics({"x": 1}, step=1)
    assert steps(logger) == [0, 1]


def test_files_appear_whole_and_replace_the_old_one(tmp_path):
    path = tmp_path / "new" / "file.json"
    write_json(path, {"a": 1})
    write_text(path, "other")
    assert path.read_text() == "other"
    assert [p.name for p in path.parent.iterdir()] == ["file.json"]


def test_provenance_names_code_and_packages():
    said = provenance()
    assert said["packages"]["torch"]
    assert {"command", "started", "commit", "python", "cpus"} <= set(said)
    json.dumps(said)


def test_only_the_first_rank_writes(tmp_path, monkeypatch):
    for name in ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK"):
        monkeypatch.setenv(name, "1")
        write_json(tmp_path / "result.json", {})
        assert not (tmp_path / "result.json").exists()
        monkeypatch.setenv(name, "0")
    write_json(tmp_path / "result.json", {})
    assert (tmp_path / "result.json").exists()


def test_mean_over_sizes() -> None:
    rows = {112: {"pa_mpjpe": 70.0}, 24: {"pa_mpjpe": 90.0, "pve": 5.0}}
    assert mean_over_sizes(rows, "pa_mpjpe") == 80
    assert mean_over_sizes(rows, "pve") == 5
    assert mean_over_sizes(rows, "mpjpe") is None
