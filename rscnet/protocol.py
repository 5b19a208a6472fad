"""How errors on a data set are measured: what is the truth, which joints, which metrics (spec section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rscnet.errors import UserError
from rscnet.joints import ANNOTATION_24, H36M_17, LSP_14_FROM_H36M_17, index_map

# Human3.6M's joints as 3D annotations name them; SPIN's evaluation takes the head of Human3.6M for the top of the head.
_ANNOTATED = {
    "pelvis": "pelvis_mpii", "left_hip": "left_hip_lsp", "right_hip": "right_hip_lsp", "spine": "spine_h36m",
    "neck": "neck_lsp", "jaw": "jaw_h36m", "head_top": "head_h36m",
}  # fmt: skip
ANNOTATION_OF_H36M_17 = index_map([_ANNOTATED.get(name, name) for name in H36M_17], ANNOTATION_24)
"""For each of `H36M_17` its place among the 24 annotation joints."""


@dataclass(frozen=True)
class Protocol:
    """What a published evaluation compares; joints are always relative to the pelvis, joint 0 of Human3.6M's regressor.

    Attributes:
        truth: `bodies` poses the SMPL labels and regresses joints from the surface as from predictions (3DPW); `joints`
            takes the labelled 3D joints (Human3.6M, MPI-INF-3DHP).
        joints: 14 of LSP's, or all 17 of Human3.6M's.
        gendered: true bodies are of the person's gender, predictions stay neutral.
        pck: threshold in millimetres of the percentage of correct keypoints and of the area under its curve; None
            leaves them out.
        surface: errors per vertex too; without them evaluation poses joints only, many times faster.

    Raises:
        UserError: a value that is none of these.
    """

    truth: Literal["bodies", "joints"] = "bodies"
    joints: Literal[14, 17] = 14
    gendered: bool = False
    pck: float | None = None
    surface: bool = True

    def __post_init__(self) -> None:
        known = self.truth in ("bodies", "joints") and self.joints in (14, 17)
        if not known or (self.pck is not None and self.pck <= 0):
            raise UserError(
                f"protocol: expected truth bodies or joints, joints 14 or 17, and pck > 0 or null, got {self}"
            )

    @property
    def chosen(self) -> list[int]:
        """Places of the compared joints among `H36M_17`."""
        return LSP_14_FROM_H36M_17 if self.joints == 14 else list(range(len(H36M_17)))
