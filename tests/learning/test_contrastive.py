"""The encoder that follows slowly."""

from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from rscnet.learning.contrastive import ContrastiveModule


def test_a_skipped_step_leaves_it_where_it_was():
    module: Any = SimpleNamespace(network=nn.Linear(2, 2), teacher=nn.Linear(2, 2), momentum=0.5)
    before = module.teacher.weight.detach().clone()
    ContrastiveModule.on_train_batch_end(module, None, None, 0)  # the guard took the gradients away
    assert torch.equal(module.teacher.weight, before)
    module.network(torch.ones(1, 2)).sum().backward()
    ContrastiveModule.on_train_batch_end(module, None, None, 0)
    torch.testing.assert_close(module.teacher.weight, (before + module.network.weight) / 2)
