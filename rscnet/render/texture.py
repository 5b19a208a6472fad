"""Texture lookup with an exact gradient to the texture, deterministic on every device.

UV coordinates lie in [0, 1] with v up, while image rows run down: the texel under (u, v) is column u * width - 0.5 and
row (1 - v) * height - 0.5. Beyond the border the outermost texel is repeated.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from rscnet.render.rasterizer import OUTSIDE, Fragments, rasterize


def sample_texture(
    texture: Float[Tensor, "b c ht wt"], uv: Float[Tensor, "n 2"], image_index: Int[Tensor, "n"]
) -> Float[Tensor, "n c"]:
    """Bilinear lookup of ``texture[image_index]`` at ``uv``.

    Written with a flat gather rather than `grid_sample`, whose gradient is not deterministic on CUDA; work is done for
    the covered pixels only. The gradient flows to the texture and to ``uv``.
    """
    _, channels, height, width = texture.shape
    column = (uv[:, 0] * width - 0.5).clamp(0, width - 1)
    row = ((1 - uv[:, 1]) * height - 0.5).clamp(0, height - 1)
    left, top = column.detach().floor(), row.detach().floor()
    right_weight, bottom_weight = column - left, row - top
    left, top = left.long(), top.long()
    right, bottom = (left + 1).clamp(max=width - 1), (top + 1).clamp(max=height - 1)
    planes = image_index[:, None] * channels + torch.arange(channels, device=uv.device)
    flat = texture.reshape(-1)

    def texels(rows: Int[Tensor, "n"], columns: Int[Tensor, "n"]) -> Float[Tensor, "n c"]:
        index = planes * (height * width) + (rows * width + columns)[:, None]
        return flat.index_select(0, index.view(-1)).view(-1, channels)

    upper = texels(top, left).lerp(texels(top, right), right_weight[:, None])
    lower = texels(bottom, left).lerp(texels(bottom, right), right_weight[:, None])
    return upper.lerp(lower, bottom_weight[:, None])


def render_texture(
    pixels: Float[Tensor, "b v 3"],
    faces: Int[Tensor, "f 3"],
    vt: Float[Tensor, "t 2"],
    ft: Int[Tensor, "f 3"],
    texture: Float[Tensor, "b c ht wt"],
    height: int,
    width: int,
    cull: int = OUTSIDE,
) -> tuple[Float[Tensor, "b c h w"], Bool[Tensor, "b h w"]]:
    """Unshaded picture of a textured mesh, black where nothing is seen, and the mask of what is seen.

    Differentiable in ``texture`` only: where a texel lands is taken as given (no gradient to ``pixels``).

    Args:
        pixels: x, y in pixels and depth, see `rscnet.render.rasterizer`.
        faces: vertex indices of each face.
        vt: UV coordinates, v up.
        ft: UV indices of each face, in the order of ``faces``.
        texture: one texture per image (a shared one may be expanded).
        height: of the images, in pixels.
        width: of the images, in pixels.
        cull: which faces are drawn, see `rscnet.render.rasterizer.visible_faces`.
    """
    with torch.no_grad():
        fragments = rasterize(pixels, faces, height, width, cull)
    return paint(fragments, vt, ft, texture)


def paint(
    fragments: Fragments,
    vt: Float[Tensor, "t 2"],
    ft: Int[Tensor, "f 3"],
    texture: Float[Tensor, "b c ht wt"],
    per_vertex: bool = False,
) -> tuple[Float[Tensor, "b c h w"], Bool[Tensor, "b h w"]]:
    """`render_texture` of a surface that is rasterised already.

    ``per_vertex`` looks the texture up at the UV vertices only and interpolates these colours over the faces, as the
    renderer of the paper's first author does (spec section 9.1): texels between UV vertices then have no effect.
    """
    if per_vertex:
        count, corners = len(texture), len(vt)
        images = torch.arange(count, device=vt.device).repeat_interleave(corners)
        at_vertices = sample_texture(texture, vt.repeat(count, 1), images).unflatten(0, (count, corners))
        colours = fragments.interpolate(at_vertices, ft)
    else:
        colours = sample_texture(texture, fragments.interpolate(vt, ft), fragments.image_index())
    return fragments.dense(colours).permute(0, 3, 1, 2), fragments.mask()
