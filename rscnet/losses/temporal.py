"""Losses of refined tracks: right in every frame, moving as the person moves, and as good as from sharp pictures."""

from __future__ import annotations

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor, nn

from rscnet.errors import UserError
from rscnet.joints import ANNOTATION_HIPS, OPENPOSE_25
from rscnet.losses.posed import Body
from rscnet.temporal.track import Track

TERMS = ("joints_3d", "pose", "betas", "velocity", "acceleration", "distillation")
REFERENCE_FPS = 25.0  # velocities and accelerations are metres per frame (squared) at this rate


class TemporalLoss(nn.Module):
    """The named terms whose weight is neither zero nor null (spec section 8).

    Joints are the 24 annotation joints about the middle of the hips in metres; their errors are distances, so that no
    single bad frame outweighs the motion. Distillation draws each view to what the first, sharpest one was refined to.

    Args:
        weights: one weight per term: joints_3d, pose, betas, velocity, acceleration, distillation.

    Raises:
        UserError: an unknown term.
    """

    def __init__(self, weights: Mapping[str, float | None]) -> None:
        super().__init__()
        unknown = sorted(set(weights) - set(TERMS))
        if unknown:
            raise UserError(f"loss.weights: no such term: {', '.join(unknown)}; expected some of {', '.join(TERMS)}")
        self.weights = {name: float(weight) for name, weight in weights.items() if weight}

    def forward(self, refined: Track, truth: Track, body: Body) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum and each active term.

        Args:
            refined: views "k b t", the first at full resolution.
            truth: "b t", the same for all views.
            body: poses both.
        """
        joints, true_joints = body_joints(refined, body), body_joints(truth, body)
        rate = (truth.fps / REFERENCE_FPS)[:, None, None, None]
        wrong = joints - true_joints
        speed = wrong.diff(dim=2) * rate
        terms = {
            "joints_3d": _distance(wrong),
            "pose": (refined.rotations - truth.rotations).square().mean(),
            "betas": (refined.betas - truth.betas).square().mean(),
            "velocity": _distance(speed),
            "acceleration": _distance(speed.diff(dim=2) * rate),
        }
        if len(joints) > 1:
            terms["distillation"] = _distance(joints[1:] - joints[:1].detach())
        terms = {name: value for name, value in terms.items() if name in self.weights}
        return sum((self.weights[name] * value for name, value in terms.items()), joints.new_zeros(())), terms


def body_joints(track: Track, body: Body) -> Float[Tensor, "*b t 24 3"]:
    """The 24 annotation joints about the middle of the hips, in metres."""
    joints = body.joints(track.parameters).joints[:, len(OPENPOSE_25) :]
    joints = joints - joints[:, list(ANNOTATION_HIPS)].mean(1, keepdim=True)
    return joints.unflatten(0, track.valid.shape)


def _distance(difference: Float[Tensor, "*b 3"]) -> Float[Tensor, ""]:
    return (difference.square().sum(-1) + 1e-10).sqrt().mean()  # the root has a gradient at zero
