"""Supervised body losses (spec section 3.1).

Each term takes the posed predictions of k views of n people (view-major rows), the target of the n people and, for
vertices, the posed ground truth, and gives one mean per view.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from rscnet.errors import UserError
from rscnet.geometry.alignment import similarity_align
from rscnet.geometry.cameras import fit_translation
from rscnet.joints import ANNOTATION_24, ANNOTATION_HIPS, LSP_14, OPENPOSE_25
from rscnet.losses.posed import PosedBodies
from rscnet.losses.reduction import mean_per_view, residual
from rscnet.structures import Target

FIRST_ANNOTATION = len(OPENPOSE_25)
MEASURED = len(LSP_14)  # the annotation joints begin with them
MILLIMETRE = 1e-3


class Keypoints2D(nn.Module):
    """Squared error of projected joints, normalised to [-1, 1], weighted by confidence and by joint.

    The mean runs over all 49 joints and both coordinates of the samples that show any joint, so that joints of weight
    zero thin it out, as in the paper.

    Args:
        openpose_weight: weight of the 25 OpenPose joints.
        annotation_weight: weight of the 24 annotation joints.
    """

    joint_weight: Float[Tensor, "49"]

    def __init__(self, openpose_weight: float = 0.0, annotation_weight: float = 1.0) -> None:
        super().__init__()
        weights = [openpose_weight] * len(OPENPOSE_25) + [annotation_weight] * len(ANNOTATION_24)
        self.register_buffer("joint_weight", torch.tensor(weights), persistent=False)

    def forward(self, posed: PosedBodies, target: Target, truth: PosedBodies | None = None) -> Float[Tensor, "k"]:
        keypoints, confidence = target.keypoints_2d[..., :2], target.keypoints_2d[..., 2]
        seen = (confidence > 0) & (self.joint_weight > 0)
        weight = torch.where(seen, confidence * self.joint_weight, 0.0)
        error = weight[..., None] * residual(posed.keypoints_2d, keypoints, seen).square()
        return mean_per_view(error, seen.any(1))


class Joints3D(nn.Module):
    """Squared error in square metres of the 24 annotation joints, centred at the midpoint of the hips."""

    def forward(self, posed: PosedBodies, target: Target, truth: PosedBodies | None = None) -> Float[Tensor, "k"]:
        joints, confidence = target.joints_3d[..., :3], target.joints_3d[..., 3]
        seen = _comparable(target)
        weight = torch.where(seen, confidence, 0.0)
        predicted = _hips_centred(posed.joints[:, FIRST_ANNOTATION:])
        error = weight[..., None] * residual(predicted, _hips_centred(joints), seen).square()
        return mean_per_view(error, _centred(target))


class JointDistance(nn.Module):
    """Mean distance in metres of the 14 joints that errors are measured on, as MPJPE has it; beyond the paper.

    A square counts a wrist that is left taken for right a hundred times as much as a joint that is off by a tenth of
    that, so that whoever is unsure answers with a mean of both wrists, which is where neither of them is.

    Args:
        aligned: the distance after the best similarity transformation (PA-MPJPE) instead of with hips together. It
            counts samples alone of which all 14 joints are labelled.
    """

    def __init__(self, aligned: bool = False) -> None:
        super().__init__()
        self.aligned = aligned

    def forward(self, posed: PosedBodies, target: Target, truth: PosedBodies | None = None) -> Float[Tensor, "k"]:
        joints, seen = target.joints_3d[..., :3], _comparable(target)
        predicted, joints = _hips_centred(posed.joints[:, FIRST_ANNOTATION:]), _hips_centred(joints)
        predicted, joints, seen = predicted[:, :MEASURED], joints[:, :MEASURED], seen[:, :MEASURED]
        if self.aligned:
            seen = seen.all(1, keepdim=True).expand_as(seen)
            joints = torch.where(seen[..., None], joints, 0.0)
            predicted = similarity_align(predicted, joints.repeat(len(predicted) // len(joints), 1, 1))
        # the root of a sum has no gradient at zero
        distance = residual(predicted, joints, seen).square().sum(-1).add(MILLIMETRE**2).sqrt()
        return mean_per_view(torch.where(seen, distance, 0.0), seen.any(1))


class Pose(nn.Module):
    """Squared error of the entries of the 24 rotation matrices."""

    def forward(self, posed: PosedBodies, target: Target, truth: PosedBodies | None = None) -> Float[Tensor, "k"]:
        error = residual(posed.parameters.rotations, target.parameters.rotations, target.has_smpl).square()
        return mean_per_view(error, target.has_smpl)


class Betas(nn.Module):
    """Squared error of the shape coefficients."""

    def forward(self, posed: PosedBodies, target: Target, truth: PosedBodies | None = None) -> Float[Tensor, "k"]:
        error = residual(posed.parameters.betas, target.parameters.betas, target.has_smpl).square()
        return mean_per_view(error, target.has_smpl)


class CameraTranslation(nn.Module):
    """Squared error in square metres of the camera translation against a fit of 3D joints to 2D keypoints.

    Labelled joints may have any origin, so the fitted translation is first moved to the origin of the predicted body
    by bringing the hips together; no gradient flows through that move.
    """

    def forward(self, posed: PosedBodies, target: Target, truth: PosedBodies | None = None) -> Float[Tensor, "k"]:
        joints, keypoints = target.joints_3d[..., :3], target.keypoints_2d[:, FIRST_ANNOTATION:]
        confidence = keypoints[..., 2] * target.joints_3d[..., 3]
        seen = confidence > 0
        fitted = fit_translation(
            torch.where(seen[..., None], joints, 0.0),
            torch.where(seen[..., None], keypoints[..., :2], 0.0),
            torch.where(seen, confidence, 0.0),
        )
        # a fit behind the camera or without enough points is no label
        valid = _centred(target) & (fitted[:, 2] > 0)
        predicted = posed.translation + _hips(posed.joints[:, FIRST_ANNOTATION:]).detach()
        error = residual(predicted, fitted + _hips(joints), valid).square()
        return mean_per_view(error, valid)


class Vertices(nn.Module):
    """Absolute error of the vertices in metres, not translated; the paper's weight is zero."""

    needs_truth = True

    def forward(self, posed: PosedBodies, target: Target, truth: PosedBodies | None = None) -> Float[Tensor, "k"]:
        assert truth is not None, "the vertex loss needs the posed ground truth (RSCObjective.needs_truth)"
        assert posed.vertices is not None and truth.vertices is not None, "bodies were posed without vertices"
        error = residual(posed.vertices, truth.vertices, target.has_smpl).abs()
        return mean_per_view(error, target.has_smpl)


