import pytest
import torch

from rscnet.render import rasterizer
from rscnet.render.rasterizer import BOTH, INSIDE, OUTSIDE, rasterize, visible_faces

SIZE = 96
TRIANGLE = torch.tensor([[0, 1, 2]])


def test_a_pixel_is_covered_when_its_centre_is_inside():
    # The diagonal runs through the centres of row + column == 3, which count as inside.
    pixels = torch.tensor([[[0.5, 0.5, 1.0], [3.5, 0.5, 1.0], [0.5, 3.5, 1.0]]])
    expected = torch.tensor([[1, 1, 1, 1, 0], [1, 1, 1, 0, 0], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]]) - 1
    assert torch.equal(visible_faces(pixels, TRIANGLE, 5, 5, cull=BOTH)[0], expected)
    # A hair to the right the first column's centres are outside.
    assert torch.equal(
        visible_faces(pixels + torch.tensor([0.01, 0, 0]), TRIANGLE, 5, 5, BOTH)[0, :, 0], torch.full((5,), -1)
    )


def test_barycentrics_and_depth_are_perspective_correct():
    pixels = torch.tensor([[[0.0, 0.0, 1.0], [8.0, 0.0, 2.0], [0.0, 8.0, 4.0]]], dtype=torch.float64)
    fragments = rasterize(pixels, TRIANGLE, 8, 8, cull=BOTH)
    number = (fragments.index == 1 * 8 + 3).nonzero().item()  # centre (3.5, 1.5)
    screen = torch.tensor([3 / 8, 3.5 / 8, 1.5 / 8], dtype=torch.float64)
    weights = screen / torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    torch.testing.assert_close(fragments.barycentrics[number], weights / weights.sum())
    torch.testing.assert_close(fragments.depth[number], 1 / weights.sum())
    torch.testing.assert_close(fragments.interpolate(pixels[0, :, 2:], TRIANGLE)[:, 0], fragments.depth)


