"""Invariants of the body file that ships with the package."""

from dataclasses import fields
from importlib.resources import files

import numpy as np
import pytest

from rscnet.body.assets import EMBEDDED_FILE, BodyAssets, load_npz
from rscnet.errors import UserError
from rscnet.joints import EXTRA_9, H36M_17, SMPL_24, SMPL_24_FLIP, SMPL_PARENTS, VERTEX_JOINTS, flip_permutation

MIRROR = np.array([-1.0, 1.0, 1.0])


def signed_uv_areas(assets):
    corner = assets.vt[assets.ft]
    a, b = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    return 0.5 * (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])


def test_shapes_are_those_of_smpl(assets):
    shapes = {field.name: getattr(assets, field.name).shape for field in fields(BodyAssets)}
    t = len(assets.vt)
    assert shapes == {
        "v_template": (6890, 3), "f": (13776, 3), "weights": (6890, 24), "shapedirs": (6890, 3, 10),
        "posedirs": (6890, 3, 207), "J_regressor": (24, 6890), "kintree_table": (2, 24), "vt": (t, 2),
        "ft": (13776, 3), "mirror": (6890,), "part_labels": (6890,), "J_regressor_h36m": (17, 6890),
        "J_regressor_extra": (9, 6890), "mean_pose": (144,), "mean_shape": (10,), "mean_cam": (3,),
    }  # fmt: skip
    assert tuple(assets.kintree_table[0]) == SMPL_PARENTS
    assert files("rscnet.body").joinpath(EMBEDDED_FILE).stat().st_size < 3e6  # type: ignore[attr-defined]


def test_mesh_is_closed_and_outward(assets):
    edges = np.concatenate([assets.f[:, [0, 1]], assets.f[:, [1, 2]], assets.f[:, [2, 0]]])
    _, directed = np.unique(edges, axis=0, return_counts=True)
    undirected, uses = np.unique(np.sort(edges, 1), axis=0, return_counts=True)
    assert (directed == 1).all(), "neighbouring faces disagree on the winding"
    assert (uses == 2).all()
    assert len(assets.v_template) - len(undirected) + len(assets.f) == 2
    a, b, c = assets.v_template[assets.f].transpose(1, 0, 2)
    volume = (a * np.cross(b, c)).sum() / 6
    assert 0.05 < volume < 0.1  # cubic metres of an adult, positive: outward


def test_left_mirrors_right(assets):
    mirror = assets.mirror
    np.testing.assert_array_equal(mirror[mirror], np.arange(6890))
    np.testing.assert_array_equal(assets.v_template[mirror] * MIRROR, assets.v_template)
    np.testing.assert_array_equal(assets.weights[mirror][:, SMPL_24_FLIP], assets.weights)
    np.testing.assert_array_equal(assets.shapedirs[mirror] * MIRROR[:, None], assets.shapedirs)
    body_flip = [joint - 1 for joint in SMPL_24_FLIP[1:]]
    directions = assets.posedirs.reshape(6890, 3, 23, 3, 3)
    swapped = directions[mirror][:, :, body_flip] * MIRROR[:, None, None, None] * (MIRROR[:, None] * MIRROR)
    np.testing.assert_allclose(swapped, directions, atol=2e-5)


def test_weights_are_convex_over_four_joints(assets):
    assert (assets.weights >= 0).all()
    assert (assets.weights > 0).sum(1).max() <= 4
    np.testing.assert_allclose(assets.weights.sum(1), 1, atol=1e-6)
    np.testing.assert_array_equal(assets.part_labels, assets.weights.argmax(1))
    assert set(assets.part_labels) == set(range(24))


@pytest.mark.parametrize("name", ["J_regressor", "J_regressor_h36m", "J_regressor_extra"])
def test_regressors_are_convex_and_sparse(assets, name):
    regressor = getattr(assets, name)
    assert (regressor >= 0).all()
    assert (regressor > 0).sum(1).max() < 300
    np.testing.assert_allclose(regressor.sum(1), 1, atol=1e-5)


def test_joints_lie_symmetric_inside_the_limbs(assets):
    joints = assets.J_regressor @ assets.v_template
    np.testing.assert_allclose(joints[SMPL_24_FLIP] * MIRROR, joints, atol=1e-3)
    at = dict(zip(SMPL_24, joints, strict=True))
    # the skeleton of scripts/embedded_body/skeleton.py: trained weights depend on it
    np.testing.assert_allclose(at["left_elbow"], [0.435, 0.220, -0.028], atol=1e-3)
    np.testing.assert_allclose(at["left_knee"], [0.100, -0.680, 0.006], atol=1e-3)
    np.testing.assert_allclose(at["pelvis"], [0, -0.225, 0.015], atol=1e-3)


