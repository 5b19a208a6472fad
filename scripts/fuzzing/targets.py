"""The readers under attack, each with whole files to start from, hostile ones among them."""

from __future__ import annotations

import json
import os
import pickle
import pickletools
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save
from scipy import sparse

from rscnet.body.pickles import read_pickle
from rscnet.data.annotations import ROWS, read_annotations
from rscnet.data.boxes import BoxFile
from rscnet.data.image_stores import ImagePack, ImageStore, PickledImages, write_pack
from rscnet.data.images import read_image
from rscnet.models.checkpoint import load_strict
from rscnet.trained import read as read_trained
from rscnet.video.tracks import read_tracks

from .mutation import mutate, mutate_json, mutate_zip

PEOPLE = 3
NAMES = [f"{i}.png" for i in range(PEOPLE)]
Mutator = Callable[..., bytes]


@dataclass(frozen=True)
class Target:
    """A reader: what it is given, how that is damaged, and what reading it means."""

    name: str
    suffix: str
    seeds: Callable[[], list[bytes]]
    read: Callable[[Path], object]
    mutators: Sequence[Mutator] = (mutate,)


class Hostile:
    """Pickles as the call of a function."""

    def __init__(self, *call: Any) -> None:
        self.call = call[0], call[1:]

    def __reduce__(self) -> Any:
        return self.call


CALLS = (
    Hostile(os.system, "true"), Hostile(subprocess.Popen, ["true"]), Hostile(eval, "1"), Hostile(getattr, "", "join"),
)  # fmt: skip


def _pickles(values: Sequence[Any]) -> list[bytes]:
    return [
        pickletools.optimize(pickle.dumps(value, protocol)) for value in (*values, *CALLS) for protocol in (0, 2, 5)
    ]


def _pictures() -> list[bytes]:
    pixels = np.random.default_rng(0).integers(0, 255, (8, 6, 3), np.uint8)
    found = []
    for kind in ("PNG", "JPEG", "WEBP", "BMP", "TIFF"):
        file = BytesIO()
        Image.fromarray(pixels).save(file, kind)
        found.append(file.getvalue())
    return found


def _annotations() -> list[bytes]:
    draw = np.random.default_rng(0)
    fields: dict[str, Any] = {name: draw.uniform(0.1, 1, (PEOPLE, *shape)) for name, shape in ROWS.items()}
    fields |= {"imgname": np.array(NAMES), "gender": np.array(["m", "f", "n"])}
    objects = {**fields, "shape": np.array([list(row) for row in fields["shape"]] + [None], object)[:PEOPLE]}
    short = {name: fields[name] for name in ("imgname", "center", "scale")}
    hostile = {**short, "gender": np.array([*CALLS[: PEOPLE - 1], "m"], object)}
    found = []
    for content, write in ((fields, np.savez_compressed), (short, np.savez), (objects, np.savez), (hostile, np.savez)):
        file = BytesIO()
        write(file, **content)
        found.append(file.getvalue())
    return found


def _packs() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        for cropped in (False, True):
            write_pack(Path(folder) / f"{cropped}", _pictures()[:PEOPLE], NAMES, cropped)
        return [path.read_bytes() for path in sorted(Path(folder).iterdir())]


def _picture_lists() -> list[bytes]:
    pictures = _pictures()[:PEOPLE]
    return _pickles([pictures, [np.frombuffer(picture, np.uint8) for picture in pictures]])


def _mot() -> list[bytes]:
    lines = [f"{frame},{person},{10 * person},20,30,{40 + frame},1,-1,-1,-1" for frame in (1, 2) for person in (1, 2)]
    return ["\n".join(lines).encode(), "\n".join(line.replace(",", " ") for line in lines).encode()]


def _coco() -> list[bytes]:
    images = [{"id": i, "file_name": name, "width": 640, "height": 480} for i, name in enumerate(NAMES)]
    boxes = [
        {
            "id": i, "image_id": i, "category_id": 1, "bbox": [5.0, 6.5, 30, 40], "track_id": 1, "iscrowd": 0,
            "keypoints": [10, 10, 2] * 17,
        }
        for i in range(PEOPLE)
    ]  # fmt: skip
    people = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "person"}]}
    return [json.dumps(people).encode(), json.dumps({**people, "categories": []}).encode()]


def _module() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))


def _state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return _module().state_dict()


def _checkpoints() -> list[bytes]:
    record = {"config": {"name": "x", "body": {}, "model": {}}, "version": "0.1.0", "step": 1}
    contents: list[Any] = [{"state_dict": _state(), "rscnet": record, "global_step": 1}, _state(), *CALLS[:2]]
    found = []
    for content in contents:
        for zipped in (True, False):
            file = BytesIO()
            torch.save(content, file, _use_new_zipfile_serialization=zipped)
            found.append(file.getvalue())
    return found


def _safetensors() -> list[bytes]:
    record = json.dumps({"config": {"name": "x", "body": {}, "model": {}}})
    return [save(_state(), {"rscnet": record}), save(_state())]


def _bodies() -> list[bytes]:
    grid = np.arange(12.0).reshape(3, 4)
    content = {"f": grid.astype(np.uint32), "weights": grid, "J_regressor": sparse.csc_matrix(grid), "kind": "x"}
    return _pickles([content, content | {"weights": np.array([1, "a"], object)}])


def _read_store(kind: Callable[[Path], ImageStore]) -> Callable[[Path], object]:
    def read(path: Path) -> None:
        store = kind(path)
        store.open(NAMES)
        for index, name in enumerate(NAMES):
            store.read(index, name)

    return read


def _read_weights(path: Path) -> None:
    state, _ = read_trained(path)
    load_strict(_module(), state, path)


TARGETS = {
    target.name: target
    for target in (
        Target("annotations", ".npz", _annotations, read_annotations, (mutate, mutate_zip)),
        Target("image pack", ".rscpack", _packs, _read_store(ImagePack)),
        Target("image pickle", ".pkl", _picture_lists, _read_store(PickledImages)),
        Target("picture", ".png", _pictures, read_image),
        Target("tracks MOT", ".txt", _mot, lambda path: read_tracks(path, 640, 480)),
        Target("tracks COCO", ".json", _coco, lambda path: read_tracks(path, 640, 480), (mutate, mutate_json)),
        Target("boxes", ".json", _coco, lambda path: BoxFile(path).of(Path(NAMES[1])), (mutate, mutate_json)),
        Target("checkpoint", ".ckpt", _checkpoints, _read_weights, (mutate, mutate_zip)),
        Target("safetensors", ".safetensors", _safetensors, _read_weights),
        Target("SMPL pickle", ".pkl", _bodies, lambda path: read_pickle(path, ["f", "weights", "J_regressor"])),
    )
}