class SupervisedLoss(nn.Module):
    """The named terms whose weight is neither zero nor null.

    Args:
        terms: the terms by name.
        weights: one weight per term; 0 or None switches a term off, and it is not computed.

    Raises:
        UserError: a term without a weight or a weight without a term, or nothing but zeros.
    """

    def __init__(self, terms: Mapping[str, nn.Module], weights: Mapping[str, float | None]) -> None:
        super().__init__()
        if set(terms) != set(weights):
            raise UserError(
                f"loss: terms {sorted(terms)} and weights {sorted(weights)} must have the same names; "
                "switch a term off with weight 0"
            )
        if not any(weights.values()):
            raise UserError(f"loss: at least one of the weights of {sorted(terms)} must not be zero")
        self.weights = {name: float(weight) for name, weight in weights.items() if weight}
        self.terms = nn.ModuleDict({name: terms[name] for name in self.weights})

    @property
    def needs_truth(self) -> bool:
        """Whether an active term asks for the posed ground truth."""
        return any(getattr(term, "needs_truth", False) for term in self.terms.values())

    def forward(
        self, posed: PosedBodies, target: Target, truth: PosedBodies | None = None
    ) -> dict[str, Float[Tensor, "k"]]:
        """Each active term per view, without its weight."""
        return {name: term(posed, target, truth) for name, term in self.terms.items()}

    def total(self, terms: Mapping[str, Float[Tensor, "k"]]) -> Float[Tensor, "k"]:
        """Weighted sum of what `forward` gave, per view."""
        return torch.stack([self.weights[name] * value for name, value in terms.items()]).sum(0)


class JointDistances(SupervisedLoss):
    """MPJPE and PA-MPJPE in metres as losses, beyond the paper.

    Args:
        mpjpe: weight of the distance with hips together; 0 or None leaves it out.
        pa_mpjpe: weight of the distance after the best similarity transformation; 0 or None leaves it out.
    """

    def __init__(self, mpjpe: float | None = 1.0, pa_mpjpe: float | None = 3.0) -> None:
        terms = {"mpjpe": JointDistance(), "pa_mpjpe": JointDistance(aligned=True)}
        super().__init__(terms, {"mpjpe": mpjpe, "pa_mpjpe": pa_mpjpe})


def _centred(target: Target) -> Bool[Tensor, "n"]:
    """Samples with 3D joints that can be brought to the hips' midpoint: an unlabelled hip lies anywhere."""
    return target.has_joints_3d & (target.joints_3d[:, list(ANNOTATION_HIPS), 3] > 0).all(1)


def _comparable(target: Target) -> Bool[Tensor, "n 24"]:
    """Labelled joints whose place relative to the hips is known."""
    return (target.joints_3d[..., 3] > 0) & _centred(target)[:, None]


def _hips(joints: Float[Tensor, "b 24 3"]) -> Float[Tensor, "b 3"]:
    return joints[:, list(ANNOTATION_HIPS)].mean(1)


def _hips_centred(joints: Float[Tensor, "b 24 3"]) -> Float[Tensor, "b 24 3"]:
    return joints - _hips(joints)[:, None]
