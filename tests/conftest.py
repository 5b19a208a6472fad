"""What all tests share: one thread, no network, and one folder of rendered people for the whole session."""

import os

import pytest
import torch
from hypothesis import settings

os.environ |= {"NO_ALBUMENTATIONS_UPDATE": "1", "WANDB_MODE": "offline"}  # read when the libraries are imported


# the same examples in every run, whatever an earlier one has left in .hypothesis/
settings.register_profile("same", derandomize=True)
settings.load_profile("same")


@pytest.fixture(scope="session", autouse=True)
def quiet_process(tmp_path_factory: pytest.TempPathFactory) -> None:
    torch.set_num_threads(1)
    os.environ["RSCNET_CACHE"] = str(tmp_path_factory.mktemp("cache"))
