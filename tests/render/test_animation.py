"""The files are read by parsers that are not ours, and moved by the rules of their formats."""

from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from pygltflib import GLTF2
from scipy.spatial.transform import Rotation

from rscnet.body import BodyModel
from rscnet.geometry.rotations import axis_angle_to_matrix, matrix_to_quaternion
from rscnet.joints import SMPL_24, SMPL_PARENTS
from rscnet.render.animation import Skin, continuous, write_animated_glb
from rscnet.render.bvh import write_bvh
from rscnet.structures import BodyParameters

FPS = 12.5


@pytest.fixture(scope="module")
def moved() -> dict[str, np.ndarray]:
    """Five random poses about the rest pose with the places of all joints."""
    body = BodyModel.embedded()
    noise = torch.Generator().manual_seed(0)
    turns = axis_angle_to_matrix(torch.randn(5, 24, 3, generator=noise) * 0.5)
    betas = torch.randn(1, 10, generator=noise).expand(5, -1)
    rest = body(BodyParameters.from_rotations(torch.eye(3).expand(1, 24, 3, 3), betas[:1]))
    pelvis = torch.randn(5, 3, generator=noise)
    joints = body.joints(BodyParameters.from_rotations(turns, betas)).smpl_joints
    return {
        "vertices": rest.vertices[0].numpy(), "rest": rest.smpl_joints[0].numpy(), "faces": body.faces.numpy(),
        "weights": torch.as_tensor(body.smpl.lbs_weights).numpy(), "quaternions": matrix_to_quaternion(turns).numpy(),
        "pelvis": pelvis.numpy(), "joints": (joints - joints[:, :1] + pelvis[:, None]).numpy(),
    }  # fmt: skip


def test_glb_moves_as_the_body_does(moved: dict[str, np.ndarray], tmp_path: Path) -> None:
    normals = np.tile([0.0, 0, 1], (len(moved["vertices"]), 1))
    skin = Skin(moved["vertices"], normals, moved["faces"], moved["weights"], moved["rest"])
    write_animated_glb(tmp_path / "a.glb", skin, moved["quaternions"], moved["pelvis"], FPS)
    gltf = GLTF2().load(str(tmp_path / "a.glb"))
    assert gltf is not None
    read = Reader(gltf)
    (rig,), (animation,) = gltf.skins, gltf.animations
    assert [gltf.nodes[j].name for j in rig.joints] == list(SMPL_24)
    attributes = gltf.meshes[0].primitives[0].attributes
    vertices, joints, weights = read(attributes.POSITION), read(attributes.JOINTS_0), read(attributes.WEIGHTS_0)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
    times = read(animation.samplers[0].input)[:, 0]
    np.testing.assert_allclose(times, np.arange(5) / FPS, atol=1e-6)
    bind = read(rig.inverseBindMatrices).reshape(-1, 4, 4).transpose(0, 2, 1)
    for frame in range(5):
        world = read.pose(frame)
        np.testing.assert_allclose(world[rig.joints][:, :3, 3], moved["joints"][frame], atol=1e-5)
    # the rest pose gives the mesh back
    still = np.stack([np.eye(4)] * 24)
    still[:, :3, 3] = moved["rest"]
    bones = (still @ bind)[joints]
    skinned = np.einsum("vk,vkij,vj->vi", weights, bones, np.c_[vertices, np.ones(len(vertices))])[:, :3]
    np.testing.assert_allclose(skinned, moved["vertices"], atol=1e-5)
    loaded = trimesh.load(tmp_path / "a.glb", force="mesh", process=False)
    assert len(loaded.vertices) == 6890 and len(loaded.faces) == 13776  # type: ignore[union-attr]


def test_glb_with_a_texture(moved: dict[str, np.ndarray], tmp_path: Path) -> None:
    normals, uv = np.tile([0.0, 0, 1], (6890, 1)), np.random.default_rng(0).random((6890, 2))
    texture = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
    skin = Skin(moved["vertices"], normals, moved["faces"], moved["weights"], moved["rest"], uv, texture)
    write_animated_glb(tmp_path / "a.glb", skin, moved["quaternions"], moved["pelvis"], FPS)
    loaded = trimesh.load(tmp_path / "a.glb", force="mesh", process=False)
    np.testing.assert_array_equal(np.asarray(loaded.visual.material.baseColorTexture.convert("RGB")), texture)  # type: ignore[union-attr]


