"""The original network's weights and outputs: drawn from seeds, and what the original code made of them."""

import json
from pathlib import Path

import numpy as np
import torch
from seeded_weights import seeded_state

from rscnet.models.rscnet import RSCNet

DATA = Path(__file__).parent


def golden() -> dict[str, np.ndarray]:
    """Outputs of the original network at each scale index, and the mean parameters."""
    return dict(np.load(DATA / "rscnet_forward.npz"))


def official_state() -> dict[str, torch.Tensor]:
    """A state dict of the released code."""
    shapes = json.loads((DATA / "official_state_dict_shapes.json").read_text())
    state = seeded_state({name: torch.Size(shape) for name, shape in shapes.items()})
    mean = golden()
    for ours, theirs in (("mean_pose", "init_pose"), ("mean_shape", "init_shape"), ("mean_cam", "init_cam")):
        state[theirs] = torch.from_numpy(mean[ours])[None]
    return state


@torch.no_grad()
def assert_golden(network: RSCNet) -> None:
    """The network says what the original said, at every scale."""
    views = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(3))
    # all scale indices at once: a batch may mix them
    prediction = network.eval()(views.repeat(5, 1, 1, 1), torch.arange(5).repeat_interleave(2))
    expected = golden()
    for i in range(5):
        rows = slice(2 * i, 2 * i + 2)
        pairs = {
            "rotmat": prediction.parameters.rotations,
            "betas": prediction.parameters.betas,
            "cam": prediction.parameters.camera,
            "feature": prediction.projection,
        }
        for name, value in pairs.items():
            assert value is not None
            np.testing.assert_allclose(value[rows].numpy(), expected[f"{name}_{i}"], atol=1e-4, rtol=1e-4)
