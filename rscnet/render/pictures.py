"""Pictures for people: a body on its photo, from the side, turning round, and sheets of many pictures.

All pictures are numpy uint8 arrays "h w 3".
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from rscnet.render.scene import RGB, Mesh, Renderer
from rscnet.render.torch_renderer import TorchRenderer

Picture = UInt8[np.ndarray, "h w 3"]
PAPER: RGB = (0.96, 0.965, 0.97)


def overlay(image: Picture, meshes: Sequence[Mesh], renderer: Renderer | None = None, opacity: float = 1.0) -> Picture:
    """Bodies drawn on the photo that they were predicted from, at the photo's own resolution.

    Args:
        image: the photo or the person crop.
        meshes: each with a camera that maps to pixels of ``image``, see `rscnet.render.scene.Camera.of_crop`.
        renderer: backend; torch by default.
        opacity: 1 hides the photo behind the body.
    """
    rgba = (renderer or TorchRenderer())(meshes, *image.shape[:2])
    return _blend(image, rgba, opacity)


def side_view(
    mesh: Mesh, size: int, renderer: Renderer | None = None, degrees: float = 90, paper: RGB = PAPER
) -> Picture:
    """The body turned by ``degrees`` about the vertical, seen by its own camera: same scale as in its crop.

    ``size`` is the side of the square picture in pixels and must be that of the mesh's camera.
    """
    return _on_paper(mesh.rotated(degrees), size, size, renderer or TorchRenderer(), paper)


def turntable(
    mesh: Mesh, count: int, height: int, width: int, renderer: Renderer | None = None, paper: RGB = PAPER
) -> list[Picture]:
    """The body from ``count`` sides, a full turn from its present view, framed to fill each picture."""
    framed, renderer = mesh.framed(height, width), renderer or TorchRenderer()
    return [_on_paper(framed.rotated(360 * step / count), height, width, renderer, paper) for step in range(count)]


def grid(images: Sequence[Picture], columns: int, labels: Sequence[str] | None = None, gap: int = 4) -> Picture:
    """Contact sheet, row by row; smaller pictures are centred in cells of the largest size.

    Args:
        images: pictures of any sizes.
        columns: pictures per row.
        labels: one line under each picture ("" for none); too long lines are cut.
        gap: pixels between cells.

    Raises:
        ValueError: for no images or a wrong number of labels.
    """
    if not images or (labels is not None and len(labels) != len(images)):
        raise ValueError(f"a grid needs pictures and one label for each, not {len(images)} and {labels}")
    height, width = max(image.shape[0] for image in images), max(image.shape[1] for image in images)
    text_size = max(10, min(16, width // 12))
    font = ImageFont.load_default(size=text_size)
    caption = 0 if labels is None else text_size * 3 // 2
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * (width + gap) + gap, rows * (height + caption + gap) + gap), _as_bytes(PAPER))
    draw = ImageDraw.Draw(sheet)
    for number, image in enumerate(images):
        x = gap + number % columns * (width + gap)
        y = gap + number // columns * (height + caption + gap)
        sheet.paste(Image.fromarray(image), (x + (width - image.shape[1]) // 2, y + (height - image.shape[0]) // 2))
        if labels:
            text = labels[number]
            while text and draw.textlength(text, font) > width:
                text = text[:-1]
            draw.text((x + width / 2, y + height + caption / 2), text, (40, 44, 52), font, anchor="mm")
    return np.asarray(sheet)


def _on_paper(mesh: Mesh, height: int, width: int, renderer: Renderer, paper: RGB) -> Picture:
    sheet = np.full((height, width, 3), _as_bytes(paper), np.uint8)
    return _blend(sheet, renderer([mesh], height, width), 1.0)


def _blend(image: Picture, rgba: UInt8[np.ndarray, "h w 4"], opacity: float) -> Picture:
    alpha = rgba[..., 3:] * np.float32(opacity / 255)
    return (image + alpha * (rgba[..., :3] - image.astype(np.float32))).round().astype(np.uint8)


def _as_bytes(colour: RGB) -> tuple[int, int, int]:
    red, green, blue = (round(255 * value) for value in colour)
    return red, green, blue
