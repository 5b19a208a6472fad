"""The light in photos of people, which belongs to no UV map (ours; the paper's renderer knows ambient light only)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rscnet.render.atlas import SEEN, UVAtlas, region_colours, unproject
from rscnet.structures import SurfaceView


class FittedLight(nn.Module):
    """Light on the bodies of photos, fitted to each photo as if every region of a body had one colour.

    The light on a surface with unit normal n is c0 + c1 n_x + c2 n_y + c3 n_z (camera frame) for each colour channel,
    which a cloudy sky obeys exactly and a single lamp to about a tenth (first-order spherical harmonics). The
    coefficients are those of least squares over the texels that a photo shows, held towards an expected light: half the
    light on twice the colour gives the same photo, so that only the expectation tells how bright colours are.

    Nothing that a network says has a part in it: light fitted to wrong colours is too dark, and colours learned in
    light that is too dark become too bright.

    Args:
        expected: coefficients before anything is seen, in shares of the light under which a white surface is white. The
            defaults are about the means of the embedded world: from above (y points down) and behind the camera.
        spread: their standard deviations over photos.
        noise: standard deviation of what this light leaves unexplained of a photo, in [0, 1].
        least: light below which no surface falls.
    """

    expected: Float[Tensor, "4"]
    precision: Float[Tensor, "4"]

    def __init__(
        self,
        expected: Sequence[float] = (0.74, 0.0, -0.3, -0.1),
        spread: Sequence[float] = (0.13, 0.19, 0.15, 0.26),
        noise: float = 0.03,
        least: float = 0.3,
    ) -> None:
        super().__init__()
        self.register_buffer("expected", torch.tensor(list(expected)), persistent=False)
        self.register_buffer("precision", (noise / torch.tensor(list(spread))).square(), persistent=False)
        self.least = least

    def forward(self, photos: Float[Tensor, "m 3 h w"], surface: SurfaceView, atlas: UVAtlas) -> Float[Tensor, "m 3 k"]:
        """How much light falls on each covered texel, seen or not.

        Args:
            photos: RGB in [0, 1].
            surface: how bodies lie in them.
            atlas: of the bodies.
        """
        return self._fitted(unproject(photos, surface), surface, atlas)

    @torch.no_grad()
    def _fitted(self, shown: Float[Tensor, "m 3 k"], surface: SurfaceView, atlas: UVAtlas) -> Float[Tensor, "m 3 k"]:
        weight = torch.where(surface.facing > SEEN, surface.facing, 0.0)
        basis = torch.cat([torch.ones_like(surface.normals[..., :1]), surface.normals], -1)
        expected = (basis @ self.expected).clamp(min=self.least)
        colours = region_colours(shown / expected[:, None], weight, atlas)
        weight = (weight / weight.sum(1, keepdim=True).clamp(min=1e-6))[:, None]
        products = (basis[..., :, None] * basis[..., None, :]).flatten(2)
        normal = ((weight * colours.square()) @ products).unflatten(2, (4, 4)) + self.precision.diag()
        right = (weight * colours * shown) @ basis + self.precision * self.expected
        return (torch.linalg.solve(normal, right) @ basis.transpose(1, 2)).clamp(min=self.least)

    def removed(self, photos: Float[Tensor, "m 3 h w"], surface: SurfaceView, atlas: UVAtlas) -> Float[Tensor, "m 3 k"]:
        """Colours under the covered texels in [0, 1] without the light that falls on them."""
        shown = unproject(photos, surface)
        return (shown / self._fitted(shown, surface, atlas)).clamp(max=1)
