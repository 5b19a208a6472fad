"""Weights ship with figures of their own: others are refused."""

import json
from pathlib import Path

import pytest
import torch
from run_folders import errors
from tiny_checkpoint import write_checkpoint

from rscnet.errors import UserError
from rscnet.trained import SHIPPED, read
from scripts import ship_weights


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A training checkpoint of a tiny network."""
    folder = tmp_path_factory.mktemp("tiny")
    state, config = read(write_checkpoint(folder))
    network = {f"network.{name}": value for name, value in state.items()}
    torch.save({"state_dict": network, "rscnet": {"config": config}}, folder / "last.ckpt")
    return (folder / "last.ckpt").read_bytes()


@pytest.fixture
def run(tmp_path: Path, checkpoint: bytes) -> Path:
    """A finished training with last and best weights."""
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    for name in ("last.ckpt", "best.ckpt"):
        (folder / "checkpoints" / name).write_bytes(checkpoint)
    return measured(folder)


def measured(folder: Path, **more: object) -> Path:
    """The records of a run, as training or (with `checkpoint`) evaluation writes them."""
    folder.mkdir(exist_ok=True)
    origin = {"command": ["run.py", "experiment=rsc_full"], "commit": "abc", "platform": "Linux", "cpus": 2}
    (folder / "provenance.json").write_text(json.dumps(origin))
    result = {"by_size": errors(100, 120), "rivals": {}, "samples": 6, **more}
    (folder / "result.json").write_text(json.dumps(result))
    return folder


@pytest.fixture
def ship(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Ships into a folder of its own; the card."""

    def call(*words: object) -> str:
        monkeypatch.setattr(ship_weights, "SHIPPED", tmp_path / "shipped")
        monkeypatch.setattr("sys.argv", ["ship_weights.py", str(words[0]), "tiny", *map(str, words[1:])])
        ship_weights.main()
        assert (tmp_path / "shipped/tiny.safetensors").exists()
        return (tmp_path / "shipped/tiny.md").read_text()

    return call


def test_the_last_weights_of_a_run_ship_with_its_figures(run, ship):
    card = ship(run)
    assert card.startswith("# tiny\n") and "| 64 px | 100.0 | 50.0 | 110.0 |" in card
    assert ship(run, "--weights", "checkpoints/last.ckpt") == card


def test_weights_that_were_not_measured_are_refused(run, ship, tmp_path):
    with pytest.raises(SystemExit) as caught:
        ship(run, "--weights", "checkpoints/best.ckpt")
    message = str(caught.value)
    assert (
        message.startswith(f"error: {run}/checkpoints/best.ckpt: the figures of {run} are of ") and "\n" not in message
    )
    assert "checkpoints/last.ckpt" in message and "task=evaluate" in message
    assert not (tmp_path / "shipped").exists()


def test_an_evaluation_ships_the_weights_that_it_measured(run, ship, tmp_path):
    best = run / "checkpoints" / "best.ckpt"
    evaluation = measured(tmp_path / "evaluation", checkpoint=str(best), by_size=errors(80, 90))
    assert "| 64 px | 80.0 |" in ship(evaluation, "--weights", best)
    with pytest.raises(SystemExit, match=r"best\.ckpt; ship those weights"):
        ship(evaluation, "--weights", run / "checkpoints" / "last.ckpt")


def test_figures_that_were_not_measured_have_no_column(run, ship):
    without = {size: {key: row[key] for key in ("mpjpe", "pa_mpjpe")} for size, row in errors(100, 120).items()}
    measured(run, by_size=without)
    assert "| crop | MPJPE | PA-MPJPE |\n| --- | --- | --- |\n| 64 px | 100.0 | 50.0 |\n" in ship(run)


def test_people_of_a_mixture_are_those_that_its_passes_reach():
    def some(length: int) -> dict:
        return {"_target_": "rscnet.data.synthetic.people.SyntheticPeople", "length": length}

    sources = {"library": some(20), "wide": {"a": some(80), "b": None, "c": some(90)}, "crowded": None}
    assert ship_weights.people({"sources": sources, "length": 85}) == 20 + 80 + 85
    assert ship_weights.people({"sources": sources, "length": None}) == 190
    assert ship_weights.people(some(7)) == 7


@pytest.mark.parametrize(
    ("part", "foreign"),
    [
        ({"data": {"train": {"_target_": "rscnet.data.spin.SpinAnnotations"}}}, "rscnet.data.spin.SpinAnnotations"),
        ({"body": {"_target_": "rscnet.body.licensed.smpl_body"}}, "rscnet.body.licensed.smpl_body"),
        (
            {
                "data": {
                    "train": {
                        "_target_": "rscnet.data.clips.EmbeddedClips",
                        "motions": {"_target_": "rscnet.data.synthetic.recorded.RecordedMotions"},
                    }
                }
            },
            "rscnet.data.synthetic.recorded.RecordedMotions",
        ),
    ],
    ids=["pictures", "body", "motions"],
)
def test_weights_of_other_data_or_bodies_do_not_ship(part, foreign):
    people = {"_target_": "rscnet.data.synthetic.people.SyntheticPeople"}
    body = {"_target_": "rscnet.body.model.embedded_body"}
    config = {"name": "x", "data": {"train": {**people, "body": body}}, "body": body, "model": {"body": body}}
    ship_weights.require_embedded(config)
    with pytest.raises(UserError, match=f"x: was trained with {foreign}; expected embedded people only"):
        ship_weights.require_embedded(config | part)


@pytest.mark.parametrize("path", sorted(SHIPPED.rglob("*.safetensors")), ids=lambda path: path.stem)
def test_all_that_ships_may_ship(path):
    ship_weights.require_embedded(read(path)[1])
