"""Part `rasteriser`: which face each pixel of a batch of bodies shows, against renderers that install by name."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from rscnet.body.model import BodyModel
from rscnet.errors import UserError
from rscnet.geometry.cameras import camera_to_translation
from rscnet.render.rasterizer import visible_faces
from rscnet.render.scene import Camera

from .people import parameters
from .sizes import Sizes
from .timing import interleaved


def measure(sizes: Sizes) -> dict[str, Any]:
    """Seconds of each renderer, and ours as a fraction of the fastest of the others."""
    body = BodyModel.embedded()
    people = parameters(sizes.bodies)
    assert people.camera is not None
    with torch.no_grad():
        vertices = body(people).vertices + camera_to_translation(people.camera)[:, None]
    camera = Camera.of_crop(0, 0, sizes.image)
    pixels = camera.project(vertices)
    ours = visible_faces(pixels, body.faces, sizes.image, sizes.image)
    sides: dict[str, Callable[[], Any]] = {"ours": lambda: visible_faces(pixels, body.faces, sizes.image, sizes.image)}
    covered, notes = {}, []
    for name, make in (("embreex", _embree), ("pyrender", _pyrender)):
        try:
            side = make(vertices.numpy(), body.faces.numpy(), camera, sizes.image)
        except (UserError, ImportError) as error:
            notes.append(f"{name} is not here: {str(error).splitlines()[0]}")
            continue
        covered[name] = float((torch.from_numpy(side()) == (ours >= 0)).float().mean())
        sides[name] = side
    timings = interleaved(sides, sizes.rounds, sizes.least)
    seconds = {name: timing.best for name, timing in timings.items()}
    others = {name: value for name, value in seconds.items() if name != "ours"}
    fastest = min(others, key=others.__getitem__) if others else None
    fraction = None if fastest is None else others[fastest] / seconds["ours"]
    return {
        "title": f"{sizes.bodies} bodies at {sizes.image} px: the visible face, or depth, of each pixel",
        "seconds": seconds,
        "fastest_other": fastest,
        "speed_as_fraction_of_fastest": fraction,
        "pixels_covered_alike": covered,
        "notes": notes,
    }


def _embree(vertices: np.ndarray, faces: np.ndarray, camera: Camera, size: int) -> Callable[[], np.ndarray]:
    """Intel's Embree: a ray through each pixel's centre, a scene built for each body."""
    if importlib.util.find_spec("embreex") is None:
        raise ImportError("pip install embreex")
    from embreex.mesh_construction import TriangleMesh
    from embreex.rtcore_scene import EmbreeScene

    centres = (np.arange(size) + 0.5 - camera.centre[0]) / camera.focal
    x, y = np.meshgrid(centres, centres)
    directions = np.stack([x, y, np.ones_like(x)], -1).reshape(-1, 3).astype(np.float32)
    origins = np.zeros_like(directions)
    positions, indices = vertices.astype(np.float32), faces.astype(np.int32)

    def draw() -> np.ndarray:
        seen = []
        for points in positions:
            scene = EmbreeScene()
            TriangleMesh(scene, points, indices)
            seen.append(scene.run(origins, directions) >= 0)
        return np.stack(seen).reshape(-1, size, size)

    return draw


def _pyrender(vertices: np.ndarray, faces: np.ndarray, camera: Camera, size: int) -> Callable[[], np.ndarray]:
    """OpenGL through pyrender, depth alone."""
    from rscnet.render.pyrender_backend import _offscreen

    renderer = _offscreen(os.getpid())
    import pyrender

    renderer.viewport_width = renderer.viewport_height = size
    positions = vertices.astype(np.float32) * np.array([1, -1, -1], np.float32)
    near, far = 0.9 * vertices[..., 2].min(), 1.1 * vertices[..., 2].max()
    lens = pyrender.IntrinsicsCamera(camera.focal, camera.focal, *camera.centre, znear=near, zfar=far)

    def draw() -> np.ndarray:
        seen = []
        for points in positions:
            scene = pyrender.Scene()
            scene.add(lens)
            scene.add(pyrender.Mesh([pyrender.Primitive(positions=points, indices=faces, mode=4)]))
            seen.append(renderer.render(scene, flags=pyrender.RenderFlags.DEPTH_ONLY) > 0)
        return np.stack(seen)

    return draw
