"""Sweeps without training: which command lines are sweeps, where they lie, how jobs are recorded."""

import json
import subprocess
import threading
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
from processes import runs, wait_until

from rscnet.config.compose import compose, compose_tree
from rscnet.config.fingerprint import run_folder
from rscnet.errors import UserError
from rscnet.run import main
from rscnet.sweep import jobs, stopping
from rscnet.sweep.jobs import clean_environment, run_job
from rscnet.sweep.start import is_sweep, sweep_folder, with_our_settings
from rscnet.sweep.summary import read_jobs, report_failures, write_summary

RSC = ["experiment=rsc_full", "preset=smoke"]


def test_what_a_sweep_is():
    assert is_sweep(["-m", *RSC, "seed=0,1"])
    assert is_sweep(["sweep=ablation_components"])
    assert not is_sweep([*RSC, "sweep=none"])
    assert not is_sweep(RSC)


def test_the_same_sweep_finds_its_folder_again():
    words = ["sweep=search", "preset=smoke", "seed=0,1"]
    folder = sweep_folder([*words, "paths.output=/x"])
    assert folder.parent == Path("/x/sweeps/search")
    launched = [*reversed(words), "hydra/launcher=joblib", "hydra.sweeper.n_trials=9", "logger=csv", "paths.output=/x"]
    assert sweep_folder(launched) == folder
    assert sweep_folder(["sweep=search", "preset=cpu", "seed=0,1", "paths.output=/x"]) != folder


def test_a_misspelt_sweep_is_one_line_and_leaves_no_folder(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["-m", "sweep=ablation_componets", f"paths.output={tmp_path}"])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: sweep=ablation_componets: there is no ") and "'ablation_components'" in line
    assert not list(tmp_path.glob("sweeps/*"))


def test_a_job_does_not_take_itself_for_a_rank_of_another_run():
    inherited = {"LOCAL_RANK": "1", "MASTER_PORT": "1", "WORLD_SIZE": "2", "SLURM_PROCID": "3", "HOME": "/x"}
    assert clean_environment(inherited) == {"SLURM_PROCID": "3", "HOME": "/x"}


@pytest.fixture
def fake_runs(monkeypatch) -> list[list[str]]:
    """Jobs call a stand-in that writes results, and fails for seed 1."""
    started: list[list[str]] = []

    def popen(command: list[str], **settings):
        started.append(command[3:])
        config = compose(command[3:])
        folder, figure = run_folder(config), 50.0 + config.seed
        folder.mkdir(parents=True)
        script = "echo working; echo error: no luck with this seed; exit 1"
        if config.seed != 1:
            result = {"by_size": {"64": {"pa_mpjpe": figure}}}
            script = f"echo working; echo '{json.dumps(result)}' > '{folder}/result.json'"
        return subprocess.Popen(["sh", "-c", script], **settings)

    monkeypatch.setattr(jobs, "subprocess", SimpleNamespace(Popen=popen, STDOUT=subprocess.STDOUT))
    return started


def test_a_failed_job_is_recorded_and_complete_ones_are_skipped(fake_runs, tmp_path, capsys):
    sweep = tmp_path / "sweeps" / "some" / "abc"
    values = [run_job([*RSC, f"seed={seed}", "sweep=some", "hydra.x=1"], sweep, seed) for seed in range(3)]
    assert values == [50.0, None, 52.0]
    assert len(fake_runs) == 3
    assert not [word for words in fake_runs for word in words if word.startswith(("sweep", "hydra"))]
    write_summary(sweep, ["sweep=some"])
    summary = json.loads((sweep / "sweep.json").read_text())
    assert (summary["name"], summary["complete"], summary["failed"], summary["group"]) == ("some", 2, 1, "some-abc")
    failed = summary["jobs"][1]
    assert (failed["status"], failed["exit_code"], failed["message"]) == ("failed", 1, "no luck with this seed")
    assert "working" in (sweep / failed["log"]).read_text()
    with pytest.raises(UserError, match=rf"^{failed['name']}: no luck with this seed .*\nsweep: 1 jobs failed"):
        report_failures(sweep)
    capsys.readouterr()
    (sweep / failed["folder"]).rmdir()
    assert [run_job([*RSC, f"seed={seed}"], sweep, seed) for seed in range(3)] == [50.0, None, 52.0]
    assert len(fake_runs) == 4  # only the one that was missing
    assert capsys.readouterr().out.count("was complete") == 2
    assert json.loads((sweep / "sweep.json").read_text())["jobs"][0]["seconds"] is not None


def test_the_figures_of_textures_are_not_called_errors(tmp_path, capsys):
    (tmp_path / "jobs").mkdir()
    for value, title in ((51.0, "PA-MPJPE"), (-13.1, "-PSNR or -SSIM")):
        jobs.Job("one", 0, [], status="complete", value=value).write(tmp_path)
        write_summary(tmp_path, [])
        assert title in capsys.readouterr().out


@pytest.fixture
def stubborn_run(monkeypatch) -> list[Path]:
    """Jobs call a stand-in that starts a process of its own and takes no notice of signals."""
    pids: list[Path] = []

    def popen(command: list[str], stdout, **settings):
        pids.append(Path(stdout.name + ".pids"))
        script = f"trap '' TERM; sleep 100 & echo $$ $! > {pids[-1]}; wait; sleep 100"
        return subprocess.Popen(["sh", "-c", script], stdout=stdout, **settings)

    monkeypatch.setattr(jobs, "subprocess", SimpleNamespace(Popen=popen, STDOUT=subprocess.STDOUT))
    monkeypatch.setattr(stopping, "PATIENCE", 0.1)
    return pids


def test_a_stopped_sweep_ends_its_job_with_all_of_its_processes_and_starts_no_other(stubborn_run, tmp_path):
    def stop() -> None:
        while not (stubborn_run and stubborn_run[0].exists() and stubborn_run[0].read_text()):
            time.sleep(0.01)
        (tmp_path / stopping.STOP).touch()

    user = threading.Thread(target=stop)
    user.start()
    assert [run_job([*RSC, f"seed={seed}"], tmp_path, seed) for seed in range(2)] == [None, None]
    user.join()
    (record,) = (tmp_path / "jobs").glob("*.json")
    assert json.loads(record.read_text())["message"] == "interrupted"
    pids = stubborn_run[0].read_text().split()
    wait_until(lambda: not any(map(runs, pids)), limit=10)  # a killed process dies when it may run


def test_launchers_have_our_settings_under_the_names_of_their_plugins():
    for name in ("joblib", "submitit_local", "submitit_slurm"):
        ours = with_our_settings(f"hydra/launcher={name}")
        assert ours == f"hydra/launcher=rscnet_{name}"
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Hydra's note on names
            compose_tree([*RSC, ours], resolve=False)
    assert with_our_settings("hydra/launcher=basic") == "hydra/launcher=basic"
    assert with_our_settings("hydra.launcher.n_jobs=3") == "hydra.launcher.n_jobs=3"


def test_a_job_that_does_not_compose_fails_alone(fake_runs, tmp_path):
    sweep = tmp_path / "sweeps" / "some" / "abc"
    assert run_job([*RSC, "ablation=temperature_05", "loss.contrastive.temperature=0.1"], sweep, 7) is None
    assert not fake_runs
    record = json.loads((sweep / "jobs" / "job7.json").read_text())
    assert record["status"] == "failed"
    assert record["message"].startswith("ablation=temperature_05: its card says")
    assert run_job([*RSC, "ablation=temperature_05"], sweep, 7) == 50.0  # and is forgotten once it is mended
    assert [job["status"] for job in read_jobs(sweep)] == ["complete"]