@pytest.mark.parametrize(("name", "names"), [("J_regressor_h36m", H36M_17), ("J_regressor_extra", EXTRA_9)])
def test_further_regressors_stand_where_their_names_say(assets, name, names):
    joints = getattr(assets, name) @ assets.v_template
    np.testing.assert_allclose(joints[flip_permutation(names)] * MIRROR, joints, atol=2e-3)
    for joint, place in zip(names, joints, strict=True):
        assert place[0] > 0.05 if joint.startswith("left") else place[0] < -0.05 if joint.startswith("right") else True
    at = dict(zip(names, joints, strict=True))
    crown = assets.v_template[:, 1].max()
    top = next(at[n] for n in ("head_top", "head_top_lsp") if n in at)
    neck = next(at[n] for n in ("neck", "neck_lsp") if n in at)
    jaw = next(at[n] for n in ("jaw", "jaw_h36m") if n in at)
    pelvis = next(at[n] for n in ("pelvis", "pelvis_mpii") if n in at)
    assert 0 < crown - top[1] < 0.05
    assert top[1] > jaw[1] > neck[1] > pelvis[1]
    assert jaw[2] > neck[2], "the jaw is in front of the neck"


def test_well_known_vertices_stand_where_smplx_reads_them(assets):
    at = {name: assets.v_template[vertex] for name, vertex in VERTEX_JOINTS.items()}
    for name, place in at.items():
        if name.startswith("left_"):
            np.testing.assert_array_equal(place * MIRROR, at["right_" + name.removeprefix("left_")])
            assert place[0] > 0.02
    head = assets.v_template[assets.part_labels == SMPL_24.index("head")]
    assert at["nose"][2] == head[:, 2].max() and at["nose"][0] == 0
    assert at["nose"][1] < at["left_eye"][1]
    assert at["left_eye"][2] > at["left_ear"][2] + 0.08
    assert at["left_ear"][0] > head[:, 0].max() - 0.005
    assert at["left_heel"][2] < at["left_small_toe"][2] < at["left_big_toe"][2]
    assert at["left_small_toe"][0] > at["left_big_toe"][0] + 0.03
    assert max(at[f"left_{toe}"][1] for toe in ("heel", "big_toe", "small_toe")) < assets.v_template[:, 1].min() + 0.03
    fingers = [at[f"left_{finger}"] for finger in ("thumb", "index", "middle", "ring", "pinky")]
    assert (np.diff([finger[2] for finger in fingers]) < 0).all(), "from the thumb in front to the little finger behind"
    assert max(finger[0] for finger in fingers) == fingers[2][0] == assets.v_template[:, 0].max()


def test_atlas_does_not_overlap_and_covers_most(assets):
    assert (signed_uv_areas(assets) > 0).all(), "text on a texture would be mirrored"
    assert assets.vt.min() > 0 and assets.vt.max() < 1
    size = 512
    hits = np.zeros((size, size), int)
    for a, b, c in assets.vt[assets.ft].astype(float) * size:
        low = np.ceil(np.minimum(np.minimum(a, b), c) - 0.5).astype(int)
        high = np.floor(np.maximum(np.maximum(a, b), c) - 0.5).astype(int) + 1
        x, y = np.meshgrid(np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1]) + 0.5)
        inside = np.ones(x.shape, bool)
        for start, end in ((a, b), (b, c), (c, a)):
            inside &= (end[0] - start[0]) * (y - start[1]) - (end[1] - start[1]) * (x - start[0]) > 1e-7
        hits[low[1] : high[1], low[0] : high[0]] += inside
    assert hits.max() == 1
    assert (hits > 0).mean() > 0.6


def test_atlas_is_mirror_symmetric(assets):
    """A flipped texture on a mirrored pose gives the flipped picture."""
    mirrored_faces = {frozenset(face): i for i, face in enumerate(assets.mirror[assets.f].tolist())}
    for i in range(0, len(assets.f), 97):
        j = mirrored_faces[frozenset(assets.f[i].tolist())]
        here = {vertex: assets.vt[uv] for vertex, uv in zip(assets.f[i], assets.ft[i], strict=True)}
        there = {assets.mirror[vertex]: assets.vt[uv] for vertex, uv in zip(assets.f[j], assets.ft[j], strict=True)}
        for vertex, (u, v) in here.items():
            np.testing.assert_allclose(there[vertex], (1 - u, v), atol=1e-6)


def test_mean_parameters_are_an_upright_person_facing_the_camera(assets):
    columns = assets.mean_pose.reshape(24, 3, 2)
    products = np.einsum("jri,jrk->jik", columns, columns)
    np.testing.assert_allclose(products, np.broadcast_to(np.eye(2), (24, 2, 2)), atol=1e-6)
    np.testing.assert_allclose(columns[0], [[1, 0], [0, -1], [0, 0]], atol=1e-6)
    arm = columns[SMPL_24.index("left_shoulder")]
    assert arm[1, 0] < -0.3, "the mean arm hangs down: its bone (x) turns towards -y"
    np.testing.assert_array_equal(assets.mean_shape, 0)
    np.testing.assert_allclose(assets.mean_cam, [0.9, 0, 0])


def test_incomplete_file_is_named(tmp_path):
    with pytest.raises(UserError, match="not found"):
        load_npz(tmp_path / "nothing.npz")
    np.savez(tmp_path / "part.npz", v_template=np.zeros((3, 3)))
    with pytest.raises(UserError, match="weights"):
        load_npz(tmp_path / "part.npz")
