"""Iterative regression of body parameters from a pooled feature (HMR's regressor, spec section 2.4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from rscnet.geometry.rotations import rotation_6d_to_matrix
from rscnet.structures import BodyParameters

JOINTS, BETAS, CAMERA = 24, 10, 3
POSE = 6 * JOINTS

Array = Tensor | np.ndarray | Sequence[float]


class IterativeRegressor(nn.Module):
    """Corrects the mean body a few times, each time looking at the feature and at the estimate so far.

    Args:
        features: length of the pooled feature.
        mean_pose: 144 numbers, 24 rotations in 6D (row-major first two columns), the root in the camera frame.
        mean_shape: 10 betas.
        mean_cam: weak perspective [s, tx, ty].
        iterations: number of corrections.
        hidden: width of the two hidden layers.
        relu: ReLU between the layers as RSC-Net has it; False is SPIN's regressor.
        dropout: probability after each hidden layer.
    """

    init_pose: Float[Tensor, "1 144"]
    init_shape: Float[Tensor, "1 10"]
    init_cam: Float[Tensor, "1 3"]

    def __init__(
        self,
        features: int,
        mean_pose: Array,
        mean_shape: Array,
        mean_cam: Array,
        iterations: int = 3,
        hidden: int = 1024,
        relu: bool = True,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.iterations = iterations
        self.fc1 = nn.Linear(features + POSE + BETAS + CAMERA, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.activation = nn.ReLU() if relu else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.decpose = nn.Linear(hidden, POSE)
        self.decshape = nn.Linear(hidden, BETAS)
        self.deccam = nn.Linear(hidden, CAMERA)
        for decoder in (self.decpose, self.decshape, self.deccam):
            # small, so that training starts near the mean body
            nn.init.xavier_uniform_(decoder.weight, gain=0.01)
        for name, mean, length in (("pose", mean_pose, POSE), ("shape", mean_shape, BETAS), ("cam", mean_cam, CAMERA)):
            values = torch.as_tensor(mean, dtype=torch.float32).clone().reshape(1, length)
            self.register_buffer(f"init_{name}", values)

    def forward(self, feature: Float[Tensor, "n c"]) -> BodyParameters:
        """Body parameters of each feature, rotations as matrices in the camera frame, always in float32."""
        count = feature.shape[0]  # len() would fix the batch size of an exported graph
        pose, betas, camera = (mean.expand(count, -1) for mean in (self.init_pose, self.init_shape, self.init_cam))
        for _ in range(self.iterations):
            hidden = torch.cat([feature, pose, betas, camera], dim=1)
            hidden = self.dropout(self.activation(self.fc1(hidden)))
            hidden = self.dropout(self.activation(self.fc2(hidden)))
            pose = pose + self.decpose(hidden)
            betas = betas + self.decshape(hidden)
            camera = camera + self.deccam(hidden)
        rotations = rotation_6d_to_matrix(pose.float().unflatten(-1, (JOINTS, 6)))
        return BodyParameters.from_rotations(rotations, betas.float(), camera.float())