def test_signs_of_quaternions_never_jump() -> None:
    turned = Rotation.from_euler("y", np.linspace(0, 700, 30)[:, None], degrees=True).as_quat(canonical=True)[:, None]
    assert (np.sum(turned[1:] * turned[:-1], axis=-1) < 0).any()
    smooth = continuous(turned)
    assert (np.sum(smooth[1:] * smooth[:-1], axis=-1) > 0).all()
    np.testing.assert_array_equal(np.abs(smooth), np.abs(turned))


def test_bvh_gives_the_joints_back(moved: dict[str, np.ndarray], tmp_path: Path) -> None:
    write_bvh(tmp_path / "a.bvh", moved["rest"], moved["quaternions"], moved["pelvis"], FPS)
    names, parents, offsets, rows, step = parse_bvh(tmp_path / "a.bvh")
    assert sorted(names) == sorted(SMPL_24) and abs(step - 1 / FPS) < 1e-6
    assert [names[p] if p >= 0 else "" for p in parents] == [
        SMPL_24[SMPL_PARENTS[SMPL_24.index(name)]] if name != "pelvis" else "" for name in names
    ]
    for frame, row in enumerate(rows):
        places, world = [row[:3]], []
        for joint, parent in enumerate(parents):
            z, x, y = np.deg2rad(row[3 + 3 * joint : 6 + 3 * joint])
            turn = Rotation.from_rotvec([0, 0, z]) * Rotation.from_rotvec([x, 0, 0]) * Rotation.from_rotvec([0, y, 0])
            world.append(turn.as_matrix() if parent < 0 else world[parent] @ turn.as_matrix())
            if parent >= 0:
                places.append(places[parent] + world[parent] @ offsets[joint])
        expected = moved["joints"][frame][[SMPL_24.index(name) for name in names]]
        np.testing.assert_allclose(np.array(places) / 100, expected, atol=1e-4)


def parse_bvh(path: Path):
    """Names, parents, offsets, rows and seconds per frame, by the format's grammar."""
    words = iter(path.read_text().split("MOTION")[0].split())
    names, parents, offsets, stack = [], [], [], []
    ending = False
    for word in words:
        if word in ("ROOT", "JOINT"):
            names.append(next(words))
            parents.append(stack[-1] if stack else -1)
            offsets.append(None)
        elif word == "End":
            ending = True
        elif word == "OFFSET":
            offset = np.array([float(next(words)) for _ in range(3)])
            if not ending:
                offsets[-1] = offset
        elif word == "{" and not ending:
            stack.append(len(names) - 1)
        elif word == "}":
            if ending:
                ending = False
            else:
                stack.pop()
    lines = path.read_text().split("MOTION")[1].strip().splitlines()
    rows = np.array([[float(value) for value in line.split()] for line in lines[2:]])
    assert int(lines[0].split()[1]) == len(rows)
    return names, parents, np.array(offsets), rows, float(lines[1].split()[2])


class Reader:
    """Accessors as arrays, and the nodes' places at a frame."""

    TYPES = {5126: np.float32, 5123: np.uint16, 5125: np.uint32}
    SIZES = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}

    def __init__(self, gltf: GLTF2) -> None:
        self.gltf, self.blob = gltf, gltf.binary_blob()

    def __call__(self, number: int | None) -> np.ndarray:
        assert number is not None
        accessor = self.gltf.accessors[number]
        view = self.gltf.bufferViews[accessor.bufferView]
        size = self.SIZES[accessor.type]
        start = (view.byteOffset or 0) + (accessor.byteOffset or 0)
        return np.frombuffer(self.blob, self.TYPES[accessor.componentType], accessor.count * size, start).reshape(
            -1, size
        )

    def pose(self, frame: int) -> np.ndarray:
        """World matrices of all nodes."""
        local = []
        for node in self.gltf.nodes:
            local.append({"translation": node.translation or [0, 0, 0], "rotation": node.rotation or [0, 0, 0, 1]})
        animation = self.gltf.animations[0]
        for channel in animation.channels:
            local[channel.target.node][channel.target.path] = self(animation.samplers[channel.sampler].output)[frame]
        world = np.stack([np.eye(4)] * len(local))

        def visit(node: int, above: np.ndarray) -> None:
            own = np.eye(4)
            own[:3, :3], own[:3, 3] = (
                Rotation.from_quat(local[node]["rotation"]).as_matrix(),
                local[node]["translation"],
            )
            world[node] = above @ own
            for child in self.gltf.nodes[node].children or []:
                visit(child, world[node])

        visit(self.gltf.scenes[0].nodes[0], np.eye(4))
        return world
