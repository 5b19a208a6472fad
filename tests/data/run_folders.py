"""Run folders written by hand: what a training leaves behind, with chosen errors."""

import json
from pathlib import Path

import numpy as np
import torch
import yaml
from PIL import Image

RANGES = [[64, 64], [16, 32]]


def config(name: str, ablation: str = "base", seed: int = 0, **science) -> dict:
    """A configuration with the keys that reports read."""
    return {
        "name": name,
        "ablation": ablation,
        "seed": seed,
        "preset": "smoke",
        "task": {"_target_": "rscnet.tasks.train.run"},
        "trainer": {"_target_": "pytorch_lightning.Trainer", "precision": "32-true"},
        "data": {"_target_": "rscnet.data.datamodule.PeopleDataModule", "seed": seed},
        "resolution": {"_target_": "rscnet.resolution.ResolutionSet", "ranges": RANGES, "eval": [64, 16]},
        **science,
    }


def errors(full: float, low: float) -> dict:
    """Errors at 64 and 16 px: MPJPE, and the others in proportion."""
    return {
        size: {"mpjpe": value, "pa_mpjpe": value / 2, "pve": value * 1.1} for size, value in (("64", full), ("16", low))
    }


def write_run(
    sweep: Path, tree: dict, found: dict | None, rivals: dict | None = None, losses: tuple[float, ...] = (4.0, 2.0)
) -> Path:
    """One run folder; `found` None leaves it unfinished."""
    digits = f"{abs(hash(json.dumps({**tree, 'seed': 0, 'data': 0}, sort_keys=True))):x}"[:10]
    folder = sweep / tree["name"] / tree["ablation"] / digits / f"seed{tree['seed']}"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(tree))
    said = {"commit": "0123456789abcdef", "uncommitted_changes": False, "started": "2026-11-22T20:00:00Z"}
    (folder / "provenance.json").write_text(json.dumps(said))
    rows = [{"step": step, "train/total": loss} for step, loss in enumerate(losses)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    if found is None:
        return folder
    cost = {"training_seconds": 3700.0, "images_per_second": 50.0, "pictures": 100, "peak_memory_gb": 1.0}
    cost |= {"peak_gpu_memory_gb": 0.0, "parameters": 2_000_000, "device": "cpu", "processes": 1}
    result = {"by_size": found, "rivals": rivals or {}, "samples": 6, "split": "test", "steps": len(losses)}
    (folder / "result.json").write_text(json.dumps({**result, "cost": cost}))
    picture = np.random.default_rng(tree["seed"]).integers(0, 255, (40, 60, 3), np.uint8)
    Image.fromarray(picture).save(folder / "panel.png")
    return folder


def write_coefficients(folder: Path, values: list[list[float]]) -> None:
    """A checkpoint whose network has one residual stage with these coefficients, scales by blocks."""
    state = {"network.encoder.layer1.alphas": torch.tensor(values), "network.encoder.conv1.weight": torch.zeros(1)}
    content = {"state_dict": state, "rscnet": {"config": {"name": "rsc_full"}}}
    torch.save(content, folder / "checkpoints" / "last.ckpt")


def small_sweep(sweep: Path) -> Path:
    """Two seeds each of a baseline and a method, a run that stopped, one that failed, and a job that never began."""
    mean = {"mean_pose": errors(300, 300)}
    for seed, shift in ((0, 0.0), (1, 2.0)):
        write_run(sweep, config("hr_baseline", seed=seed, loss={"contrastive": None}), errors(100 + shift, 200), mean)
        tree = config("rsc_full", seed=seed, loss={"contrastive": {"_target_": "a.Loss", "temperature": 0.1}})
        folder = write_run(sweep, tree, errors(110 + shift, 120 + shift), mean, losses=(8.0, 6.0 + shift))
        write_coefficients(folder, [[1.0 + shift, 0.5], [0.9, 1.5]])
    write_run(sweep, {**tree, "seed": 2}, None)
    failed = write_run(sweep, {**tree, "seed": 3}, None)
    jobs = {"a": (str(failed.relative_to(sweep)), "error: the loss is nan"), "b": (None, "optimizer.lr: must be > 0")}
    (sweep / "jobs").mkdir()
    for name, (where, message) in jobs.items():
        job = {"name": f"job-{name}", "number": 0, "status": "failed", "folder": where, "message": message}
        (sweep / "jobs" / f"{name}.json").write_text(json.dumps(job))
    return sweep
