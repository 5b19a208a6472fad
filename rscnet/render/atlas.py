"""The UV square of a body: what each texel shows, and how pictures and UV maps turn into each other.

Where a function says "k texels" it means those that the body covers, in the order of `UVAtlas.index`. UV maps are
"t t" squares with row 0 at v = 1; texels off the body repeat the nearest covered one, so that lookups never bleed.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.ndimage import distance_transform_edt
from scipy.spatial import KDTree
from torch import Tensor, nn
from torch.nn.functional import grid_sample, normalize

from rscnet.body.model import BodyModel
from rscnet.errors import UserError
from rscnet.joints import SMPL_24
from rscnet.render.rasterizer import BOTH, Fragments, rasterize
from rscnet.render.shading import vertex_normals
from rscnet.structures import SurfaceView

REGIONS = ("head", "torso", "upper_arms", "lower_arms", "hands", "legs", "feet")
_REGION_WORDS = {"neck": 0, "head": 0, "shoulder": 2, "elbow": 3, "wrist": 3, "hand": 4, "hip": 5, "knee": 5}
_REGION_WORDS |= {"ankle": 6, "foot": 6}
REGION_OF_PART = [next((r for word, r in _REGION_WORDS.items() if word in name), 1) for name in SMPL_24]
SEEN = 0.2  # cosine between normal and line of sight from which a texel counts as visible
DEPTH_TOLERANCE = 0.04  # metres: a pixel of a whole person in a 128 px crop is 0.02 m wide


class UVAtlas(nn.Module):
    """Texels of a body's UV map.

    Attributes:
        index: positions of the covered texels in the flattened square.
        corners, weights: the three vertices around each covered texel and their barycentric weights.
        part: SMPL joint that moves the texel.
        mirror: the covered texel on the other side of the body, nearest to the mirrored rest position.
        fill: the covered texel that each texel of the square shows.
        region, region_of_face: which of `REGIONS` a texel or a face belongs to.

    Raises:
        UserError: a body without UV.
    """

    index: Int[Tensor, "k"]
    corners: Int[Tensor, "k 3"]
    weights: Float[Tensor, "k 3"]
    part: Int[Tensor, "k"]
    mirror: Int[Tensor, "k"]
    fill: Int[Tensor, "t*t"]
    region: Int[Tensor, "k"]
    region_of_face: Int[Tensor, "f"]
    faces: Int[Tensor, "f 3"]
    vt: Float[Tensor, "t 2"]
    ft: Int[Tensor, "f 3"]

    def __init__(self, body: BodyModel, size: int) -> None:
        super().__init__()
        if not len(body.vt):
            raise UserError("body: has no UV, which painting it needs; put SMPL's smpl_uv.obj into paths.smpl")
        self.size = size
        vt, ft, faces = body.vt.cpu(), body.ft.cpu(), body.faces.cpu()
        pixels = torch.stack([vt[:, 0] * size, (1 - vt[:, 1]) * size, torch.ones(len(vt))], dim=1)
        texels = rasterize(pixels[None], ft, size, size, cull=BOTH)
        corners, parts = faces[texels.face], body.part_labels.cpu()
        nearest = corners.gather(1, texels.barycentrics.argmax(1, keepdim=True)).squeeze(1)
        region_of_part = torch.tensor(REGION_OF_PART)
        rest = (torch.as_tensor(body.smpl.v_template).cpu()[corners] * texels.barycentrics[..., None]).sum(1).numpy()
        tensors = {
            "index": texels.index,
            "corners": corners,
            "weights": texels.barycentrics,
            "part": parts[nearest],
            "mirror": torch.from_numpy(KDTree(rest).query(rest * np.array([-1, 1, 1], np.float32))[1]),
            "fill": torch.from_numpy(_nearest_covered(texels.index.numpy(), size)),
            "region": region_of_part[parts[nearest]],
            "region_of_face": region_of_part[parts[faces[:, 0]]],
            "faces": faces,
            "vt": vt,
            "ft": ft,
        }
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor, persistent=False)

    def __len__(self) -> int:
        """Number of covered texels."""
        return len(self.index)

    def at(self, values: Float[Tensor, "n v c"]) -> Float[Tensor, "n k c"]:
        """Vertex attributes at the covered texels."""
        rows = values.index_select(1, self.corners.reshape(-1)).unflatten(1, (-1, 3))
        return (rows * self.weights[..., None]).sum(2)

    def read(self, maps: Float[Tensor, "n c t t"]) -> Float[Tensor, "n c k"]:
        """Covered texels of UV maps."""
        return maps.flatten(2).index_select(2, self.index)

    def spread(self, values: Float[Tensor, "n c k"]) -> Float[Tensor, "n c t t"]:
        """UV maps of texel values."""
        return values.index_select(2, self.fill).unflatten(2, (self.size, self.size))

    def observe(
        self, pixels: Float[Tensor, "n v 3"], vertices: Float[Tensor, "n v 3"], height: int, width: int
    ) -> SurfaceView:
        """How bodies lie in pictures, see `SurfaceView`.

        Args:
            pixels: vertices as the rasteriser takes them, x and y in pixels and depth in metres.
            vertices: the same in the camera frame, metres.
            height: of the pictures in pixels.
            width: of the pictures in pixels.
        """
        with torch.no_grad():
            fragments = rasterize(pixels, self.faces, height, width)
            texel = self.at(pixels)
            extent = texel.new_tensor([width, height])
            normals = self.at(vertex_normals(vertices, self.faces))
            facing = -(normals * normalize(self.at(vertices), dim=-1)).sum(-1)
            column, row = (texel[..., :2].clamp(min=0).minimum(extent - 1).long()).unbind(-1)
            nearest = fragments.dense(fragments.depth, fill=float("inf")).flatten(1).gather(1, row * width + column)
            inside = ((texel[..., :2] >= 0) & (texel[..., :2] < extent)).all(-1)
            seen = inside & (texel[..., 2] <= nearest + DEPTH_TOLERANCE)
            return SurfaceView(
                face=fragments.dense(fragments.face, fill=-1),
                barycentrics=fragments.dense(fragments.barycentrics),
                place=texel[..., :2] / extent * 2 - 1,
                facing=torch.where(seen, facing.clamp(0, 1), 0.0),
                normals=normalize(normals, dim=-1),
            )


def visible_fragments(view: SurfaceView) -> Fragments:
    """The covered pixels of pictures as the rasteriser gives them, without depths."""
    index = (view.face.reshape(-1) >= 0).nonzero().squeeze(1)
    count, height, width = view.face.shape
    barycentrics = view.barycentrics.reshape(-1, 3)[index].float()
    face = view.face.reshape(-1)[index].long()
    return Fragments((count, height, width), index, face, barycentrics, torch.zeros_like(barycentrics[:, 0]))


def unproject(pictures: Float[Tensor, "n c h w"], view: SurfaceView) -> Float[Tensor, "n c k"]:
    """Colour of the picture under each covered texel, whether or not the texel is seen there."""
    return grid_sample(pictures, view.place[:, None].to(pictures.dtype), padding_mode="border", align_corners=False)[
        :, :, 0
    ]


def visible_texture(colours: Float[Tensor, "n 3 k"], surface: SurfaceView, atlas: UVAtlas) -> Float[Tensor, "n 5 t t"]:
    """TexGlo's second input: the colours that pictures show of the bodies' texels, filled by symmetry; how well each
    texel is seen; and how well its mirror image is."""
    seen = surface.facing[:, None]
    filled = filled_by_symmetry(colours, surface.facing > SEEN, atlas)
    return atlas.spread(torch.cat([filled, seen, seen[:, :, atlas.mirror]], 1))


def filled_by_symmetry(
    colours: Float[Tensor, "n c k"], seen: Bool[Tensor, "n k"], atlas: UVAtlas
) -> Float[Tensor, "n c k"]:
    """The baseline: a texel that is not seen takes the colour of its mirror image, else the mean colour of what is seen
    of its body part's region, else of all that is seen (grey where nothing is)."""
    mirrored = seen[:, atlas.mirror] & ~seen
    colours = torch.where(mirrored[:, None], colours[:, :, atlas.mirror], colours)
    known = seen | mirrored
    return torch.where(known[:, None], colours, region_colours(colours, known.to(colours.dtype), atlas))


