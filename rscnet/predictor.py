"""Bodies from pictures: the public interface of trained networks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import Self

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from rscnet.body.model import BodyModel
from rscnet.data.boxes import LARGEST_SCALE, Box, box_problem
from rscnet.data.degradations import resize
from rscnet.data.images import crop_square, read_image
from rscnet.data.views import normalise
from rscnet.errors import UserError
from rscnet.geometry.cameras import to_pixels
from rscnet.looks import Looks
from rscnet.losses.posed import pose_bodies
from rscnet.models.folded import folded
from rscnet.models.onnx import onnx_network
from rscnet.models.rscnet import RSCNet
from rscnet.person import PersonPrediction
from rscnet.resolution import ResolutionSet
from rscnet.structures import Prediction
from rscnet.trained import Trained, load_trained

Picture = UInt8[np.ndarray, "h w 3"]
Photo = tuple[str | Path | Picture, Sequence[Sequence[float]] | None]


@dataclass(frozen=True)
class Estimates:
    """What the network says of the people of one picture, in the order of their boxes, not posed.

    `crops` are [left, top, side] in pixels of the picture; cameras belong to them.
    """

    prediction: Prediction
    crops: Int[Tensor, "n 3"]


@dataclass(frozen=True)
class _View:
    """A person as the network sees them."""

    image: UInt8[np.ndarray, "s s 3"]
    box: Box
    crop: tuple[int, int, int]


class Predictor:
    """A trained network and its body, ready for pictures of any size.

    Args:
        trained: network, body and the configuration that they were trained with.
        device: of torch, or auto for a GPU where there is one.
        box_scale: side of the square crop over the longer side of a person's box.
        bilinear: crops are brought to the network's size bilinearly, as the released demo does (spec section 10, Q4).
        mirror, focus, reframe: look at each crop in a mirror too, again with its background out of focus, and each time
            in several frames, see `Looks`; False is the paper's. They double, double and quintuple the network's work.

    Raises:
        UserError: a device that does not exist here, or a scale that makes no crop.
    """

    def __init__(
        self,
        trained: Trained,
        device: str = "auto",
        box_scale: float = 1.2,
        bilinear: bool = False,
        mirror: bool = True,
        focus: bool = True,
        reframe: bool = True,
    ) -> None:
        if not (isinstance(box_scale, Real) and 0 < box_scale <= LARGEST_SCALE):
            raise UserError(f"box_scale: expected a number above 0 and up to {LARGEST_SCALE:g}, got {box_scale!r}")
        self.trained, self.box_scale, self.bilinear, self.device = trained, box_scale, bilinear, _device(device)
        self.mirror, self.focus, self.reframe = mirror, focus, reframe
        self.resolution = ResolutionSet(trained.ranges, [trained.image_size])
        network = trained.network.to(self.device).eval()
        network = folded(network) if isinstance(network, RSCNet) else network
        self._body = trained.body.to(self.device)
        self._looks = Looks(network, self._body, mirror, focus, reframe)

    @classmethod
    def from_checkpoint(
        cls,
        checkpoint: str | Path,
        device: str = "auto",
        box_scale: float = 1.2,
        smpl: str | None = None,
        bilinear: bool = False,
        onnx: str | Path | None = None,
        mirror: bool = True,
        focus: bool = True,
        reframe: bool = True,
    ) -> Self:
        """The predictor of a weights file, of a run folder (its last weights), or of shipped weights by name; `smpl` is
        the folder of the licensed body files, for networks trained with them. With `onnx`, a folder for the networks'
        ONNX files, onnxruntime runs the network, on the CPU.

        Raises:
            UserError: nothing of that name, a damaged file, another kind of model, no such device, or a GPU together
                with `onnx`.
        """
        trained = load_trained(str(checkpoint), smpl)
        if onnx is None:
            return cls(trained, device, box_scale, bilinear, mirror, focus, reframe)
        if _device(device).type != "cpu":
            raise UserError("prediction.runtime: onnx runs on the CPU; add trainer.accelerator=cpu or take torch")
        node = trained.config["model"]["network"]
        network = onnx_network(trained.network, trained.image_size, len(trained.ranges), Path(onnx), node)
        trained = replace(trained, network=network)  # type: ignore[arg-type]
        return cls(trained, "cpu", box_scale, bilinear, mirror, focus, reframe)

    @property
    def faces(self) -> Int[Tensor, "f 3"]:
        """Triangles of the body, for `PersonPrediction.mesh`."""
        return self._body.faces

    @property
    def body(self) -> BodyModel:
        """The body that predictions are posed with, on the predictor's device."""
        return self._body

    def predict(
        self,
        images: Sequence[str | Path | Picture],
        boxes: Sequence[Sequence[Sequence[float]] | None] | None = None,
        batch_size: int = 32,
    ) -> list[list[PersonPrediction]]:
        """The people of each picture, in the order of its boxes.

        Args:
            images: files, or RGB bytes "h w 3".
            boxes: for each picture a list of [left, top, width, height] in pixels; None (also for a single picture)
                where one person fills the picture.
            batch_size: people that go through the network at once, whatever picture they are from.

        Raises:
            UserError: a picture that cannot be read, or a box that does not fit its picture.
        """
        if isinstance(images, str | Path) or (isinstance(images, np.ndarray) and images.ndim < 4):
            raise UserError("predict: `images` is one picture; expected a list of pictures")
        if boxes is not None and len(boxes) != len(images):
            raise UserError(f"predict: {len(images)} pictures but boxes for {len(boxes)}; expected one list for each")
        boxes = [None] * len(images) if boxes is None else boxes
        return list(self.predict_each(zip(images, boxes, strict=True), batch_size))

    def predict_each(self, photos: Iterable[Photo], batch_size: int = 32) -> Iterator[list[PersonPrediction]]:
        """As `predict` for any number of (picture, boxes), one after the other; only small crops are kept in memory."""
        for waiting in self._waiting(photos, batch_size):
            yield from self._people(waiting, batch_size)

    def estimate_each(self, photos: Iterable[Photo], batch_size: int = 32) -> Iterator[Estimates]:
        """As `predict_each`, but only what the network says: no body is posed, and hardly anything kept in memory."""
        for waiting in self._waiting(photos, batch_size):
            views = [view for picture in waiting for view in picture]
            parts = [views[start : start + batch_size] for start in range(0, len(views), batch_size)] or [[]]
            said = Prediction.concatenate([self._network_says(part).to("cpu") for part in parts])
            first = 0
            for picture in waiting:
                crops = torch.tensor([view.crop for view in picture]).reshape(-1, 3)
                yield Estimates(said[first : first + len(picture)], crops)
                first += len(picture)

    def crop(self, box: Sequence[float]) -> tuple[int, int, int]:
        """Left, top and side in whole pixels of the square that the network sees of a box: same centre, enlarged."""
        left, top, width, height = (float(value) for value in box)
        return _square(left, top, width, height, self.box_scale)

    def _waiting(self, photos: Iterable[Photo], batch_size: int) -> Iterator[list[list[_View]]]:
        """The people of as many pictures as fill a batch."""
        if batch_size < 1:
            raise UserError(f"batch_size: expected at least 1, got {batch_size}")
        waiting: list[list[_View]] = []
        for number, (image, boxes) in enumerate(photos):
            waiting.append(self._views(image, boxes, number))
            if sum(len(views) for views in waiting) >= batch_size:
                yield waiting
                waiting = []
        if waiting:
            yield waiting

    def _views(self, image: str | Path | Picture, boxes: Sequence[Sequence[float]] | None, number: int) -> list[_View]:
        if not isinstance(image, str | Path | np.ndarray):
            raise UserError(
                f"picture {number}: expected a file name or RGB bytes as a numpy array (uint8, h w 3), got a "
                f"{type(image).__name__}; np.asarray(picture) makes one of most"
            )
        name = f"picture {number}" if isinstance(image, np.ndarray) else str(image)
        pixels = image if isinstance(image, np.ndarray) else read_image(image)
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise UserError(f"{name}: expected RGB bytes (uint8, h w 3), got {pixels.dtype} {list(pixels.shape)}")
        height, width = pixels.shape[:2]
        if boxes is None:
            return [self._view(pixels, (0.0, 0.0, width, height), _square(0, 0, width, height, 1.0))]
        views = []
        for i, box in enumerate(boxes):
            problem = box_problem(box, width, height)
            if problem:
                raise UserError(f"{name}: boxes[{i}]: {problem}")
            left, top, wide, high = (float(value) for value in box)
            views.append(self._view(pixels, (left, top, wide, high), self.crop(box)))
        return views

    def _view(self, pixels: Picture, box: Box, crop: tuple[int, int, int]) -> _View:
        return _View(resize(crop_square(pixels, *crop), self.trained.image_size, self.bilinear), box, crop)

    def _people(self, waiting: Sequence[Sequence[_View]], batch_size: int) -> Iterator[list[PersonPrediction]]:
        """The people of each picture, batched over pictures."""
        views = [view for picture in waiting for view in picture]
        parts = (views[start : start + batch_size] for start in range(0, len(views), batch_size))
        people = (person for part in parts for person in self._forward(part))
        for picture in waiting:
            yield [next(people) for _ in picture]

    def _network_says(self, views: Sequence[_View]) -> Prediction:
        size = self.trained.image_size
        pictures = np.stack([view.image for view in views]) if views else np.zeros((0, size, size, 3), np.uint8)
        scale_index = [self.resolution.scale_index(view.crop[2]) for view in views]
        scales = torch.tensor(scale_index, dtype=torch.int64, device=self.device)
        return self._looks(normalise(pictures).to(self.device), scales)

    @torch.no_grad()
    def _forward(self, views: Sequence[_View]) -> list[PersonPrediction]:
        sides = [view.crop[2] for view in views]
        scale_index = [self.resolution.scale_index(side) for side in sides]
        prediction = self._network_says(views)
        posed = pose_bodies(self._body, prediction.parameters).to("cpu")
        parameters, translation, vertices = posed.parameters, posed.translation, posed.vertices
        assert vertices is not None and parameters.camera is not None
        people = []
        for i, view in enumerate(views):
            corner = torch.tensor(view.crop[:2], dtype=torch.float64)
            people.append(
                PersonPrediction(
                    global_orient=parameters.global_orient[i, 0].numpy(),
                    body_pose=parameters.body_pose[i].numpy(),
                    betas=parameters.betas[i].numpy(),
                    camera=parameters.camera[i].numpy(),
                    translation=translation[i].numpy(),
                    vertices=(vertices[i] + translation[i]).numpy(),
                    joints=(posed.joints[i] + translation[i]).numpy(),
                    keypoints_2d=(to_pixels(posed.keypoints_2d[i].double(), sides[i]) + corner).float().numpy(),
                    box=np.asarray(view.box),
                    crop=np.asarray(view.crop),
                    size=sides[i],
                    scale_index=scale_index[i],
                )
            )
        return people


def _square(left: float, top: float, width: float, height: float, scale: float) -> tuple[int, int, int]:
    """The square in whole pixels about the centre of a rectangle, `scale` times its longer side."""
    side = max(1, round(scale * max(width, height)))
    return round(left + (width - side) / 2), round(top + (height - side) / 2), side


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError):
        raise UserError(f"device: '{name}' is not available here; expected auto, cpu or cuda") from None
