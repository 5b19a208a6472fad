"""What configuration files may compute."""

import pytest
import torch

from rscnet.config.compose import compose, experiments
from rscnet.errors import UserError


@pytest.mark.parametrize(("words", "precision"), [([], "32-true"), (["trainer.accelerator=gpu"], "bf16-mixed")])
def test_a_gpu_that_is_not_used_does_not_decide_the_precision(monkeypatch, words, precision):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert (compose(["preset=cpu", *words]).trainer.model_extra or {})["precision"] == precision


def test_a_preset_shares_pictures_between_stages_and_leaves_full_resolution_alone():
    def epochs(*words: str) -> list[float]:
        return [stage["epochs"] for stage in compose(list(words)).plain()["curriculum"]["stages"].values()]

    assert epochs("preset=paper") == epochs("preset=cpu64") == [0.5, 0.5, 0.5, 1.0]
    assert epochs("preset=cpu", "stage_epochs.stage3=2") == [0.05, 0.05, 0.1, 2]
    assert epochs("preset=cpu", "curriculum.stages.stage0.epochs=3") == [3, 0.05, 0.1, 1.95]
    assert epochs("preset=cpu", "experiment=hr_baseline") == [10]


@pytest.mark.parametrize(
    ("word", "field"),
    [
        ("stage_epochs.stage1=0", "stage_epochs.stage1"),
        ("stage_epochs.stage9=1", "stage9"),
        ("seed=4294967296", "seed: "),
    ],
)
def test_impossible_values_are_one_line(word, field):
    with pytest.raises(UserError, match=field):
        compose([word])


def test_an_installation_without_configuration_says_how_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr("rscnet.config.compose.CONFIG_DIR", tmp_path / "conf")
    for command in (experiments, lambda: compose([])):
        with pytest.raises(UserError, match=r"conf: missing: .*pip install -e"):
            command()
