"""Pictures of meshes with OpenGL through pyrender, without a display (EGL, else OSMesa). Optional: see TorchRenderer.

Not for ground truth: EGL takes four samples per pixel, so masks are not those of pixel centres.
"""

import functools
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from rscnet.errors import UserError
from rscnet.render.scene import GAMMA, VIEWER_FROM_CAMERA, Mesh
from rscnet.render.shading import vertex_normals
from rscnet.render.torch_renderer import average_samples

PLATFORM_VARIABLE = "PYOPENGL_PLATFORM"
INSTALL_HINT = (
    "install it with `apt-get install libegl1 libgl1 libgl1-mesa-dri` (EGL), or with `apt-get install libosmesa6` and "
    "`pip install --no-deps 'PyOpenGL>=3.1.5'` (OSMesa); render=torch needs nothing"
)
# Some missing libraries show only when something is drawn, and OpenGL's platform cannot be changed after its first
# import: hence a trial in another process.
_TRIAL = """
import pyrender
renderer = pyrender.OffscreenRenderer(8, 8)
scene = pyrender.Scene()
scene.add(pyrender.PerspectiveCamera(1.0))
renderer.render(scene)
"""
_LIGHTS = (((-0.6, 0.8, 1.0), 3.8), ((1.0, 0.1, 0.5), 1.0))  # direction towards the light in OpenGL's frame, intensity
_AMBIENT = (0.12, 0.12, 0.12)
_OPENGL_FROM_CAMERA = np.array(VIEWER_FROM_CAMERA)


@dataclass(frozen=True)
class PyrenderRenderer:
    """OpenGL backend; implements `rscnet.render.scene.Renderer`.

    Attributes:
        antialias: samples per pixel and axis, on top of the driver's own.

    Raises:
        UserError: when no headless OpenGL works, with what to install.
    """

    antialias: int = 1

    def __post_init__(self) -> None:
        _offscreen(os.getpid())

    def __call__(self, meshes: Sequence[Mesh], height: int, width: int) -> UInt8[np.ndarray, "h w 4"]:
        """RGBA picture of the meshes, transparent where there is none."""
        import pyrender

        if not meshes:
            return np.zeros((height, width, 4), np.uint8)
        scale = self.antialias
        positions = [_in_common_camera(mesh, meshes[0]) for mesh in meshes]
        scene = _lit_scene()
        for mesh, vertices in zip(meshes, positions, strict=True):
            scene.add(pyrender.Mesh([_primitive(mesh, vertices)]))
        camera, depths = meshes[0].camera, -np.concatenate(positions)[:, 2]
        scene.add(
            pyrender.IntrinsicsCamera(
                *(scale * value for value in (camera.focal, camera.focal, *camera.centre)),
                # Bodies stand 30 to 110 m away under the paper's lens; pyrender would cut at 100 m.
                znear=0.95 * depths.min(),
                zfar=1.05 * depths.max(),
            )
        )
        renderer = _offscreen(os.getpid())
        renderer.viewport_width, renderer.viewport_height = width * scale, height * scale
        flags = pyrender.RenderFlags.RGBA | pyrender.RenderFlags.SKIP_CULL_FACES
        rgba, _ = renderer.render(scene, flags=flags)
        return average_samples(rgba.astype(np.float32) / 255, scale)


def _in_common_camera(mesh: Mesh, first: Mesh) -> Float[np.ndarray, "v 3"]:
    """Vertices moved so that the first mesh's camera sees them where their own does, in OpenGL's frame."""
    vertices = mesh.vertices.detach().double().cpu().numpy()
    shift = np.subtract(mesh.camera.centre, first.camera.centre) / mesh.camera.focal
    moved = np.column_stack([vertices[:, :2] + vertices[:, 2:] * shift, vertices[:, 2]])
    moved[:, 2] *= first.camera.focal / mesh.camera.focal
    return moved * _OPENGL_FROM_CAMERA


def _primitive(mesh: Mesh, positions: Float[np.ndarray, "v 3"]) -> Any:
    import pyrender

    normals = vertex_normals(mesh.vertices.detach().float()[None], mesh.faces)[0].cpu().numpy() * _OPENGL_FROM_CAMERA
    # 4: triangles
    surface: dict[str, Any] = {
        "positions": positions,
        "normals": normals,
        "indices": mesh.faces.cpu().numpy(),
        "mode": 4,
    }
    material: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 0.7}
    if mesh.texture is not None:
        corner = mesh.texture.vertex_of_uv(mesh.faces).cpu().numpy()
        surface |= {"positions": positions[corner], "normals": normals[corner]}
        surface |= {"indices": mesh.texture.ft.cpu().numpy(), "texcoord_0": mesh.texture.vt.cpu().numpy()}
        material["baseColorTexture"] = pyrender.Texture(source=mesh.texture.as_bytes(), source_channels="RGB")
    elif isinstance(mesh.colour, Tensor):
        surface["color_0"] = mesh.colour.detach().cpu().numpy() ** GAMMA
    else:
        material["baseColorFactor"] = (*np.power(mesh.colour, GAMMA), 1.0)
    return pyrender.Primitive(**surface, material=pyrender.MetallicRoughnessMaterial(**material))


def _lit_scene() -> Any:
    import pyrender

    scene = pyrender.Scene(bg_color=[0, 0, 0, 0], ambient_light=_AMBIENT)
    for direction, intensity in _LIGHTS:
        backwards = np.asarray(direction) / np.linalg.norm(direction)
        right = np.cross([0.0, 1.0, 0.0], backwards)
        right /= np.linalg.norm(right)
        pose = np.eye(4)
        pose[:3, :3] = np.column_stack([right, np.cross(backwards, right), backwards])
        scene.add(pyrender.DirectionalLight(intensity=intensity), pose=pose)
    return scene


@functools.cache
def _offscreen(process: int) -> Any:
    """The one renderer of this process: OpenGL contexts are dear, and do not survive a fork."""
    os.environ[PLATFORM_VARIABLE] = _working_platform()
    if not hasattr(np, "infty"):  # pyrender still says np.infty, which numpy 2 dropped
        np.infty = np.inf  # type: ignore[attr-defined]
    try:
        import pyrender

        return pyrender.OffscreenRenderer(8, 8)
    except Exception as error:  # each missing library fails in its own way
        raise UserError(f"render=pyrender: OpenGL does not start ({_gist(str(error))}): {INSTALL_HINT}") from error


@functools.cache
def _working_platform() -> str:
    """The platform asked for in the environment, else the first of EGL and OSMesa that can draw."""
    asked = os.environ.get(PLATFORM_VARIABLE)
    failures = []
    for platform in (asked,) if asked else ("egl", "osmesa"):
        environment = {**os.environ, PLATFORM_VARIABLE: platform}
        trial = subprocess.run([sys.executable, "-c", _TRIAL], env=environment, capture_output=True, text=True)
        if trial.returncode == 0:
            return platform
        failures.append(f"{platform}: {_gist(trial.stderr)}")
    raise UserError(f"render=pyrender: no headless OpenGL works here ({'; '.join(failures)}): {INSTALL_HINT}")


def _gist(message: str) -> str:
    """The line of an error that says what happened: the last one of a traceback."""
    lines = message.strip().splitlines()
    return lines[-1].strip() if lines else "no message"