def region_colours(
    colours: Float[Tensor, "n c k"], weight: Float[Tensor, "n k"], atlas: UVAtlas
) -> Float[Tensor, "n c k"]:
    """The weighted mean colour of each texel's region; where it has no weight of all regions, without any grey."""
    anywhere = _mean_colour(colours, weight).nan_to_num(0.5)
    means = anywhere[..., None].expand_as(colours)
    for region in range(len(REGIONS)):
        of_region = (atlas.region == region).to(colours.dtype)
        colour = _mean_colour(colours, weight * of_region)
        colour = torch.where(colour.isnan(), anywhere, colour)
        means = torch.where(of_region.bool(), colour[..., None], means)
    return means


def _mean_colour(colours: Float[Tensor, "n c k"], weight: Float[Tensor, "n k"]) -> Float[Tensor, "n c"]:
    """Weighted mean over texels, nan where all weights are 0."""
    return (colours * weight[:, None]).sum(2) / weight.sum(1, keepdim=True)


def _nearest_covered(index: Int[np.ndarray, "k"], size: int) -> Int[np.ndarray, "t*t"]:
    order = np.full(size * size, -1)
    order[index] = np.arange(len(index))
    square = order.reshape(size, size)
    nearest = distance_transform_edt(square < 0, return_distances=False, return_indices=True)
    return square[tuple(np.asarray(nearest))].reshape(-1)
