"""Errors of motions: those of every frame, and how wrongly and how jerkily the body moves."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rscnet.metrics import functional
from rscnet.metrics.body import BodyErrors


class MotionErrors(BodyErrors):
    """`BodyErrors` of motions' frames, with the motions' acceleration error (m/s²) and jitter (10 m/s³).

    Acceleration and jitter are those of the 14 joints relative to the pelvis, as the other errors are.
    """

    motion_sums: Float[Tensor, "2"]
    motion_counts: Float[Tensor, "2"]

    def __init__(self) -> None:
        super().__init__()
        for state in ("motion_sums", "motion_counts"):
            self.add_state(state, torch.zeros(2, dtype=torch.float64), dist_reduce_fx="sum")

    def update(  # type: ignore[override]
        self,
        joints: Float[Tensor, "t 14 3"],
        target_joints: Float[Tensor, "t 14 3"],
        pelvis: Float[Tensor, "t 3"],
        target_pelvis: Float[Tensor, "t 3"],
        vertices: Float[Tensor, "t v 3"] | None = None,
        target_vertices: Float[Tensor, "t v 3"] | None = None,
        fps: float = 1.0,
    ) -> None:
        """Add one motion of consecutive frames."""
        super().update(joints, target_joints, pelvis, target_pelvis, vertices, target_vertices)
        points, target = joints.double() - pelvis[:, None].double(), target_joints.double() - target_pelvis[:, None]
        values = (functional.acceleration_error(points, target, fps), functional.jitter(points, fps) / 10)
        for index, value in enumerate(values):
            self.motion_sums[index] += value.sum()
            self.motion_counts[index] += len(value)

    def compute(self) -> dict[str, Tensor]:
        """Means by name; a metric without a sample is left out."""
        means = self.motion_sums / self.motion_counts
        motion = {name: means[i] for i, name in enumerate(("accel", "jitter")) if self.motion_counts[i] > 0}
        return super().compute() | motion
