"""Batched z-buffer rasteriser in plain torch: CPU and CUDA, no compile step, deterministic (integer maximum).

Points are given as ``pixels``: x (right) and y (down) in pixels, z > 0 the distance along the optical axis. Pixel
(i, j) is sampled at its centre (j + 0.5, i + 0.5); a centre on an edge belongs to both triangles that share it, the
nearer wins and among equals the lower face index. There is no near-plane clipping (a face that reaches behind ``near``
is dropped whole) and no silhouette gradient: gradients reach attributes, textures and vertices inside the outline.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

_LOW_32_BITS = (1 << 32) - 1
_LAST_FACE = _LOW_32_BITS - 1  # faces count down from here in a key's low bits: the lower index wins, -1 is background
_EDGE_TOLERANCE = 1e-6  # in barycentric units: rounding may not open a gap along a shared edge
OUTSIDE, INSIDE, BOTH = -1, 1, 0  # which side of a surface is drawn, see `visible_faces`


@dataclass(frozen=True)
class Fragments:
    """What the covered pixels of a batch of images see; uncovered pixels take no memory.

    Attributes:
        shape: (batch, height, width) of the images.
        index: position of each covered pixel in the flattened (batch, height, width), ascending.
        face: index of the visible face.
        barycentrics: perspective-correct weights of the face's three vertices, differentiable in ``pixels``.
        depth: z of the surface in the unit of the input, differentiable in ``pixels``.
    """

    shape: tuple[int, int, int]
    index: Int[Tensor, "n"]
    face: Int[Tensor, "n"]
    barycentrics: Float[Tensor, "n 3"]
    depth: Float[Tensor, "n"]

    def image_index(self) -> Int[Tensor, "n"]:
        """Index into the batch of each covered pixel."""
        return torch.div(self.index, self.shape[1] * self.shape[2], rounding_mode="floor")

    def mask(self) -> Bool[Tensor, "b h w"]:
        """True where a face covers the pixel."""
        return self.dense(torch.ones_like(self.face, dtype=torch.bool), fill=False)

    def dense(self, values: Shaped[Tensor, "n *c"], fill: float = 0.0) -> Shaped[Tensor, "b h w *c"]:
        """Spread per-fragment values over the images; uncovered pixels get ``fill``."""
        batch, height, width = self.shape
        images = values.new_full((batch * height * width, *values.shape[1:]), fill)
        return images.index_copy(0, self.index, values).view(*self.shape, *values.shape[1:])

    def interpolate(
        self, attributes: Float[Tensor, "v c"] | Float[Tensor, "b v c"], faces: Int[Tensor, "f 3"]
    ) -> Float[Tensor, "n c"]:
        """Interpolate vertex attributes. ``faces`` may be another indexing of the same faces (for example of UV)."""
        corners = faces[self.face]
        if attributes.dim() == 3:
            corners = corners + (self.image_index() * attributes.shape[1])[:, None]
        rows = attributes.reshape(-1, attributes.shape[-1]).index_select(0, corners.reshape(-1))
        return (rows.view(-1, 3, attributes.shape[-1]) * self.barycentrics[..., None]).sum(1)


def rasterize(
    pixels: Float[Tensor, "b v 3"],
    faces: Int[Tensor, "f 3"],
    height: int,
    width: int,
    cull: int = OUTSIDE,
    near: float = 1e-3,
    chunk: int = 1 << 18,
) -> Fragments:
    """Visible surface of each image with barycentrics and depth. Arguments as in `visible_faces`."""
    visible = visible_faces(pixels, faces, height, width, cull, near, chunk).view(-1)
    index = (visible >= 0).nonzero().squeeze(1)
    face = visible[index]
    image = torch.div(index, height * width, rounding_mode="floor")
    within = index - image * (height * width)
    row = torch.div(within, width, rounding_mode="floor")
    column = within - row * width
    corners = faces[face] + (image * pixels.shape[1])[:, None]
    points = pixels.reshape(-1, 3).index_select(0, corners.reshape(-1)).view(-1, 3, 3)
    (ax, ay), (bx, by), doubled_area = _edges(points)
    dx, dy = column + 0.5 - points[:, 0, 0], row + 0.5 - points[:, 0, 1]
    first = (dx * by - dy * bx) / doubled_area
    second = (dy * ax - dx * ay) / doubled_area
    # Screen-space weights divided by depth are linear in the image; normalising makes them perspective correct.
    weights = torch.stack([1 - first - second, first, second], -1) / points[..., 2]
    inverse_depth = weights.sum(-1, keepdim=True)
    return Fragments(
        (pixels.shape[0], height, width), index, face, weights / inverse_depth, inverse_depth.squeeze(-1).reciprocal()
    )


@torch.no_grad()
def visible_faces(
    pixels: Float[Tensor, "b v 3"],
    faces: Int[Tensor, "f 3"],
    height: int,
    width: int,
    cull: int = OUTSIDE,
    near: float = 1e-3,
    chunk: int = 1 << 18,
) -> Int[Tensor, "b h w"]:
    """Index of the nearest face at every pixel centre.

    Args:
        pixels: x and y in pixels, z the depth; float32 or float64.
        faces: triangles, shared by the batch.
        height: of the images, in pixels.
        width: of the images, in pixels.
        cull: which faces are drawn. -1 (`OUTSIDE`): those with outward (counter-clockwise from outside) winding that
            face the camera, which turn the other way round in an image with y down; on a closed mesh this changes
            nothing and halves the work. +1 (`INSIDE`): the far walls seen from behind. 0 (`BOTH`): no culling.
        near: faces with a vertex nearer than this are dropped.
        chunk: number of candidate pixels tested at once; bounds the working memory (about 150 bytes each), also
            within a single large face.

    Returns:
        int64 face indices, -1 where nothing is seen.

    Raises:
        TypeError: for half precision, which cannot tell depths apart at the paper's focal length.
    """
    if pixels.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"rasterise in float32 or float64, not {pixels.dtype}: call it outside autocast")
    batch = pixels.shape[0]
    setup = _set_up_faces(pixels, faces, height, width, cull, near)
    keys = torch.full((batch * height * width,), _LOW_32_BITS, dtype=torch.int64, device=pixels.device)
    for start, end in _chunks(setup.candidates_end, chunk):
        position, face, inverse_depth = setup.covered(start, end, width)
        # Positive floats order like their bits, so one integer maximum finds the nearest face.
        bits = inverse_depth.clamp(min=1e-30).float().view(torch.int32).long()
        keys.scatter_reduce_(0, position, (bits << 32) | (_LAST_FACE - face), "amax", include_self=True)
    return (_LAST_FACE - (keys & _LOW_32_BITS)).view(batch, height, width)


@dataclass(frozen=True)
class _FaceSetup:
    """The faces that can cover a pixel centre: their boxes and the linear functions to step through them."""

    face: Int[Tensor, "n"]
    origin: Int[Tensor, "n"]  # flat index of the box's first pixel
    box_width: Int[Tensor, "n"]
    candidates_end: Int[Tensor, "n"]  # running total of box areas
    corner: Float[Tensor, "n 9"]  # value, d/dx and d/dy of second and third barycentric and of 1/z at the first pixel

    def covered(
        self, start: int, end: int, width: int
    ) -> tuple[Int[Tensor, "k"], Int[Tensor, "k"], Float[Tensor, "k"]]:
        """Flat pixel, face and 1/z of those of the box pixels start..end that lie inside their face."""
        device = self.face.device
        limits = torch.tensor([start, end - 1], device=device)
        lowest, highest = torch.searchsorted(self.candidates_end, limits, right=True).tolist()
        ends = self.candidates_end[lowest : highest + 1]
        begins = torch.cat([ends.new_tensor([start]), ends[:-1]])
        row = torch.repeat_interleave(
            torch.arange(lowest, highest + 1, device=device), ends.clamp(max=end) - begins, output_size=end - start
        )
        before = self.candidates_end[lowest - 1] if lowest else 0
        face_start = torch.cat([ends.new_zeros(1) + before, ends[:-1]])
        step = torch.arange(start, end, device=device) - face_start[row - lowest]
        box_width = self.box_width[row]
        dy = torch.div(step, box_width, rounding_mode="floor")
        dx = step - dy * box_width
        values = self.corner.index_select(0, row).unbind(1)
        second, second_x, second_y, third, third_x, third_y, inverse, inverse_x, inverse_y = values
        second = second + second_x * dx + second_y * dy
        third = third + third_x * dx + third_y * dy
        inside = (second >= -_EDGE_TOLERANCE) & (third >= -_EDGE_TOLERANCE) & (second + third <= 1 + _EDGE_TOLERANCE)
        kept = inside.nonzero().squeeze(1)
        row, dx, dy = row[kept], dx[kept], dy[kept]
        inverse_depth = inverse[kept] + inverse_x[kept] * dx + inverse_y[kept] * dy
        return self.origin[row] + dy * width + dx, self.face[row], inverse_depth


def _set_up_faces(
    pixels: Float[Tensor, "b v 3"], faces: Int[Tensor, "f 3"], height: int, width: int, cull: int, near: float
) -> _FaceSetup:
    # index_select on rows is several times faster here than advanced indexing.
    points = pixels.index_select(1, faces.reshape(-1)).view(-1, 3, 3)
    doubled_area = _edges(points)[2]
    facing = doubled_area.abs() > 1e-12 if cull == BOTH else doubled_area * cull > 1e-12
    index = facing.nonzero().squeeze(1)
    points = points.index_select(0, index)
    low, high = _bounds(points)
    size = torch.tensor([width, height], dtype=pixels.dtype, device=pixels.device)
    first = (low[:, :2] - 0.5).ceil().clamp(min=0).minimum(size)
    extent = ((high[:, :2] - 0.5).floor().clamp(min=-1).minimum(size - 1) - first + 1).clamp(min=0)
    drawn = ((low[:, 2] > near) & (extent.amin(-1) > 0)).nonzero().squeeze(1)
    index, points, first, extent = (t.index_select(0, drawn) for t in (index, points, first, extent.long()))
    image = torch.div(index, faces.shape[0], rounding_mode="floor")
    face = index - image * faces.shape[0]
    origin = (image * height + first[:, 1].long()) * width + first[:, 0].long()
    return _FaceSetup(face, origin, extent[:, 0], extent.prod(1).cumsum(0), _linear_functions(points, first + 0.5))


def _linear_functions(points: Float[Tensor, "n 3 3"], at: Float[Tensor, "n 2"]) -> Float[Tensor, "n 9"]:
    """Second and third barycentric weight and 1/z at a point of the image, each followed by its x and y derivative."""
    (ax, ay), (bx, by), doubled_area = _edges(points)
    offset = at - points[:, 0, :2]
    inverse = points[..., 2].reciprocal()
    second = torch.stack([by, -bx], 1) / doubled_area[:, None]
    third = torch.stack([-ay, ax], 1) / doubled_area[:, None]
    slope = second * (inverse[:, 1:2] - inverse[:, :1]) + third * (inverse[:, 2:3] - inverse[:, :1])
    table = []
    for value, gradient in ((0.0, second), (0.0, third), (inverse[:, :1], slope)):
        table += [value + (gradient * offset).sum(1, keepdim=True), gradient]
    return torch.cat(table, 1)


def _edges(
    points: Float[Tensor, "*n 3 3"],
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor], Float[Tensor, "*n"]]:
    """The two screen edges that leave the first vertex, and twice the signed area they span."""
    x, y = points[..., 0], points[..., 1]
    ax, ay = x[..., 1] - x[..., 0], y[..., 1] - y[..., 0]
    bx, by = x[..., 2] - x[..., 0], y[..., 2] - y[..., 0]
    return (ax, ay), (bx, by), ax * by - ay * bx


def _bounds(points: Float[Tensor, "n 3 3"]) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 3"]]:
    a, b, c = points.unbind(1)
    return a.minimum(b).minimum(c), a.maximum(b).maximum(c)


def _chunks(candidates_end: Int[Tensor, "n"], chunk: int) -> Iterator[tuple[int, int]]:
    total = int(candidates_end[-1]) if candidates_end.numel() else 0
    for start in range(0, total, chunk):
        yield start, min(start + chunk, total)
