"""Evaluation of texture networks: the table beside its baselines, and a picture grid."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from rich.table import Table
from torch import nn
from torch.nn.functional import interpolate

from rscnet import records
from rscnet.body.model import BodyModel
from rscnet.config.build import build
from rscnet.config.schema import RunConfig
from rscnet.console import say
from rscnet.data.plan import BatchKey
from rscnet.data.textured import TextureDataModule
from rscnet.errors import UserError
from rscnet.loggers.mirrors import evaluation_mirrors, log_results
from rscnet.losses.texture import RenderedPeople
from rscnet.metrics.texture_table import Method, TextureErrors, TextureTable
from rscnet.models.texglo import TexGlo, predict_maps
from rscnet.ranks import is_rank_zero
from rscnet.render.atlas import UVAtlas, unproject, visible_texture
from rscnet.render.light import FittedLight
from rscnet.render.pictures import Picture, grid
from rscnet.structures import TextureBatch
from rscnet.tasks.common import evaluation_folder, set_up_process
from rscnet.trained import TrainedTexture, load_texture, shipped_texture

GRID, HEIGHT = "textures.png", 192
BASELINES = ("mean_texture", "unprojection", "unlit_unprojection")
LOWER_IS_BETTER = ("lpips",)


def run(config: RunConfig) -> float | None:
    """`task=evaluate experiment=texglo`: measures `checkpoint` (default: the shipped texture network).

    Returns:
        See `records.main_figure`.

    Raises:
        UserError: no checkpoint, or one that does not fit.
    """
    set_up_process(config)
    name = config.checkpoint or shipped_texture()
    if name is None:
        raise UserError("checkpoint: no texture network ships here; expected checkpoint=<file | run folder>")
    trained = load_texture(name, config.paths.smpl)
    plain = config.plain()
    folder = evaluation_folder(config, f"checkpoint: {trained.path}", trained.path.stem)
    data: TextureDataModule = build(_data_node(trained, plain), "data")
    extra = {"checkpoint": str(trained.path)}
    with evaluation_mirrors(plain, folder) as opened:
        tables = write_textures(config, folder, trained.network, trained.body, data, extra)
        log_results(opened, tables, config.name)
    return records.main_figure(folder)


def write_textures(
    config: RunConfig, folder: Path, network: TexGlo, body: BodyModel, data: TextureDataModule, extra: dict[str, Any]
) -> dict[str, TextureTable]:
    """Measures a texture network and its rivals by size; writes `result.json` and the picture grid."""
    started = time.monotonic()
    split, plain = config.evaluation.split, config.plain()
    data.prepare(split, "train")
    data.trainer = None  # it would share the people out to the ranks, whose figures nobody joins
    atlas, sizes = UVAtlas(body, data.uv_size), data.resolution.eval_sizes
    errors = TextureErrors(atlas, _judges(plain), plain["model"].get("per_vertex", False))
    methods: dict[str, Method] = {config.name: lambda batch: predict_maps(network, atlas, batch)}
    for label, name in config.evaluation.rivals.items():
        if name is not None:
            methods[label] = _rival(name, atlas, data, config.paths.smpl)
    network.cpu().eval()
    tables: dict[str, TextureTable] = {}
    for label, method in methods.items():
        loader = data.test_dataloader() if split == "test" else data.val_dataloader()
        tables[label] = errors(method, loader, sizes)
    say(table(tables))
    count = min(config.evaluation.panel_samples, len(getattr(data, split)))
    if count and is_rank_zero():
        batch: Any = data.evaluation_views(split)[BatchKey(0, 0, tuple(range(count)), len(sizes))]
        Image.fromarray(texture_grid(methods[config.name], batch, atlas, sizes)).save(folder / GRID)
    result = {
        "by_size": records.keyed_by_text(tables[config.name]),
        "rivals": {label: records.keyed_by_text(rows) for label, rows in tables.items() if label != config.name},
        "samples": len(getattr(data, split)),
        "split": split,
        "evaluation_seconds": round(time.monotonic() - started, 1),
        **extra,
    }
    records.write_json(folder / records.RESULT, result)
    say(f"written to {folder}: {records.RESULT}" + (f", {GRID}" if count else ""))
    return tables


def require_judges(config: RunConfig) -> None:
    """Loads everything that a texture network is measured by and beside, so that a missing file is told before a run
    and not at its end.

    Raises:
        UserError: weights of a judge or a rival that are missing or damaged.
    """
    with torch.random.fork_rng(devices=[]):  # networks draw weights before they load theirs
        _judges(config.plain())
    for label, name in config.evaluation.rivals.items():
        if name is not None and name not in BASELINES:
            load_texture(name, config.paths.smpl, f"evaluation.rivals.{label}")


def _judges(plain: Mapping[str, Any]) -> dict[str, nn.Module]:
    nodes = plain["texglo"]["judges"].items()
    return {name: build(node, f"texglo.judges.{name}").eval() for name, node in nodes if node is not None}


def table(tables: Mapping[str, TextureTable]) -> Table:
    """Rows are figures and methods, columns sizes; the best of a column is bold."""
    sizes = list(next(iter(tables.values())))
    shown = Table(title="UV maps (PSNR in dB) and renderings by height of the person crop")
    for title in ("figure", "method", *(f"{size} px" for size in sizes)):
        shown.add_column(title, justify="left" if title in ("figure", "method") else "right")
    for figure in next(iter(tables.values()))[sizes[0]]:
        best = min if figure.startswith(LOWER_IS_BETTER) else max
        target = {size: best(rows[size][figure] for rows in tables.values()) for size in sizes}
        digits = 2 if figure.startswith("uv_") else 3
        for label, rows in tables.items():
            cells = [f"{rows[size][figure]:.{digits}f}" for size in sizes]
            bold = [rows[size][figure] == target[size] for size in sizes]
            shown.add_row(figure, label, *(f"[bold]{c}[/bold]" if b else c for c, b in zip(cells, bold, strict=True)))
        shown.add_section()
    return shown


@torch.no_grad()
def texture_grid(method: Method, batch: TextureBatch, atlas: UVAtlas, sizes: list[int]) -> Picture:
    """For each person at the largest size and the smallest: input, UV map, the same view and another rendered, beside
    both photos and the true UV map where it is known."""
    maps = method(batch).float().unflatten(0, (len(sizes), -1))
    cells: list[Picture] = []
    labels: list[str] = []
    for person in range(len(batch.identity)):
        for row in sorted({0, len(sizes) - 1}):
            people = RenderedPeople.of(maps[row], batch, atlas)
            same, novel = person, len(batch.identity) + person
            shown = {
                f"{sizes[row]} px": (batch.inputs[row, person] + 1) / 2,
                "UV map": maps[row, person],
                "same view": people.picture[same],
                "other view": people.picture[novel],
                "photo": people.photo[same],
                "other photo": people.photo[novel],
            }
            if batch.texture is not None:
                shown["true UV map"] = batch.texture[person]
            cells += [_enlarged(picture) for picture in shown.values()]
            labels += list(shown)
    return grid(cells, len(cells) // (len(batch.identity) * len({0, len(sizes) - 1})), labels)


def _rival(name: str, atlas: UVAtlas, data: TextureDataModule, smpl: str | None) -> Method:
    """A method to compare with: a baseline by name, or another texture network."""
    if name == "mean_texture":
        mean = data.mean_texture()
        return lambda batch: mean.expand(batch.sizes.numel(), -1, -1, -1)
    if name == "unprojection":
        return partial(_unprojected, atlas, None)
    if name == "unlit_unprojection":
        return partial(_unprojected, atlas, FittedLight())
    other = load_texture(name, smpl)
    return lambda batch: predict_maps(other.network, atlas, batch)


def _unprojected(atlas: UVAtlas, light: FittedLight | None, batch: TextureBatch) -> torch.Tensor:
    """The colours that the picture shows, with `light` divided out, the rest filled by symmetry."""
    sizes, people = batch.sizes.shape
    surface = batch.surface[torch.arange(people).repeat(sizes)]
    pictures = (batch.inputs.flatten(0, 1) + 1) / 2
    colours = unproject(pictures, surface) if light is None else light.removed(pictures, surface, atlas)
    return visible_texture(colours, surface, atlas)[:, :3]


def _data_node(trained: TrainedTexture, plain: Mapping[str, Any]) -> dict[str, Any]:
    """The configured people, cut and looked up as the network wants them."""
    network = trained.config["model"]["network"]
    sizes = {"height": network["height"], "width": network["width"], "uv_size": network["uv_size"]}
    node = {**plain["data"], "image_size": sizes["height"], "uv_size": sizes["uv_size"]}
    node["resolution"] = {**plain["resolution"], "ranges": trained.config["resolution"]["ranges"]}
    return node | {split: {**plain["data"][split], **sizes} for split in ("train", "val", "test")}


def _enlarged(picture: torch.Tensor) -> Picture:
    scale = HEIGHT / picture.shape[1]
    larger = interpolate(picture[None].clamp(0, 1), scale_factor=scale, mode="nearest")[0]
    return (larger * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
