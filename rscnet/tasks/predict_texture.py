"""Textured bodies of `task=predict`: the UV map, mesh files that carry it, and a turntable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image

from rscnet.config.schema import RunConfig
from rscnet.data.boxes import PersonBox
from rscnet.errors import UserError
from rscnet.files import write_atomically
from rscnet.person import PersonPrediction
from rscnet.predictor import Predictor
from rscnet.render.export import write_glb, write_obj
from rscnet.render.pictures import Picture, grid, turntable
from rscnet.render.scene import Mesh, Renderer, TextureMap
from rscnet.texturing import PersonCrop, Texturer
from rscnet.trained import load_texture, shipped_texture

AUTO = "auto"
TEXTURE, TURNTABLE, OBJ, MTL, GLB = "texture.png", "turntable.png", "mesh.obj", "mesh.mtl", "mesh.glb"
FUSED = "fused"  # folder of the person whom all pictures show


def texturer_for(config: RunConfig, predictor: Predictor) -> Texturer | None:
    """The texture network that `texture` names; `auto` is the shipped one where it fits the predicted body, else none.

    Raises:
        UserError: a named network that does not exist or is for another body.
    """
    if config.texture in (None, "none"):
        return None
    name = shipped_texture() if config.texture == AUTO else str(config.texture)
    if name is None:
        return None
    texturer = Texturer(load_texture(name, config.paths.smpl, "texture"), predictor.device)
    if texturer.fits(predictor.trained.body):
        return texturer
    if config.texture == AUTO:
        return None
    raise UserError(
        f"texture: {name} was trained for another body than {config.checkpoint} predicts; expected a texture network "
        "of the same body, or texture=none"
    )


def write_textured(folder: Path, mesh: Mesh, texture: TextureMap, renderer: Renderer, views: int) -> list[str]:
    """The files of a textured body, a turntable strip of `views` pictures among them; returns their names."""
    # maps lie on the CPU
    textured = replace(mesh, texture=texture, vertices=mesh.vertices.cpu(), faces=mesh.faces.cpu())
    write_png(folder / TEXTURE, texture.as_bytes())
    write_obj(folder / OBJ, textured, picture=TEXTURE)
    write_glb(folder / GLB, textured)
    if not views:
        return [TEXTURE, OBJ, MTL, GLB]
    write_png(folder / TURNTABLE, grid(turntable(textured, views, 256, 144, renderer), views))
    return [TEXTURE, OBJ, MTL, GLB, TURNTABLE]


@dataclass
class Texturing:
    """Whether and how the bodies of one prediction run are textured.

    Attributes:
        texturer: None writes nothing.
        views: pictures in a turntable strip.
        one_person: all pictures show one person, whose crops are kept and fused.
    """

    texturer: Texturer | None
    views: int
    one_person: bool
    crops: list[PersonCrop] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.one_person and self.texturer is None:
            raise UserError("prediction.one_person: fuses textures, but no texture network is used or fits this body")

    def check(self, people: Sequence[PersonBox], picture: Path) -> None:
        """Raises:
        UserError: several people in a picture of what should be one person.
        """
        if self.one_person and len(people) > 1:
            raise UserError(
                f"{picture}: {len(people)} boxes, but prediction.one_person takes all pictures for one person; "
                "expected one box in each"
            )

    def write(
        self, folder: Path, picture: Picture, person: PersonPrediction, mesh: Mesh, renderer: Renderer
    ) -> list[str]:
        """The textured files of one person in one picture; returns their names, none without a texture network."""
        if self.texturer is None:
            return []
        crop = PersonCrop.of(picture, person)
        if self.one_person:
            self.crops.append(crop)
        return write_textured(folder, mesh, self.texturer.texture([crop]), renderer, self.views)

    def write_fused(self, output: Path, renderer: Renderer) -> list[str]:
        """The one person of all crops, the fused UV map on the body of the largest; paths below `output`."""
        if self.texturer is None or not self.crops:
            return []
        mesh = self.texturer.mesh(max(self.crops, key=lambda crop: len(crop.image)))
        names = write_textured(output / FUSED, mesh, self.texturer.texture(self.crops), renderer, self.views)
        return [str(Path(FUSED) / name) for name in names]


def write_png(path: Path, picture: Picture) -> None:
    """A picture as PNG, whole or not at all."""
    write_atomically(path, lambda file: Image.fromarray(picture).save(file, format="PNG"))
