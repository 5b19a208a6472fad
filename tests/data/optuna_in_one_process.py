"""What goes wrong without isolated jobs: Hydra's multirun with Optuna, and DDP inside the job itself.

Lightning starts rank 1 by repeating the whole multirun command, so rank 1 asks a study of its own for another trial.
"""

import hydra
import pytorch_lightning as pl
from hydra.core.config_store import ConfigStore
from pytorch_lightning.demos.boring_classes import BoringModel

from rscnet.callbacks.ranks import RankAgreement
from rscnet.config.fingerprint import digest

ConfigStore.instance().store("config", {"lr": 0.1})


@hydra.main(version_base="1.3", config_path=None, config_name="config")
def job(config) -> float:
    print(f"a trial with lr={config.lr}", flush=True)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    guard = RankAgreement(digest({"lr": config.lr}))
    pl.Trainer(accelerator="cpu", devices=2, strategy="ddp", max_steps=1, callbacks=[guard], **quiet).fit(BoringModel())
    return 0.0


if __name__ == "__main__":
    job()
