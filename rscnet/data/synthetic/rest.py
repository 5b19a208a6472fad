"""The body at rest, as plain tensors on the CPU."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rscnet.body import BodyModel


def rest_vertices(body: BodyModel) -> Float[Tensor, "v 3"]:
    """Template vertices in metres: y up, +x the subject's left, facing +z."""
    return torch.as_tensor(body.smpl.v_template).cpu()


def rest_joints(body: BodyModel) -> Float[Tensor, "24 3"]:
    """The 24 joints of the template in metres."""
    return torch.as_tensor(body.smpl.J_regressor).cpu() @ rest_vertices(body)
