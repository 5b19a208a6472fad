"""What configuration files may compute."""

import pytest
import torch

from rscnet.config.compose import compose


@pytest.mark.parametrize(("words", "precision"), [([], "32-true"), (["trainer.accelerator=gpu"], "bf16-mixed")])
def test_a_gpu_that_is_not_used_does_not_decide_the_precision(monkeypatch, words, precision):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert (compose(["preset=cpu", *words]).trainer.model_extra or {})["precision"] == precision
