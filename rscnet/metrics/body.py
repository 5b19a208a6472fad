"""torchmetrics of body errors; sums in double precision, added up over ranks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torchmetrics import Metric

from rscnet.metrics import functional

MILLIMETRES = 1000.0


class BodyErrors(Metric):
    """MPJPE, PA-MPJPE and PVE in millimetres over all valid samples seen (spec section 6).

    Joints are 14 of LSP's and vertices of the body model, in metres; MPJPE and PVE compare them relative to the pelvis
    (joint 0 of Human3.6M's regressor), PA-MPJPE after similarity alignment of the joints.
    """

    full_state_update = False
    higher_is_better = False
    names = ("mpjpe", "pa_mpjpe", "pve")
    sums: Float[Tensor, "3"]
    counts: Float[Tensor, "3"]

    def __init__(self) -> None:
        super().__init__()
        for state in ("sums", "counts"):
            self.add_state(state, torch.zeros(len(self.names), dtype=torch.float64), dist_reduce_fx="sum")

    def update(  # type: ignore[override]
        self,
        joints: Float[Tensor, "n 14 3"],
        target_joints: Float[Tensor, "n 14 3"],
        pelvis: Float[Tensor, "n 3"],
        target_pelvis: Float[Tensor, "n 3"],
        vertices: Float[Tensor, "n v 3"] | None = None,
        target_vertices: Float[Tensor, "n v 3"] | None = None,
        valid: Bool[Tensor, "n"] | None = None,
    ) -> None:
        """Add samples; without vertices only the joint errors are counted, samples that are not `valid` not at all."""
        keep = torch.ones(len(joints), dtype=torch.bool, device=joints.device) if valid is None else valid
        root, target_root = pelvis[keep, None].double(), target_pelvis[keep, None].double()
        points, target_points = joints[keep].double() - root, target_joints[keep].double() - target_root
        self._add(0, functional.mpjpe(points, target_points))
        self._add(1, functional.pa_mpjpe(points, target_points))
        if vertices is not None and target_vertices is not None:
            surface, target_surface = vertices[keep].double() - root, target_vertices[keep].double() - target_root
            self._add(2, functional.pve(surface, target_surface))

    def compute(self) -> dict[str, Tensor]:
        """Means in millimetres; a metric without a sample is left out."""
        means = MILLIMETRES * self.sums / self.counts
        return {name: means[i] for i, name in enumerate(self.names) if self.counts[i] > 0}

    def _add(self, index: int, values: Float[Tensor, "n"]) -> None:
        self.sums[index] += values.detach().sum()
        self.counts[index] += len(values)


class ErrorsBySize(nn.Module):
    """One `BodyErrors` for each evaluation size.

    Args:
        sizes: sides of the person crop in pixels.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self.sizes = [int(size) for size in sizes]
        self.errors = nn.ModuleDict({str(size): BodyErrors() for size in self.sizes})

    def __getitem__(self, size: int) -> BodyErrors:
        return self.errors[str(size)]  # type: ignore[return-value]

    def update(self, size: int, *args: Any, **kwargs: Any) -> None:
        """`BodyErrors.update` of the given size."""
        self[size].update(*args, **kwargs)

    def compute(self) -> dict[int, dict[str, Tensor]]:
        """The means in millimetres of each size in pixels, in the given order."""
        return {int(size): metric.compute() for size, metric in self.errors.items()}  # type: ignore[operator]

    def reset(self) -> None:
        """Forget all samples."""
        for metric in self.errors.values():
            metric.reset()  # type: ignore[operator]
