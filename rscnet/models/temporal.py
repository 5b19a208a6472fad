"""Learned refinement of tracks: small, bidirectional, residual, aware of each frame's resolution (spec section 8).

Its inputs are the body parameters themselves with sizes and validity, so that weights stay usable when the per-frame
network is trained anew; pooled features join them where `features` asks for it.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from rscnet.errors import UserError
from rscnet.geometry.rotations import matrix_to_rotation_6d, rotation_6d_to_matrix
from rscnet.models.regressor import BETAS, CAMERA, JOINTS
from rscnet.temporal.track import Track

REFERENCE_SIZE, REFERENCE_FPS = 64.0, 25.0  # centre of the inputs' logarithms
FIRST_SPREAD = 2.0  # frames: before training each output is a Gaussian mean of that standard deviation


class TemporalRefiner(nn.Module):
    """For every frame and joint a learned mean over the neighbouring frames, plus a learned correction in 6D.

    A GRU that reads the track both ways says for each frame, joint and offset how much the neighbour there counts, and
    what to add; a joint that is unsure in this frame is taken from others. The shape is one for the whole track.

    Args:
        hidden: width of the GRU in each direction.
        layers: of the GRU.
        reach: frames to each side that may count.
        features: length of the pooled features to read; 0 reads none.
    """

    def __init__(self, hidden: int = 96, layers: int = 2, reach: int = 8, features: int = 0) -> None:
        super().__init__()
        self.reach, self.features = reach, features
        inputs = 6 * JOINTS + BETAS + CAMERA + 3
        self.inward = nn.Linear(inputs + features, hidden)
        self.recurrent = nn.GRU(hidden, hidden, layers, batch_first=True, bidirectional=True)
        self.kernel = nn.Linear(2 * hidden, (JOINTS + 1) * (2 * reach + 1))
        self.correction = nn.Linear(2 * hidden, 6 * JOINTS)
        self.trust = nn.Linear(2 * hidden, 1)
        for layer in (self.kernel, self.correction, self.trust):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        offsets = torch.arange(-reach, reach + 1)
        with torch.no_grad():
            self.kernel.bias.copy_((-0.5 * (offsets / FIRST_SPREAD) ** 2).repeat(JOINTS + 1))

    def forward(self, track: Track) -> Track:
        """Refined tracks "b t" whose gaps were filled before.

        Raises:
            UserError: features are expected and missing or of another length.
        """
        pose = matrix_to_rotation_6d(track.rotations).flatten(-2)
        hidden, _ = self.recurrent(F.relu(self.inward(self._inputs(track, pose))))
        weights = self._weights(hidden, track)
        batch, count = track.valid.shape
        joints = self._mean(weights[..., :JOINTS, :], pose.view(batch, count, JOINTS, 6))
        joints = joints + self.correction(hidden).view(batch, count, JOINTS, 6)
        place = track.picture_camera
        place = torch.cat([place[..., :1].log(), place[..., 1:]], dim=-1)
        place = self._mean(weights[..., JOINTS:, :], place[:, :, None])[:, :, 0]
        place = torch.cat([place[..., :1].exp(), place[..., 1:]], dim=-1)
        trust = torch.where(track.valid[..., None], self.trust(hidden), -torch.inf).softmax(dim=1)
        betas = (trust * track.betas).sum(1, keepdim=True).expand_as(track.betas)
        return replace(track, rotations=rotation_6d_to_matrix(joints), betas=betas).with_picture_camera(place)

    def _inputs(self, track: Track, pose: Float[Tensor, "b t 144"]) -> Float[Tensor, "b t d"]:
        size = (track.crops[..., 2:] / REFERENCE_SIZE).log2()
        rate = (track.fps / REFERENCE_FPS).log2()[:, None, None].expand_as(size)
        inputs = [pose, track.betas, track.camera, size, rate, track.valid[..., None].to(pose)]
        if self.features:
            if track.feature is None or track.feature.shape[-1] != self.features:
                got = 0 if track.feature is None else track.feature.shape[-1]
                raise UserError(f"temporal: the network reads {self.features} features per frame, the track has {got}")
            inputs.append(track.feature)
        return torch.cat(inputs, dim=-1)

    def _weights(self, hidden: Float[Tensor, "b t h"], track: Track) -> Float[Tensor, "b t g k"]:
        """Weights over the neighbours, which are zero beyond the ends and small where nobody was seen."""
        logits = self.kernel(hidden).unflatten(-1, (JOINTS + 1, 2 * self.reach + 1))
        seen = torch.where(track.valid, 0.0, -4.0)
        inside = F.pad(seen, (self.reach, self.reach), value=-1e4).unfold(1, 2 * self.reach + 1, 1)
        return (logits + inside[:, :, None]).softmax(-1)

    def _mean(self, weights: Float[Tensor, "b t g k"], values: Float[Tensor, "b t g d"]) -> Float[Tensor, "b t g d"]:
        padded = F.pad(values, (0, 0, 0, 0, self.reach, self.reach))
        return torch.einsum("btgk,btgdk->btgd", weights, padded.unfold(1, 2 * self.reach + 1, 1))
