"""torchmetrics of body errors; sums in double precision, added up over ranks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torchmetrics import Metric

from rscnet.metrics import functional

MILLIMETRES, PERCENT = 1000.0, 100.0


class BodyErrors(Metric):
    """MPJPE, PA-MPJPE and PVE in millimetres over all valid samples seen (spec section 6), PCK and its AUC in percent.

    Joints and vertices are in metres; all but PA-MPJPE compare them relative to the pelvis (joint 0 of Human3.6M's
    regressor), PA-MPJPE after similarity alignment of the joints.

    Args:
        sequences: number of sequences whose errors are also kept apart.
        pck: threshold of PCK in millimetres; None leaves PCK and AUC out.
    """

    full_state_update = False
    higher_is_better = False
    names = ("mpjpe", "pa_mpjpe", "pve", "pck", "auc")
    units = (MILLIMETRES, MILLIMETRES, MILLIMETRES, PERCENT, PERCENT)
    sums: Float[Tensor, "s 5"]
    counts: Float[Tensor, "s 5"]

    def __init__(self, sequences: int = 1, pck: float | None = None) -> None:
        super().__init__()
        self.pck = pck
        for state in ("sums", "counts"):
            zeros = torch.zeros(sequences, len(self.names), dtype=torch.float64)
            self.add_state(state, zeros, dist_reduce_fx="sum")

    def update(  # type: ignore[override]
        self,
        joints: Float[Tensor, "n j 3"],
        target_joints: Float[Tensor, "n j 3"],
        pelvis: Float[Tensor, "n 3"],
        target_pelvis: Float[Tensor, "n 3"],
        vertices: Float[Tensor, "n v 3"] | None = None,
        target_vertices: Float[Tensor, "n v 3"] | None = None,
        valid: Bool[Tensor, "n"] | None = None,
        sequence: Int[Tensor, "n"] | None = None,
    ) -> None:
        """Add samples; without vertices only the joint errors are counted, samples that are not `valid` not at all.
        Samples without a `sequence` count for the first."""
        keep = torch.ones(len(joints), dtype=torch.bool, device=joints.device) if valid is None else valid
        rows = torch.zeros_like(keep, dtype=torch.long)[keep] if sequence is None else sequence[keep]
        root, target_root = pelvis[keep, None].double(), target_pelvis[keep, None].double()
        points, target_points = joints[keep].double() - root, target_joints[keep].double() - target_root
        self._add(0, functional.mpjpe(points, target_points), rows)
        self._add(1, functional.pa_mpjpe(points, target_points), rows)
        if vertices is not None and target_vertices is not None:
            surface, target_surface = vertices[keep].double() - root, target_vertices[keep].double() - target_root
            self._add(2, functional.pve(surface, target_surface), rows)
        if self.pck is not None:
            threshold = self.pck / MILLIMETRES
            self._add(3, functional.pck(points, target_points, threshold), rows)
            self._add(4, functional.pck_auc(points, target_points, threshold), rows)

    def compute(self) -> dict[str, Tensor]:
        """Means over all samples; a metric without a sample is left out."""
        return self._means(self.sums.sum(0), self.counts.sum(0))

    def by_sequence(self) -> list[dict[str, Tensor]]:
        """The means of each sequence over all ranks, and `samples`; call it on all ranks."""
        with self.sync_context():
            pairs = zip(self.sums, self.counts, strict=True)
            return [{"samples": counts[0].clone(), **self._means(sums, counts)} for sums, counts in pairs]

    def _means(self, sums: Float[Tensor, "5"], counts: Float[Tensor, "5"]) -> dict[str, Tensor]:
        named = enumerate(zip(self.names, self.units, strict=True))
        return {name: unit * sums[i] / counts[i] for i, (name, unit) in named if counts[i] > 0}

    def _add(self, index: int, values: Float[Tensor, "n"], rows: Int[Tensor, "n"]) -> None:
        self.sums[:, index].index_add_(0, rows, values.detach().double())
        self.counts[:, index].index_add_(0, rows, torch.ones_like(values, dtype=torch.float64))


class ErrorsBySize(nn.Module):
    """One `BodyErrors` for each evaluation size.

    Args:
        sizes: sides of the person crop in pixels.
        sequences, pck: see `BodyErrors`.
    """

    def __init__(self, sizes: Sequence[int], sequences: int = 1, pck: float | None = None) -> None:
        super().__init__()
        self.sizes = [int(size) for size in sizes]
        self.errors = nn.ModuleDict({str(size): BodyErrors(sequences, pck) for size in self.sizes})

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
