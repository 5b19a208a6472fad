"""Part `prediction`: one picture in memory to one posed body, weights loaded."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from rscnet.data.degradations import resize
from rscnet.data.images import read_image
from rscnet.models.onnx import onnx_network
from rscnet.predictor import Predictor
from rscnet.trained import Trained

from .loading import PHOTO
from .people import configuration, module_of
from .rivals.loading import MEAN, STD
from .rivals.losses import Output, pose_body, translation_of
from .rivals.network import Network
from .rows import Row, require, row_of
from .sizes import Sizes
from .step import same_network
from .timing import interleaved

SMALL = 96
CORNER = (10, 182, 416)
"""Top, left and side of the person in the example photograph."""


class Rival:
    """The original's demonstration: Pillow, torch as it comes, smplx."""

    def __init__(self, network: Network, trained: Trained) -> None:
        self.network, self.body = network.eval(), trained.body
        self.size, self.lower = trained.image_size, [low for low, _ in trained.ranges]

    @torch.no_grad()
    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """Vertices before the camera."""
        size = picture.shape[0]
        scale = next((i for i, low in enumerate(self.lower) if size >= low), len(self.lower) - 1)
        image = np.array(Image.fromarray(picture).resize((self.size, self.size), Image.Resampling.BICUBIC))
        values = (image.astype(np.float32) / 255.0 - MEAN) / STD
        views = torch.from_numpy(np.transpose(values, (2, 0, 1)).astype(np.float32))[None]
        maps = self.network.encoder(views, scale)
        rotations, betas, camera = self.network.regressor(maps.mean((2, 3)))
        vertices, _ = pose_body(self.body, Output(rotations, betas, camera))
        return (vertices + translation_of(camera)[:, None])[0].numpy()


def measure(sizes: Sizes) -> Row:
    """Ours through torch, the default, and through onnxruntime, as `prediction.runtime=onnx` runs it."""
    plain = configuration(sizes)
    module = module_of(plain).eval()
    network = module.network
    trained = Trained(network, module.body, plain, Path("benchmark"))
    rival = Rival(same_network(network, sizes.views), trained)
    with tempfile.TemporaryDirectory() as folder:
        exported: Any = onnx_network(network, sizes.image, sizes.views, Path(folder))
    runtimes = {
        "torch": Predictor(trained, "cpu", mirror=False, focus=False, reframe=False),
        "onnx": Predictor(
            Trained(exported, module.body, plain, Path("benchmark")), "cpu", mirror=False, focus=False, reframe=False
        ),
    }
    top, left, side = CORNER
    person = read_image(PHOTO)[top : top + side, left : left + side]
    sharp, small = resize(person, sizes.image), resize(person, min(SMALL, sizes.image))
    difference = max(_distance(predictor, rival, sharp) for predictor in runtimes.values())
    require(difference, 1.0, "prediction")
    sides: dict[str, Callable[[], Any]] = {"rival": lambda: rival(small)}
    for name, predictor in runtimes.items():
        sides[name] = partial(predictor.predict, [small])
    timings = interleaved(sides, sizes.rounds, sizes.least)
    fastest = min(runtimes, key=lambda name: timings[name].best)
    title = f"single-image prediction, ResNet-50, {sizes.image} px, load excluded"
    pair = {"rival": timings["rival"], "ours": timings[fastest]}
    row = row_of(title, 1.5, pair, difference, "vertices of a full-size picture, greatest distance in mm")
    for name in runtimes:
        row.figures |= {f"seconds_{name}": timings[name].best, f"ratio_{name}": row.rival.best / timings[name].best}
    row.notes = [f"Ours is `prediction.runtime={fastest}`; both runtimes stand beside it, `torch` is the default."]
    return row


def _distance(predictor: Predictor, rival: Rival, picture: np.ndarray) -> float:
    """Greatest distance of corresponding vertices in millimetres, each body about its own centre."""
    found, expected = predictor.predict([picture])[0][0].vertices, rival(picture)
    moved = (found - found.mean(0)) - (expected - expected.mean(0))
    return 1000 * float(np.linalg.norm(moved, axis=-1).max())
