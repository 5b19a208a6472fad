"""Feature networks that say how alike two pictures of people are: our small one, PCB's ResNet-50, LPIPS.

All take RGB in [0, 1] of any size and bring it to their own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate, normalize

from rscnet.errors import UserError
from rscnet.imagenet import IMAGE_MEAN, IMAGE_STD
from rscnet.models.checkpoint import State, load_strict, load_weights
from rscnet.models.resnet import ResolutionAwareResNet


class FeatureNetwork(nn.Module, ABC):
    """Pictures to four feature maps, from fine to coarse; frozen where it is part of a loss."""

    mean: Float[Tensor, "3 1 1"]
    std: Float[Tensor, "3 1 1"]

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.size = (height, width)
        self.register_buffer("mean", torch.tensor(IMAGE_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGE_STD)[:, None, None], persistent=False)

    @abstractmethod
    def maps(self, pictures: Float[Tensor, "n 3 h w"]) -> list[Float[Tensor, "n c hf wf"]]:
        """Feature maps of normalised pictures."""

    def forward(self, pictures: Float[Tensor, "n 3 h w"]) -> list[Float[Tensor, "n c hf wf"]]:
        """Feature maps of pictures in [0, 1]."""
        if pictures.shape[2:] != self.size:
            pictures = interpolate(pictures, self.size, mode="bilinear")
        return self.maps((pictures - self.mean) / self.std)


class ReIDNet(FeatureNetwork):
    """A small network that `experiment=reid` trains to tell embedded people apart.

    Args:
        height, width: of its input in pixels.
        channels: after each of its four stages.
        embedding: length of the descriptor.
    """

    def __init__(
        self, height: int = 64, width: int = 32, channels: Sequence[int] = (16, 32, 64, 96), embedding: int = 64
    ) -> None:
        super().__init__(height, width)
        counts = [3, *channels]
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(counts[i], counts[i + 1], 3, 2 if i else 1, padding=1, bias=False),
                nn.BatchNorm2d(counts[i + 1]),
                nn.ReLU(),
            )
            for i in range(len(channels))
        )
        self.project = nn.Linear(4 * counts[-1], embedding)

    def maps(self, pictures: Float[Tensor, "n 3 h w"]) -> list[Float[Tensor, "n c hf wf"]]:
        found = []
        for stage in self.stages:
            pictures = stage(pictures)
            found.append(pictures)
        return found

    def describe(self, pictures: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n e"]:
        """Unit descriptors; four horizontal stripes are pooled by themselves, as in PCB."""
        last = self(pictures)[-1]
        stripes = torch.stack([stripe.mean((2, 3)) for stripe in last.tensor_split(4, dim=2)], 1)
        return normalize(self.project(stripes.flatten(1)), dim=1)


class PCBResNet(FeatureNetwork):
    """ResNet-50 with stride 1 in its last stage, as PCB trains it on Market-1501 (spec section 9.1).

    Args:
        weights: file with torchvision's names under any prefix; classifiers in it are left out.

    Raises:
        UserError: a file that is missing, damaged, or not of a ResNet-50.
    """

    def __init__(self, weights: str, height: int = 384, width: int = 128) -> None:
        super().__init__(height, width)
        self.backbone = ResolutionAwareResNet(depth=50, resolution_aware=False)
        first = self.backbone.get_submodule("layer4.blocks.0")
        first.get_submodule("conv2").stride = (1, 1)  # type: ignore[assignment]
        first.get_submodule("downsample.0").stride = (1, 1)  # type: ignore[assignment]
        load_strict(self.backbone, _as_backbone(load_weights(weights)[0], self.backbone.state_dict()), weights)

    def maps(self, pictures: Float[Tensor, "n 3 h w"]) -> list[Float[Tensor, "n c hf wf"]]:
        return self.backbone.stages(pictures, torch.zeros(len(pictures), dtype=torch.long, device=pictures.device))


class LPIPS(nn.Module):
    """Learned perceptual distance (Zhang et al. 2018) with AlexNet's features; the linear weights are torchmetrics'.

    Args:
        weights: torchvision's `alexnet-owt-*.pth`, which we may not ship.

    Raises:
        UserError: a file that is missing, damaged, or not AlexNet's.
    """

    LAYERS = ((3, 64, 11, 4, 2), (64, 192, 5, 1, 2), (192, 384, 3, 1, 1), (384, 256, 3, 1, 1), (256, 256, 3, 1, 1))
    shift: Float[Tensor, "3 1 1"]
    scale: Float[Tensor, "3 1 1"]

    def __init__(self, weights: str) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(i, o, k, s, p) for i, o, k, s, p in self.LAYERS)
        self.pool = nn.MaxPool2d(3, 2)
        self.linear = nn.ParameterList(torch.zeros(1, layer[1], 1, 1) for layer in self.LAYERS)
        self.register_buffer("shift", torch.tensor([-0.030, -0.088, -0.188])[:, None, None], persistent=False)
        self.register_buffer("scale", torch.tensor([0.458, 0.448, 0.450])[:, None, None], persistent=False)
        load_strict(self, _lpips_state(weights), weights)

    def forward(self, first: Float[Tensor, "n 3 h w"], second: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n"]:
        """Distance of pictures in [0, 1], of at least 64 pixels."""
        a, b = ((2 * picture - 1 - self.shift) / self.scale for picture in (first, second))
        total = torch.zeros(len(first), device=first.device)
        for number, (convolution, weight) in enumerate(zip(self.convolutions, self.linear, strict=True)):
            if number in (1, 2):
                a, b = self.pool(a), self.pool(b)
            a, b = convolution(a).relu(), convolution(b).relu()
            difference = (normalize(a, dim=1, eps=1e-10) - normalize(b, dim=1, eps=1e-10)).square()
            total = total + (difference * weight).sum(1).mean((1, 2))
        return total


def cosine_similarity(
    first: list[Float[Tensor, "n c hf wf"]], second: list[Float[Tensor, "n c hf wf"]]
) -> Float[Tensor, "n"]:
    """Mean over layers of the cosine between flattened feature maps (the literature's CosSim, spec section 9.1)."""
    cosines = [
        (normalize(a.flatten(1), dim=1) * normalize(b.flatten(1), dim=1)).sum(1)
        for a, b in zip(first, second, strict=True)
    ]
    return torch.stack(cosines).mean(0)


def _as_backbone(state: State, expected: State) -> State:
    """A state dict in torchvision's names, whatever stands before them, under ours."""
    anchor = next((name for name in state if name.endswith("conv1.weight") and ".0." not in name), None)
    prefix = "" if anchor is None else anchor.removesuffix("conv1.weight")
    named = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    ours = {}
    for name, value in named.items():
        stage, _, rest = name.partition(".")
        ours[f"{stage}.blocks.{rest}" if stage.startswith("layer") else name] = value
    return {name: value for name, value in ours.items() if name in expected}


def _lpips_state(weights: str) -> State:
    state, _ = load_weights(weights)
    convolutions = [name.removesuffix(".weight") for name in state if name.startswith("features.") and "weight" in name]
    found: State = {}
    for number, name in enumerate(convolutions):
        found[f"convolutions.{number}.weight"] = state[f"{name}.weight"]
        found[f"convolutions.{number}.bias"] = state[f"{name}.bias"]
    spec = find_spec("torchmetrics")
    if spec is None or spec.origin is None:
        raise UserError("lpips: torchmetrics is not installed; expected it for the linear weights")
    linear = torch.load(
        Path(spec.origin).parent / "functional/image/lpips_models/alex.pth", map_location="cpu", weights_only=True
    )
    return found | {f"linear.{i}": linear[f"lin{i}.model.1.weight"] for i in range(len(LPIPS.LAYERS))}
