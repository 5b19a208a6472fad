"""What wandb, TensorBoard and CSV hold of a run that lost its power once: every name, every step once."""

import csv
import json
import re
from collections import Counter
from pathlib import Path

import pytest
import wandb_file
from small_runs import SMALL, PowerCut, at_step, cut_power, run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rscnet.run import main
from rscnet.sweep.jobs import GROUP

STEPS, CUT = 16, 13  # the checkpoint before the cut is of step 10, so that three steps are run twice
WORDS = [
    "experiment=rsc_full",
    "logger=many",
    "trainer.log_every_n_steps=1",
    "callbacks.checkpoints.every_n_steps=5",
    "callbacks.pictures.people=1",
    "evaluation.panel_samples=0",
    "logger.wandb.tags=[grid]",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as sweep:
        sweep.setenv(GROUP, "ablation-monday")
        with pytest.MonkeyPatch.context() as patch, pytest.raises(PowerCut):
            at_step(patch, CUT, cut_power)
            run(output, *WORDS)
        return run(output, *WORDS)


@pytest.fixture(scope="module")
def rows(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def files(folder) -> list[Path]:
    """wandb writes one file per process."""
    found = map(wandb_file.ended, folder.glob("wandb/offline-run-*/*.wandb"))
    return sorted(found, key=lambda path: path.parent.name)  # the names begin with the time


@pytest.fixture(scope="module")
def history(files) -> list[dict]:
    return [row for path in files for row in wandb_file.history(path)]


def names(history: list[dict]) -> set[str]:
    return {name for row in history for name in row}


def test_wandb_holds_all_names(history):
    sizes = [64, 32, 16]
    expected = {f"{split}/{m}/{s}px" for split in ("val", "eval") for m in ("mpjpe", "pa_mpjpe", "pve") for s in sizes}
    expected |= {f"train/supervised/{term}" for term in ("keypoints_2d", "joints_3d", "pose", "betas", "camera")}
    expected |= {f"train/consistency/{term}" for term in ("pose", "betas", "camera")}
    for part in ("supervised", "consistency", "contrastive"):
        expected |= {f"train/weight/{part}", f"train/weighted/{part}"}
    expected |= {"train/contrastive", "train/total", "train/lr", "train/stage", "train/ramp", "train/queue_fill"}
    expected |= {f"grad_norm/{part}" for part in ("total", "encoder", "regressor", "projector")}
    expected |= {"cost/images_per_second", "cost/memory_gb", "cost/gpu_memory_gb"}
    expected |= {f"coefficients/{kind}/scale{scale}" for kind in ("mean", "std") for scale in range(5)}
    expected |= {f"coefficients/scale{scale}/bins" for scale in range(5)}  # a histogram's
    expected |= {"pictures/val/path", "results/path"}
    assert expected <= names(history)


def test_wandb_has_each_step_once_with_the_values_of_metrics_jsonl(history, rows, files):
    assert len(files) == 2
    assert [row["_step"] for row in history] == list(range(STEPS + 1))  # the last is the evaluation's
    for row in rows:
        told = {name: value for name, value in row.items() if name != "step" and not name.startswith("cost/")}
        assert {name: history[row["step"]][name] for name in told} == told


def test_queue_ramp_and_weights_are_those_of_the_step(history):
    first, last = history[0], history[STEPS - 1]
    assert first["train/queue_fill"] == pytest.approx(16 / 20_000)  # 8 people at 2 resolutions
    assert last["train/weight/supervised"] == 60
    assert last["train/weight/contrastive"] == pytest.approx(60 * last["train/ramp"] * 0.25 * 0.1)
    assert last["train/weighted/contrastive"] == pytest.approx(
        last["train/weight/contrastive"] * last["train/contrastive"], rel=1e-5
    )
    assert last["grad_norm/total"] > last["grad_norm/encoder"] > 0
    assert last["cost/images_per_second"] > 0
    assert last["cost/memory_gb"] > 0.1


def test_wandb_knows_the_run(files, folder):
    (first, second) = (wandb_file.run_record(path) for path in files)
    assert first.run_id == second.run_id == json.loads((folder / "mirrors" / "run.json").read_text())["id"]
    assert second.display_name == "rsc_full/base/seed0"
    assert second.run_group == "ablation-monday"
    assert list(second.tags) == ["ablation-monday", "base", "grid", "rsc_full", "smoke"]
    assert (second.project, second.job_type) == ("rscnet", "train")
    config = wandb_file.config(files[-1])
    assert config["loss"]["contrastive"]["temperature"] == 0.1
    provenance = json.loads((folder / "provenance.json").read_text())
    assert config["code"]["commit"] == provenance["commit"]
    assert config["code"]["packages"] == provenance["packages"]


def test_wandb_holds_pictures_table_and_best_checkpoint(files, folder):
    media = files[-1].parent / "files" / "media"
    assert [path.name.split("_")[1] for path in (media / "images" / "pictures").iterdir()] == ["15"]
    (table,) = (media / "table").glob("results*.json")
    shown = json.loads(table.read_text())
    assert shown["columns"] == ["metric", "method", "64px", "32px", "16px"]
    result = json.loads((folder / "result.json").read_text())
    assert ["mpjpe", "rsc_full", *(result["by_size"][s]["mpjpe"] for s in ("64", "32", "16"))] in shown["data"]
    assert ["pve", "mean_pose"] in [row[:2] for row in shown["data"]]
    (best,) = [a for a in wandb_file.artifacts(files[-1]) if a.type == "model"]
    assert [content.path for content in best.manifest.contents] == ["best.ckpt"]
    assert "best" in list(best.aliases)


def test_tensorboard_has_each_step_once(folder, rows):
    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    logged = events.Scalars("train/total")
    assert [event.step for event in logged] == list(range(STEPS))
    expected = [row["train/total"] for row in rows if "train/total" in row]
    assert [event.value for event in logged] == pytest.approx(expected)
    assert events.Scalars("eval/pa_mpjpe/32px")[0].step == STEPS
    tags = events.Tags()
    assert "pictures/val" in tags["images"]
    assert "coefficients/scale4" in tags["histograms"]
    assert any(tag.startswith("results") for tag in tags["tensors"])


def test_csv_repeats_metrics_jsonl(folder, rows):
    with (folder / "csv" / "metrics.csv").open() as file:
        table = list(csv.DictReader(file))
    assert len(table) == len(rows)
    for found, row in zip(table, rows, strict=True):
        assert {name: float(value) for name, value in found.items() if value} == pytest.approx(row)


def test_the_row_count_is_that_of_metrics_jsonl(folder, rows):
    steps = Counter(row["step"] for row in rows if "train/total" in row)
    assert set(steps.values()) == {1}
    for name in ("wandb", "tensorboard", "csv"):
        assert json.loads((folder / "mirrors" / f"{name}.json").read_text())["rows"] == len(rows)


def test_the_cost_is_part_of_the_result(folder):
    cost = json.loads((folder / "result.json").read_text())["cost"]
    assert cost["pictures"] == 1 * 8 * 2 + 3 * 4 * 3 + 4 * 3 * 4 + 8 * 3 * 5  # the steps after the checkpoint once
    assert cost["training_seconds"] > 0
    assert cost["images_per_second"] > 0
    assert cost["device"] == "cpu"
    assert cost["peak_gpu_memory_gb"] == 0


def test_every_panel_of_the_dashboard_finds_its_values(history):
    from scripts.wandb_dashboard import workspace

    panels = [panel for section in workspace("me", "p", [64, 32, 16]).sections for panel in section.panels]
    logged = names(history)
    for panel in panels:
        for name in map(str, [*(getattr(panel, "y", None) or ()), *(getattr(panel, "metrics", None) or ())]):
            assert name in logged
        if pattern := getattr(panel, "metric_regex", None):
            assert any(re.match(pattern, name) for name in logged)


def test_an_evaluation_tells_the_names_that_a_training_tells(folder, history, tmp_path):
    words = ["task=evaluate", f"checkpoint={folder}", "logger=wandb", f"output={tmp_path}", *SMALL]
    for _ in range(2):
        main(words)
    runs = [wandb_file.history(wandb_file.ended(path)) for path in tmp_path.glob("wandb/offline-run-*/*.wandb")]
    assert len(runs) == 2  # each evaluation is a run of its own
    by_size = json.loads((tmp_path / "result.json").read_text())["by_size"]
    for run_history in runs:
        told = {name: value for row in run_history for name, value in row.items()}
        assert {name for name in names(history) if name.startswith("eval/")} == {
            n for n in told if n.startswith("eval/")
        }
        assert "results" in {name.split("/")[0] for name in told}
        for size, row in by_size.items():
            for metric, value in row.items():
                assert told[f"eval/{metric}/{size}px"] == pytest.approx(value)
