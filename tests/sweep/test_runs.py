"""Real sweeps through the entrypoint: a job is killed, the rest finish; started again, only the missing one runs."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from processes import runs, wait_until
from small_runs import PEOPLE

ROOT = Path(__file__).parents[2]
ONE_STAGE = [f"curriculum.stages.stage{i}=null" for i in (1, 2, 3)]
QUICK = ["preset=smoke", "people.train=16", "people.test=2", *ONE_STAGE, *PEOPLE, "evaluation.panel_samples=0"]
LIMIT = 600
pytestmark = pytest.mark.timeout(2 * LIMIT + 60)  # several trainings each, on whatever machine


def start(*words: str) -> subprocess.Popen[str]:
    """`python -m rscnet.run` in a process of its own."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "rscnet.run", *words]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def records(output: Path) -> dict[str, dict]:
    """The job records by the seed in their names."""
    return {
        path.stem.rsplit("seed")[-1]: json.loads(path.read_text()) for path in output.glob("sweeps/*/*/jobs/*.json")
    }


def kill_first_job(output: Path) -> None:
    wait_until(lambda: bool(records(output).get("0", {}).get("pid")), LIMIT)
    os.kill(records(output)["0"]["pid"], signal.SIGKILL)


def test_a_killed_job_stops_no_other_and_runs_alone_when_the_sweep_is_started_again(tmp_path):
    launcher = ["hydra/launcher=submitit_local", f"paths.output={tmp_path}"]
    words = ["-m", "experiment=rsc_full", "seed=0,1", *QUICK, *launcher]
    process = start(*words)
    kill_first_job(tmp_path)
    out, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 1, out + err
    first, second = records(tmp_path)["0"], records(tmp_path)["1"]
    assert (first["status"], first["message"]) == ("failed", "killed by SIGKILL")
    assert (second["status"], second["exit_code"]) == ("complete", 0)
    assert f"error: {first['name']}: killed by SIGKILL" in err
    (summary,) = tmp_path.glob("sweeps/multirun/*/sweep.json")
    told = json.loads(summary.read_text())
    assert (told["complete"], told["failed"]) == (1, 1)
    run = summary.parent / second["folder"]
    assert yaml.safe_load((run / "config.yaml").read_text())["seed"] == 1
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}

    process = start(*words)
    out, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, out + err
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before
    told = json.loads(summary.read_text())
    assert (told["complete"], told["failed"]) == (2, 0)
    assert [job["message"] for job in told["jobs"]] == ["", "was complete"]


def test_sigterm_to_a_sweep_ends_its_jobs_and_the_next_start_goes_on(tmp_path):
    launcher = ["hydra/launcher=joblib", f"paths.output={tmp_path}"]
    long = "curriculum.stages.stage0.epochs=40"  # still training when the signal comes
    words = ["-m", "experiment=rsc_full", "seed=0,1", *QUICK, long, *launcher]
    process = start(*words)  # both jobs run at once
    wait_until(lambda: len(list(tmp_path.glob("sweeps/*/*/rsc_full/*/*/*/metrics.jsonl"))) == 2, LIMIT)
    pids = [job["pid"] for job in records(tmp_path).values()]
    process.terminate()
    out, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 130, out + err
    assert len(pids) == 2 and not any(map(runs, pids))
    assert "sweep stopped; the same command goes on with it" in out
    assert "ConfigStore" not in err
    assert {(job["status"], job["message"]) for job in records(tmp_path).values()} == {("failed", "interrupted")}

    process = start(*words)
    out, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, out + err
    assert {seed: job["status"] for seed, job in records(tmp_path).items()} == dict.fromkeys("01", "complete")
    logs = [path.read_text() for path in tmp_path.glob("sweeps/*/*/jobs/*.log")]
    assert len(logs) == 2 and all("going on from" in log for log in logs)


def test_optuna_gives_all_ranks_one_trial(tmp_path):
    two_ranks = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
    words = ["-m", "sweep=search", "hydra.sweeper.n_trials=1", *QUICK, *two_ranks, f"paths.output={tmp_path}"]
    process = start(*words)
    out, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, out + err  # ranks with different trials would have been refused
    (job,) = records(tmp_path).values()
    (folder,) = tmp_path.glob("sweeps/search/*")
    assert job["value"] == pytest.approx(json.loads((folder / "sweep.json").read_text())["jobs"][0]["value"])
    chosen = {word.split("=")[0]: float(word.split("=")[1]) for word in job["overrides"] if "optimizer.lr" in word}
    config = yaml.safe_load((folder / job["folder"] / "config.yaml").read_text())
    assert config["optimizer"]["lr"] == pytest.approx(chosen["optimizer.lr"])
    assert json.loads((folder / job["folder"] / "result.json").read_text())["split"] == "val"
    # the search is complete: started again it has no trial left
    out, err = start(*words).communicate(timeout=LIMIT)
    assert "starts" not in out, out + err


def test_without_isolation_ranks_get_different_trials_and_are_stopped(tmp_path):
    script = ROOT / "tests" / "data" / "optuna_in_one_process.py"
    sweeper = [
        "hydra/sweeper=optuna",
        "hydra.sweeper.n_trials=1",
        "hydra.sweeper.n_jobs=1",
        f"hydra.sweep.dir={tmp_path}",
    ]
    done = subprocess.run(
        [sys.executable, str(script), "-m", *sweeper, "lr=interval(0,1)"],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "HYDRA_FULL_ERROR": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    trials = [line for line in done.stdout.splitlines() if line.startswith("a trial with lr=")]
    assert len(trials) == len(set(trials)) == 2, done.stderr  # one training, two learning rates
    assert done.returncode != 0
    assert "the 2 ranks run different configurations" in done.stderr
