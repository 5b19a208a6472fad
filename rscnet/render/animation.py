"""A moving body as binary glTF, as Blender and three.js read it: joint hierarchy, skin weights, rotations over time.

The frame is glTF's: y up, metres; the camera frame's (x, y, z) is (x, -y, -z) here. The mesh is the body at rest with
the track's shape. glTF skins by bones alone, so the small pose-dependent corrections of SMPL's surface are left out.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from PIL import Image

from rscnet.files import write_atomically
from rscnet.joints import SMPL_24, SMPL_PARENTS
from rscnet.render.scene import GAMMA, PALETTE, RGB

FLOAT, UINT16, UINT32 = 5126, 5123, 5125
KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
ARRAY_BUFFER, ELEMENT_BUFFER = 34962, 34963


@dataclass(frozen=True)
class Skin:
    """The body at rest in its shape (y up, +x the subject's left, facing +z), ready to be moved.

    Attributes:
        vertices, normals: of the surface in metres; for a texture one per UV coordinate.
        faces: triangles.
        weights: of the 24 joints on each vertex.
        joints: of the rest pose in metres.
        uv: with v down as glTF has it; None without a texture.
        texture: RGB bytes; None for a plain colour.
        colour: RGB in [0, 1].
    """

    vertices: Float[np.ndarray, "v 3"]
    normals: Float[np.ndarray, "v 3"]
    faces: Int[np.ndarray, "f 3"]
    weights: Float[np.ndarray, "v 24"]
    joints: Float[np.ndarray, "24 3"]
    uv: Float[np.ndarray, "v 2"] | None = None
    texture: np.ndarray | None = None
    colour: RGB = PALETTE[0]


@dataclass
class _Buffer:
    """The binary part with its views and accessors."""

    data: bytearray = field(default_factory=bytearray)
    views: list[dict[str, Any]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)

    def view(self, content: bytes, target: int | None = None) -> int:
        self.data += bytes(-len(self.data) % 4)
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(content)}
        self.views.append(view if target is None else {**view, "target": target})
        self.data += content
        return len(self.views) - 1

    def array(self, values: np.ndarray, component: int = FLOAT, target: int | None = None, bounds: bool = False) -> int:
        types = {FLOAT: np.float32, UINT16: np.uint16, UINT32: np.uint32}
        values = np.ascontiguousarray(values, types[component]).reshape(len(values), -1)
        accessor = {
            "bufferView": self.view(values.tobytes(), target), "componentType": component, "count": len(values),
            "type": KINDS[values.shape[1]],
        }  # fmt: skip
        if bounds:
            accessor |= {"min": values.min(0).tolist(), "max": values.max(0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def write_animated_glb(
    path: str | Path,
    skin: Skin,
    quaternions: Float[np.ndarray, "t 24 4"],
    pelvis: Float[np.ndarray, "t 3"],
    fps: float,
    name: str = "person",
) -> None:
    """Write one moving person.

    Args:
        path: where to write; an existing file is replaced in one step.
        skin: the body.
        quaternions: (w, x, y, z) of SMPL's joints relative to their parents, the pelvis' in glTF's frame.
        pelvis: place of the pelvis in metres in glTF's frame.
        fps: frames per second.
        name: of the person's node and animation.
    """
    buffer = _Buffer()
    document = {
        "asset": {"version": "2.0", "generator": "rscnet"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": _nodes(skin, name),
        "meshes": [{"name": "body", "primitives": [_primitive(skin, buffer)]}],
        "skins": [{"joints": list(range(2, 26)), "skeleton": 2, "inverseBindMatrices": _inverse_bind(skin, buffer)}],
        "animations": [_animation(quaternions, pelvis, fps, name, buffer)],
        **_material(skin, buffer),
    }
    document |= {
        "bufferViews": buffer.views,
        "accessors": buffer.accessors,
        "buffers": [{"byteLength": len(buffer.data)}],
    }
    content = _container(document, bytes(buffer.data))
    write_atomically(Path(path), lambda file: file.write_bytes(content))


def continuous(quaternions: Float[np.ndarray, "t j 4"]) -> Float[np.ndarray, "t j 4"]:
    """The same rotations with signs chosen so that neighbours in time are near: players interpolate the numbers."""
    turned = np.sum(quaternions[1:] * quaternions[:-1], axis=-1) < 0
    sign = np.concatenate([np.ones((1, quaternions.shape[1])), np.where(turned, -1.0, 1.0)]).cumprod(0)
    return quaternions * sign[..., None]


def _nodes(skin: Skin, name: str) -> list[dict[str, Any]]:
    """The person, their mesh, then the 24 joints, each placed relative to its parent."""
    nodes: list[dict[str, Any]] = [{"name": name, "children": [1, 2]}, {"name": f"{name}_body", "mesh": 0, "skin": 0}]
    for joint, parent in enumerate(SMPL_PARENTS):
        place = skin.joints[joint] - (skin.joints[parent] if parent >= 0 else 0)
        children = [2 + other for other, above in enumerate(SMPL_PARENTS) if above == joint]
        node = {"name": SMPL_24[joint], "translation": place.tolist(), "rotation": [0, 0, 0, 1]}
        nodes.append(node | ({"children": children} if children else {}))
    return nodes


def _primitive(skin: Skin, buffer: _Buffer) -> dict[str, Any]:
    joints = np.argsort(-skin.weights, axis=1)[:, :4]
    weights = np.take_along_axis(skin.weights, joints, axis=1)
    weights = weights / weights.sum(1, keepdims=True)
    attributes = {
        "POSITION": buffer.array(skin.vertices, target=ARRAY_BUFFER, bounds=True),
        "NORMAL": buffer.array(skin.normals, target=ARRAY_BUFFER),
        "JOINTS_0": buffer.array(np.where(weights > 0, joints, 0), UINT16, ARRAY_BUFFER),
        "WEIGHTS_0": buffer.array(weights, target=ARRAY_BUFFER),
    }
    if skin.uv is not None:
        attributes["TEXCOORD_0"] = buffer.array(skin.uv, target=ARRAY_BUFFER)
    indices = buffer.array(skin.faces.reshape(-1, 1), UINT32, ELEMENT_BUFFER)
    return {"attributes": attributes, "indices": indices, "material": 0}


def _inverse_bind(skin: Skin, buffer: _Buffer) -> int:
    matrices = np.tile(np.eye(4), (24, 1, 1))
    matrices[:, 3, :3] = -skin.joints  # glTF writes matrices column by column
    return buffer.array(matrices)


def _animation(
    quaternions: Float[np.ndarray, "t 24 4"], pelvis: Float[np.ndarray, "t 3"], fps: float, name: str, buffer: _Buffer
) -> dict[str, Any]:
    times = buffer.array(np.arange(len(pelvis))[:, None] / fps, bounds=True)
    turns = np.roll(continuous(quaternions), -1, axis=-1)  # x, y, z, w
    outputs = [buffer.array(pelvis), *(buffer.array(turns[:, joint]) for joint in range(24))]
    targets = [(2, "translation"), *((2 + joint, "rotation") for joint in range(24))]
    return {
        "name": name,
        "samplers": [{"input": times, "output": output, "interpolation": "LINEAR"} for output in outputs],
        "channels": [{"sampler": i, "target": {"node": node, "path": path}} for i, (node, path) in enumerate(targets)],
    }


def _material(skin: Skin, buffer: _Buffer) -> dict[str, Any]:
    surface: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 0.8}
    if skin.texture is None:
        surface["baseColorFactor"] = [*(value**GAMMA for value in skin.colour), 1.0]
        return {"materials": [{"pbrMetallicRoughness": surface}]}
    encoded = io.BytesIO()
    Image.fromarray(skin.texture).save(encoded, format="PNG")
    surface["baseColorTexture"] = {"index": 0}
    return {
        "materials": [{"pbrMetallicRoughness": surface}],
        "textures": [{"source": 0}],
        "images": [{"bufferView": buffer.view(encoded.getvalue()), "mimeType": "image/png"}],
    }


def _container(document: dict[str, Any], binary: bytes) -> bytes:
    """Header, JSON chunk padded with blanks, binary chunk padded with zeros."""
    text = json.dumps(document, separators=(",", ":")).encode()
    chunks: Sequence[tuple[bytes, bytes]] = (
        (b"JSON", text + b" " * (-len(text) % 4)),
        (b"BIN\0", binary + bytes(-len(binary) % 4)),
    )
    body = b"".join(struct.pack("<I4s", len(content), kind) + content for kind, content in chunks)
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body
