"""Contact sheet of the embedded body: rest pose, close-ups, shapes, and poses of the library from three sides."""

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from scipy.spatial.transform import Rotation

from rscnet.body import BodyModel
from rscnet.data.synthetic.poses import library
from rscnet.joints import SMPL_24
from rscnet.render.pictures import PAPER, Picture, grid
from rscnet.render.scene import Camera, Mesh
from rscnet.render.torch_renderer import TorchRenderer
from rscnet.structures import BodyParameters

SKIN = (0.86, 0.72, 0.62)
DEPTH = 12.0  # metres from camera to body
SIDES = (0, 90, 180)
CLOSE_UPS = {  # point in the rest pose, height of the picture in metres, turn and tilt in degrees
    "face": ((0, 0.43, 0.02), 0.34, 0, 0),
    "face, half profile": ((0, 0.43, 0.02), 0.34, 40, 5),
    "profile": ((0, 0.43, 0.02), 0.34, 90, 0),
    "hand": ((0.76, 0.22, -0.01), 0.34, 0, 65),
    "feet": ((0, -1.08, 0.03), 0.46, 30, 25),
    "feet, side": ((0, -1.08, 0.03), 0.46, 90, 0),
}
BETAS = (0, 1, 2, 3, 4, 6)


def contact_sheet() -> Image.Image:
    """The whole sheet."""
    body = BodyModel.embedded()
    pictures, labels = zip(*_tiles(body), strict=True)
    return Image.fromarray(grid(pictures, columns=12, labels=labels)).quantize(128)  # few colours: a small file


def _tiles(body: BodyModel) -> Iterator[tuple[Picture, str]]:
    rest, relaxed = np.zeros((24, 3)), np.zeros((24, 3))
    relaxed[SMPL_24.index("left_shoulder"), 2], relaxed[SMPL_24.index("right_shoulder"), 2] = -0.8, 0.8
    for turn, side in zip((0, 45, 90, 180), ("front", "half profile", "side", "back"), strict=True):
        yield _picture(body, relaxed, turn=turn), f"rest, {side}"
    yield _picture(body, rest, height=2.2), "rest"
    yield _picture(body, rest, height=2.2, turn=180), "rest, back"
    for name, (point, height, turn, tilt) in CLOSE_UPS.items():
        yield _picture(body, rest, turn=turn, tilt=tilt, height=height, point=point), name
    for index in BETAS:
        for value in (-2.0, 2.0):
            betas = np.zeros(10)
            betas[index] = value
            yield _picture(body, relaxed, betas, turn=25), f"beta {index} {value:+.0f}"
    names, poses = library()
    for name, pose in zip(names, poses, strict=True):
        for turn in SIDES:
            yield _picture(body, pose, turn=turn, height=2.3), name.split("/")[0] if turn == 0 else ""


def _picture(
    body: BodyModel,
    axis_angle: np.ndarray,
    betas: np.ndarray | None = None,
    turn: float = 0,
    tilt: float = 0,
    height: float = 2.0,
    point: tuple[float, float, float] | None = None,
    size: tuple[int, int] = (220, 170),
) -> Picture:
    """One posed body, turned about the vertical and tilted (degrees); `height` metres around `point` or its middle."""
    rotations = torch.from_numpy(Rotation.from_rotvec(axis_angle).as_matrix()).float()[None]
    shape = torch.zeros(1, 10) if betas is None else torch.from_numpy(betas).float()[None]
    with torch.no_grad():
        vertices = body(BodyParameters.from_rotations(rotations, shape)).vertices[0]
    centre = (vertices.amin(0) + vertices.amax(0)) / 2 if point is None else vertices.new_tensor(point)
    view = Rotation.from_euler("yx", [-turn, 180 + tilt], degrees=True).as_matrix()  # into the camera frame, y down
    seen = (vertices - centre) @ torch.from_numpy(view).float().T + vertices.new_tensor([0, 0, DEPTH])
    rows, columns = size
    camera = Camera(rows / height * DEPTH, (columns / 2, rows / 2))
    rgba = TorchRenderer()([Mesh(seen, body.faces, camera, SKIN)], rows, columns).astype(np.float32)
    paper = 255 * np.array(PAPER, np.float32)
    return (paper + rgba[..., 3:] / 255 * (rgba[..., :3] - paper)).round().astype(np.uint8)