def test_the_nearer_of_two_quads_wins_in_both_orders():
    def quad(left, depth):
        return [[left, 0.0, depth], [left + 4, 0.0, depth], [left + 4, 4.0, depth], [left, 4.0, depth]]

    faces = torch.tensor([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    pixels = torch.tensor([quad(0.0, 2.0) + quad(2.0, 3.0), quad(0.0, 3.0) + quad(2.0, 2.0)])
    owner = visible_faces(pixels, faces, 4, 6, cull=BOTH).div(2, rounding_mode="floor")
    assert torch.equal(owner[0], torch.tensor([0, 0, 0, 0, 1, 1]).expand(4, 6))
    assert torch.equal(owner[1], torch.tensor([0, 0, 1, 1, 1, 1]).expand(4, 6))


def test_among_equal_depths_the_lower_face_wins():
    pixels = torch.tensor([[[0.0, 0.0, 1.0], [4.0, 0.0, 1.0], [0.0, 4.0, 1.0]]])
    assert visible_faces(pixels, TRIANGLE.expand(3, 3), 4, 4, cull=BOTH).max() == 0


def test_culling_sign(posed, body, camera):
    """A closed mesh with outward winding looks the same without its back faces; without its front ones, inside out."""
    pixels = camera.project(posed)
    outside = visible_faces(pixels, body.faces, SIZE, SIZE, cull=OUTSIDE)
    assert torch.equal(outside, visible_faces(pixels, body.faces, SIZE, SIZE, cull=BOTH))
    near = rasterize(pixels, body.faces, SIZE, SIZE, cull=OUTSIDE)
    far = rasterize(pixels, body.faces, SIZE, SIZE, cull=INSIDE)
    both = near.mask() & far.mask()
    assert both.sum() > 0.98 * near.mask().sum()
    assert ((far.dense(far.depth) - near.dense(near.depth))[both] > 0).all()


def test_faces_behind_the_camera_are_dropped():
    pixels = torch.tensor([[[0.0, 0.0, 1.0], [8.0, 0.0, 1.0], [0.0, 8.0, -1.0]]])
    assert (visible_faces(pixels, TRIANGLE, 8, 8, cull=BOTH) == -1).all()


@pytest.mark.parametrize("pixels", [torch.full((2, 3, 3), float("nan")), torch.zeros(2, 3, 3), torch.ones(0, 3, 3)])
def test_nothing_to_see_gives_empty_fragments(pixels):
    fragments = rasterize(pixels, TRIANGLE, 4, 6)
    assert fragments.mask().shape == (len(pixels), 4, 6) and not fragments.mask().any()
    assert fragments.dense(fragments.depth, fill=9.0).eq(9).all()


def test_half_precision_is_refused():
    with pytest.raises(TypeError, match="autocast"):
        visible_faces(torch.ones(1, 3, 3, dtype=torch.float16), TRIANGLE, 4, 4)


def test_batch_equals_single_images_and_does_not_depend_on_chunks(posed, body, camera):
    pixels = camera.project(posed)
    together = visible_faces(pixels, body.faces, SIZE, SIZE)
    alone = [visible_faces(row[None], body.faces, SIZE, SIZE, chunk=997)[0] for row in pixels]
    assert torch.equal(together, torch.stack(alone))


def test_full_screen_triangles_leave_no_gap_and_stay_within_the_chunk(monkeypatch):
    """The memory of one step is bounded also within a single huge face."""
    corners = [[-9.7, -3.1, 5.0], [613.3, 11.9, 7.0], [590.1, 701.7, 6.0], [3.3, 640.9, 4.0]]
    largest = 0
    covered = rasterizer._FaceSetup.covered

    def spy(setup, start, end, width):
        nonlocal largest
        result = covered(setup, start, end, width)
        largest = max(largest, end - start, *(len(values) for values in result))
        return result

    monkeypatch.setattr(rasterizer._FaceSetup, "covered", spy)
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    seen = visible_faces(torch.tensor([corners]), faces, 512, 512, cull=BOTH, chunk=10_000)
    assert largest == 10_000
    assert (seen[0, 40:, 40:] >= 0).all()
    whole = visible_faces(torch.tensor([corners]), faces, 512, 512, cull=BOTH)
    assert torch.equal(seen, whole)


def test_gradients_of_interior_barycentrics_and_depth():
    torch.manual_seed(0)
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    pixels = torch.tensor(
        [[[0.2, 0.1, 2.0], [7.7, 0.3, 3.0], [7.9, 7.6, 2.5], [0.4, 7.8, 4.0]]], dtype=torch.float64, requires_grad=True
    )
    attributes = torch.rand(4, 2, dtype=torch.float64, requires_grad=True)

    def seen(pixels, attributes):
        fragments = rasterize(pixels, faces, 8, 8, cull=BOTH)
        return fragments.dense(fragments.interpolate(attributes, faces)), fragments.depth

    assert torch.autograd.gradcheck(seen, (pixels, attributes), eps=1e-6)


def test_interpolate_takes_attributes_per_image(posed, body, camera):
    fragments = rasterize(camera.project(posed), body.faces, SIZE, SIZE)
    depth = fragments.interpolate(posed[..., 2:], body.faces)[:, 0]
    torch.testing.assert_close(depth, fragments.depth, rtol=1e-5, atol=0)


def test_same_faces_as_a_ray_caster(posed, body, camera):
    pytest.importorskip("embreex", reason="embreex (the dev extra) is the independent renderer of this test")
    import numpy as np
    from trimesh import Trimesh
    from trimesh.ray.ray_pyembree import RayMeshIntersector

    ours = visible_faces(camera.project(posed), body.faces, SIZE, SIZE).numpy()
    rows, columns = np.mgrid[:SIZE, :SIZE] + 0.5
    (cx, cy), focal = camera.centre, camera.focal
    directions = np.stack([(columns - cx) / focal, (rows - cy) / focal, np.ones_like(rows)], -1).reshape(-1, 3)
    agreements, covered = 0, 0
    for vertices, seen in zip(posed.double().numpy(), ours, strict=True):
        start = vertices[:, 2].min() - 0.1  # rays start just before the body, for Embree's single precision
        intersector = RayMeshIntersector(Trimesh(vertices - [0, 0, start], body.faces.numpy(), process=False))
        origins = directions * start - [0, 0, start]
        theirs = intersector.intersects_first(origins, directions).reshape(SIZE, SIZE)
        agreements += (theirs == seen).sum()
        covered += (seen >= 0).sum()
    assert covered > 2000
    assert agreements > 0.999 * ours.size
    assert agreements - (ours < 0).sum() > 0.998 * covered


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda_sees_what_the_cpu_sees(posed, body, camera):
    pixels = camera.project(posed)
    cpu = visible_faces(pixels, body.faces, SIZE, SIZE)
    cuda = visible_faces(pixels.cuda(), body.faces.cuda(), SIZE, SIZE).cpu()
    assert (cpu == cuda).float().mean() > 0.999
