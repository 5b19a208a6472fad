"""Weights that change over training, as pure functions of the step."""

from dataclasses import dataclass
from typing import Literal

from rscnet.errors import UserError


@dataclass(frozen=True)
class LinearRamp:
    """Linear in the optimizer step from 0 to 1 (`up`), from 1 to 0 (`down`), or always 1 (`none`) (spec section 3.4).

    Args:
        length: steps that the ramp takes.
        mode: direction.

    Raises:
        UserError: a length that is not positive, or an unknown mode.
    """

    length: int
    mode: Literal["up", "down", "none"] = "up"

    def __post_init__(self) -> None:
        if self.mode not in ("up", "down", "none") or self.length < 1:
            raise UserError(
                f"loss ramp: mode must be 'up', 'down' or 'none' and length at least 1, got mode={self.mode!r}, "
                f"length={self.length}"
            )

    def __call__(self, step: int) -> float:
        """The factor at an optimizer step, counted from 0."""
        if self.mode == "none":
            return 1.0
        done = min(max(step / self.length, 0.0), 1.0)
        return done if self.mode == "up" else 1.0 - done
