"""The body: SMPL-format assets and the differentiable model that poses them through smplx."""

from rscnet.body.assets import BodyAssets, load_embedded
from rscnet.body.licensed import load_smpl, smpl_body
from rscnet.body.model import BodyModel, embedded_body

__all__ = ["BodyAssets", "BodyModel", "embedded_body", "load_embedded", "load_smpl", "smpl_body"]
