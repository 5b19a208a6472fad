"""A search that was stopped goes on: finished trials count, the one that was running is tried again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

STUDY = "study.db"


def continue_study(folder: Path, words: Sequence[str]) -> list[str]:
    """Hydra overrides for the rest of the optuna study in a sweep's folder; none where there is no study."""
    if not (folder / STUDY).exists():
        return []
    import optuna

    storage = f"sqlite:///{folder / STUDY}"
    (summary,) = optuna.get_all_study_summaries(storage)
    study = optuna.load_study(study_name=summary.study_name, storage=storage)
    interrupted = study.get_trials(states=(optuna.trial.TrialState.RUNNING,))
    for trial in interrupted:
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        study.enqueue_trial(trial.params)
    complete = len(study.get_trials(states=(optuna.trial.TrialState.COMPLETE,)))
    wanted = [int(word.split("=", 1)[1]) for word in words if word.startswith("hydra.sweeper.n_trials=")]
    total = wanted[-1] if wanted else default_trials()
    # another seed, or the search would begin with the trials that it has made already
    return [f"hydra.sweeper.n_trials={max(total - complete, 0)}", f"hydra.sweeper.sampler.seed={len(study.trials)}"]


def default_trials() -> int:
    """Trials of `sweep=search`."""
    import yaml

    from rscnet.config.compose import CONFIG_DIR

    return int(yaml.safe_load((CONFIG_DIR / "sweep" / "search.yaml").read_text())["hydra"]["sweeper"]["n_trials"])
