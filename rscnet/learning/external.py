"""Any other program's model under evaluation: a user's function from pictures to bodies or joints."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from jaxtyping import Float
from torch import Tensor

from rscnet.body.model import BodyModel
from rscnet.errors import UserError
from rscnet.geometry.rotations import axis_angle_to_matrix
from rscnet.imagenet import IMAGE_MEAN, IMAGE_STD
from rscnet.joints import H36M_17
from rscnet.metrics.truth import Measured, measure_body
from rscnet.structures import Batch, BodyParameters

PARAMETERS = {"global_orient": 1, "body_pose": 23}
EXPECTED = "expected a mapping with global_orient, body_pose, betas, or joints (n 17 3); see docs/protocol.md"


class ExternalModule(pl.LightningModule):
    """Asks a function for all views of a batch; `ResolutionErrors` measures what it says.

    The function is given `images`, float32 (n, 3, s, s), RGB from 0 to 1, and, if it takes two arguments, `sizes`,
    int64 (n), the side of each crop in pixels before it was brought to s. It returns a mapping of tensors or arrays:
    either SMPL's `global_orient`, `body_pose` (axis-angle or rotation matrices, the root in the camera frame: x right,
    y down, z forward) and `betas` (n, 10), or `joints` (n, 17, 3), Human3.6M's in metres in the camera frame, anywhere.

    Args:
        callable: package.module:function.
        body: SMPL model that poses returned parameters.

    Raises:
        UserError: no such function.
    """

    def __init__(self, callable: str | None, body: BodyModel) -> None:
        super().__init__()
        self.name = str(callable)
        self.body = body
        self._function = load_function(callable)
        self._with_sizes = _positional(self._function) > 1

    @torch.no_grad()
    def test_step(self, batch: Batch, batch_index: int) -> Measured:
        """What the function says of all views, view-major rows."""
        views = batch.views.flatten(0, 1)
        mean, std = (torch.tensor(value, device=views.device)[:, None, None] for value in (IMAGE_MEAN, IMAGE_STD))
        given = (views * std + mean).clamp(0, 1).contiguous(), batch.sizes.flatten()
        try:
            answer = self._function(*given[: 2 if self._with_sizes else 1])
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise UserError(
                f"external.callable: {self.name} failed at {place.filename}:{place.lineno}: {reason}"
            ) from None
        return self._measured(answer, len(views), views.device)

    def configure_optimizers(self) -> None:
        """There is nothing to train.

        Raises:
            UserError: always.
        """
        raise UserError("model=external: is another program's and can only be evaluated; add task=evaluate")

    def _measured(self, answer: Any, count: int, device: torch.device) -> Measured:
        if isinstance(answer, Tensor | np.ndarray):
            answer = {"joints": answer}
        if not isinstance(answer, Mapping):
            raise UserError(f"external.callable: {self.name} returned {type(answer).__name__}, {EXPECTED}")
        if "joints" in answer:
            return Measured(self._checked(answer["joints"], "joints", [(count, len(H36M_17), 3)], device))
        lacking = [name for name in (*PARAMETERS, "betas") if name not in answer]
        if lacking:
            found = ", ".join(map(str, answer)) or "nothing"
            raise UserError(f"external.callable: {self.name} returned {found} without {', '.join(lacking)}, {EXPECTED}")
        orient, pose = (self._rotations(answer[name], name, count, device) for name in PARAMETERS)
        betas = self._checked(answer["betas"], "betas", [(count, 10)], device)
        return measure_body(self.body, BodyParameters(orient, pose, betas))

    def _rotations(self, value: Any, name: str, count: int, device: torch.device) -> Float[Tensor, "n j 3 3"]:
        joints = PARAMETERS[name]
        shapes = [(count, joints * 3), (count, joints, 3), (count, joints, 3, 3)]
        if joints == 1:
            shapes.append((count, 3, 3))
        found = self._checked(value, name, shapes, device)
        if found.ndim == 4 or tuple(found.shape) == (count, 3, 3):
            found = found.reshape(count, joints, 3, 3)
            product = found @ found.transpose(-1, -2)
            if (product - torch.eye(3, device=device)).abs().max() > 1e-2 or (torch.linalg.det(found) < 0).any():
                raise UserError(f"external.callable: {self.name} returned {name} with matrices that are no rotations")
            return found
        return axis_angle_to_matrix(found.reshape(count, joints, 3))

    def _checked(
        self, value: Any, name: str, shapes: list[tuple[int, ...]], device: torch.device
    ) -> Float[Tensor, "n ..."]:
        if not isinstance(value, Tensor | np.ndarray):
            raise UserError(f"external.callable: {self.name} returned {name} of {type(value).__name__}, not a tensor")
        tensor = torch.as_tensor(value).detach().to(device, torch.float32)
        if tuple(tensor.shape) not in shapes:
            wanted = " or ".join(map(str, shapes))
            raise UserError(f"external.callable: {self.name} returned {name} {tuple(tensor.shape)}, expected {wanted}")
        if not tensor.isfinite().all():
            row = int((~tensor.flatten(1).isfinite().all(1)).nonzero()[0])
            raise UserError(f"external.callable: {self.name} returned {name} with nan or infinity, first in row {row}")
        return tensor


def load_function(name: str | None) -> Callable[..., Any]:
    """The function that `package.module:function` names; modules beside the command are found too.

    Raises:
        UserError: a name of another form, a module that cannot be imported, or no such function.
    """
    if name is None or name.count(":") != 1 or not all(name.split(":")):
        raise UserError(
            f"external.callable: expected package.module:function, got {name}; "
            "model=external evaluates your own function, see docs/protocol.md"
        )
    module_name, function_name = name.split(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(f"external.callable: cannot import {module_name} from {os.getcwd()}: {reason}") from None
    function = getattr(module, function_name, None)
    if not callable(function):
        raise UserError(f"external.callable: {module.__file__} has no function {function_name}")
    return function


def _positional(function: Callable[..., Any]) -> int:
    """How many arguments a function takes by position; two where that cannot be told."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 2
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return 2
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
