"""Benchmark-only: the network as the original runs it (reference document, 2.3 and 2.4): one resolution after the
other, default memory layout, coefficients as a factor on the whole residual map. Names of parameters are ours, so that
weights can be copied."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

JOINTS, POSE, BETAS, CAMERA = 24, 144, 10, 3


class Block(nn.Module):
    """Bottleneck of ResNet v1.5."""

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        outputs = 4 * channels
        self.conv1, self.bn1 = nn.Conv2d(inputs, channels, 1, bias=False), nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3, self.bn3 = nn.Conv2d(channels, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor, alpha: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.relu(alpha * out + shortcut)


class Stage(nn.Module):
    """Blocks and their coefficients for every scale."""

    def __init__(self, inputs: int, channels: int, blocks: int, stride: int, scales: int) -> None:
        super().__init__()
        widths = [inputs] + [4 * channels] * (blocks - 1)
        self.blocks = nn.ModuleList(Block(w, channels, stride if i == 0 else 1) for i, w in enumerate(widths))
        self.alphas = nn.Parameter(torch.ones(scales, blocks))

    def forward(self, x: Tensor, scale: int) -> Tensor:
        for i, block in enumerate(self.blocks):
            x = block(x, self.alphas[scale, i].view(1, 1, 1, 1))
        return x


class Encoder(nn.Module):
    """ResNet-50 with coefficients."""

    def __init__(self, base: int, scales: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, base, 7, 2, 3, bias=False), nn.BatchNorm2d(base)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        inputs = base
        for i, blocks in enumerate((3, 4, 6, 3)):
            self.add_module(f"layer{i + 1}", Stage(inputs, base * 2**i, blocks, 1 if i == 0 else 2, scales))
            inputs = 4 * base * 2**i

    def forward(self, x: Tensor, scale: int) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for name in ("layer1", "layer2", "layer3", "layer4"):
            x = self.get_submodule(name)(x, scale)
        return x


class Regressor(nn.Module):
    """Three corrections of the mean body."""

    def __init__(self, features: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.fc1 = nn.Linear(features + POSE + BETAS + CAMERA, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.drop = nn.Dropout(dropout)
        self.decpose, self.decshape = nn.Linear(hidden, POSE), nn.Linear(hidden, BETAS)
        self.deccam = nn.Linear(hidden, CAMERA)
        for name, length in (("init_pose", POSE), ("init_shape", BETAS), ("init_cam", CAMERA)):
            self.register_buffer(name, torch.zeros(1, length))

    def forward(self, feature: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        count = len(feature)
        pose, betas, camera = (
            self.get_buffer(f"init_{n}").expand(count, -1) for n in ("pose", "shape", "cam")
        )  # fmt: skip
        for _ in range(3):
            hidden = self.drop(torch.relu(self.fc1(torch.cat([feature, pose, betas, camera], 1))))
            hidden = self.drop(torch.relu(self.fc2(hidden)))
            pose, betas = pose + self.decpose(hidden), betas + self.decshape(hidden)
            camera = camera + self.deccam(hidden)
        return rotations(pose), betas, camera


class Network(nn.Module):
    """Picture and scale to rotations "n 24 3 3", betas, camera and contrastive feature."""

    def __init__(self, base: int, scales: int, hidden: int, projected: int, dropout: float) -> None:
        super().__init__()
        self.encoder = Encoder(base, scales)
        self.regressor = Regressor(32 * base, hidden, dropout)
        self.projector = nn.Sequential(nn.Linear(32 * base, hidden), nn.ReLU(), nn.Linear(hidden, projected))

    def forward(self, x: Tensor, scale: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        maps = self.encoder(x, scale)
        pooled = F.avg_pool2d(maps, maps.shape[-1]).flatten(1)
        projected = self.projector(maps.mean((2, 3)))
        return (*self.regressor(pooled), projected)


def rotations(pose: Tensor) -> Tensor:
    """Rotation matrices of 6D rows (Gram-Schmidt)."""
    columns = pose.view(-1, 3, 2)
    first = F.normalize(columns[:, :, 0])
    second = columns[:, :, 1] - (first * columns[:, :, 1]).sum(1, keepdim=True) * first
    second = F.normalize(second)
    return torch.stack([first, second, torch.linalg.cross(first, second)], -1).view(-1, JOINTS, 3, 3)
