"""The mean body as a network, for comparison."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rscnet.geometry.rotations import rotation_6d_to_matrix
from rscnet.models.rscnet import MeanBody
from rscnet.structures import BodyParameters, Prediction


class MeanBodyNetwork(nn.Module):
    """Answers the mean body to every picture: the floor that any method must beat."""

    mean_pose: Float[Tensor, "144"]
    mean_shape: Float[Tensor, "10"]
    mean_cam: Float[Tensor, "3"]

    def __init__(self, body: MeanBody) -> None:
        super().__init__()
        for name in ("mean_pose", "mean_shape", "mean_cam"):
            self.register_buffer(name, torch.as_tensor(getattr(body, name), dtype=torch.float32).clone())

    def forward(self, views: Float[Tensor, "n 3 h w"], scale_index: Int[Tensor, "n"]) -> Prediction:
        """The mean parameters, once per view."""
        count = len(views)
        rotations = rotation_6d_to_matrix(self.mean_pose.reshape(1, 24, 6)).expand(count, -1, -1, -1)
        parameters = BodyParameters.from_rotations(
            rotations, self.mean_shape.reshape(1, 10).expand(count, -1), self.mean_cam.reshape(1, 3).expand(count, -1)
        )
        return Prediction(parameters, views.new_zeros(count, 1))
