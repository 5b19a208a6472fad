"""How well predicted joints lie on real photographs, by resolution: mean error and PCK against COCO keypoints.

Each annotated person is cut out, brought down to every size as a distant camera would have seen them, and predicted
from that alone; distances are in percent of the longer side of the person's box.

    python scripts/real_check.py <annotations.json> <folder of photographs> [checkpoint ...] [--output <folder>]

Pictures show the bodies on the photographs, and alone for photographs that `--plain` names, such as those whose licence
forbids passing on what is made of them.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from rich.table import Table

from rscnet import records
from rscnet.console import say
from rscnet.data.boxes import BoxFile, PersonBox
from rscnet.data.degradations import resize
from rscnet.data.images import Picture, crop_square, list_images, read_image
from rscnet.errors import UserError
from rscnet.failures import guarded
from rscnet.joints import COCO_17, TRAINING_49, index_map
from rscnet.metrics.functional import mpjpe, pck
from rscnet.models.mean_body import MeanBodyNetwork
from rscnet.predictor import Predictor
from rscnet.render.pictures import grid, overlay
from rscnet.trained import load_trained

MEAN_POSE = "mean_pose"
COCO_FROM_TRAINING = index_map(COCO_17, TRAINING_49)
CELL = 192
PLAIN = 243  # grey value of the ground under bodies that are shown without their photograph


@dataclass(frozen=True)
class Person:
    """A square crop of a photograph and where the labelled joints lie in it, in shares of its side."""

    name: str
    crop: Picture
    keypoints: Float[np.ndarray, "17 2"]
    labelled: np.ndarray
    box_share: float  # longer side of the box over the side of the crop
    plain: bool = False  # pictures of results leave the photograph out

    @property
    def side(self) -> int:
        return self.crop.shape[0]


def find_people(
    annotations: str, folder: str, predictor: Predictor, least: int, plain: Sequence[str] = ()
) -> list[Person]:
    """People with at least `least` labelled joints on the photographs of a folder; `plain` names files that pictures of
    results may not show.

    Raises:
        UserError: nobody is there, `least` is below 1, or `plain` names a file that is not there.
    """
    if least < 1:
        raise UserError(f"--least: expected 1 or more labelled joints, got {least}")
    boxes, people, paths = BoxFile(annotations), [], list_images(folder)
    if missing := set(plain) - {path.name for path in paths}:
        raise UserError(f"--plain: {', '.join(sorted(missing))}: no such photograph in {folder}")
    for path in paths:
        entry = boxes.of(path)
        if entry is None:
            continue
        picture = read_image(path)
        entry.check(picture.shape[1], picture.shape[0])
        alone = path.name in plain
        people += [cut_out(path, picture, one, predictor, alone) for one in entry.people if labelled(one) >= least]
    if not people:
        raise UserError(f"{annotations}: no person with {least} labelled keypoints on a picture of {folder}")
    return people


def labelled(person: PersonBox) -> int:
    """Number of joints that are labelled, visible or not."""
    return 0 if person.keypoints is None else int((person.keypoints[:, 2] > 0).sum())


def cut_out(path: Path, picture: Picture, person: PersonBox, predictor: Predictor, plain: bool) -> Person:
    """The person's square crop, as `task=predict` cuts it."""
    assert person.keypoints is not None
    left, top, side = predictor.crop(person.box)
    keypoints = (person.keypoints[:, :2] + 0.5 - np.array([left, top])) / side
    return Person(
        f"{path.stem}/{person.annotation_id}",
        crop_square(picture, left, top, side),
        keypoints.astype(np.float32),
        person.keypoints[:, 2] > 0,
        max(person.box[2:]) / side,
        plain,
    )


def evaluate(
    predictor: Predictor, people: Sequence[Person], sizes: Sequence[int], threshold: float
) -> tuple[dict[int, dict[str, float]], list[Picture], list[str]]:
    """Mean error and PCK by size, in percent, and a picture of each person at each size."""
    table, cells, labels = {}, {}, {}
    for size in sizes:
        errors, hits = [], []
        for person in people:
            small = resize(person.crop, min(size, person.side))
            [[found]] = predictor.predict([small])
            predicted = torch.from_numpy(found.keypoints_2d[COCO_FROM_TRAINING] / small.shape[0])
            truth = torch.from_numpy(person.keypoints)
            seen = torch.from_numpy(person.labelled)
            error = float(mpjpe(predicted[None, seen], truth[None, seen])) / person.box_share
            errors.append(error)
            hits.append(float(pck(predicted[None], truth[None], threshold * person.box_share, seen[None])))
            ground = np.full((CELL, CELL, 3), PLAIN, np.uint8) if person.plain else resize(small, CELL)
            mesh = found.mesh(predictor.faces, crop=(0, 0, CELL))
            cells[person.name, size] = overlay(ground, [mesh], opacity=1.0 if person.plain else 0.75)
            labels[person.name, size] = f"{small.shape[0]} px: {100 * error:.1f} %"
        table[size] = {"error": 100 * float(np.mean(errors)), "pck": 100 * float(np.mean(hits))}
    order = [(person.name, size) for person in people for size in sizes]
    return table, [cells[key] for key in order], [labels[key] for key in order]


def mean_pose(predictor: Predictor) -> Predictor:
    """Answers the mean body to every crop."""
    trained = predictor.trained
    mean = dataclasses.replace(trained, network=MeanBodyNetwork(trained.body))
    return Predictor(mean, box_scale=predictor.box_scale, mirror=False, focus=False, reframe=False)


def labelled_checkpoints(names: Sequence[str]) -> dict[str, str]:
    """Checkpoints by what table, pictures and JSON call them: the file's or folder's name, with as many folders above
    it as tell them all apart. One that is named twice is there once."""
    files = {Path(os.path.abspath(name)) if Path(name).exists() else Path(name): name for name in names}
    found: dict[str, str] = {}
    for depth in range(max(len(path.parts) for path in files) + 1):
        parts = [path.relative_to(path.anchor).parts[-depth:] if depth else (path.stem,) for path in files]
        found = dict(zip(map("/".join, parts), files.values(), strict=True))
        if len(found) == len(files) and MEAN_POSE not in found:
            break
    return found


def show(tables: dict[str, dict[int, dict[str, float]]], sizes: Sequence[int], threshold: float, count: int) -> Table:
    """Error and PCK of all methods, sizes as columns."""
    table = Table(title=f"{count} people on photographs: error in % of the box | PCK@{threshold:g}, %")
    for column in ("method", *(f"{size} px" for size in sizes)):
        table.add_column(column, justify="left" if column == "method" else "right")
    for name, rows in tables.items():
        table.add_row(name, *(f"{rows[size]['error']:.1f} | {rows[size]['pck']:.0f}" for size in sizes))
    return table


@guarded
def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("annotations", help="keypoints in COCO's format")
    parser.add_argument("photographs", help="folder or picture")
    parser.add_argument("checkpoints", nargs="*", default=["rsc_small", "hr_small"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[224, 96, 52, 32, 24])
    parser.add_argument("--smpl", help="folder of the licensed body files, for networks trained with them")
    parser.add_argument("--threshold", type=float, default=0.1, help="of PCK, as a share of the box's longer side")
    parser.add_argument("--least", type=int, default=6, help="labelled joints that a person must have")
    parser.add_argument("--plain", nargs="+", default=[], help="photographs that pictures leave out, by file name")
    parser.add_argument("--no-mirror", dest="mirror", action="store_false", help="do not see crops in a mirror too")
    parser.add_argument("--no-focus", dest="focus", action="store_false", help="do not see crops again, blurred around")
    parser.add_argument("--no-reframe", dest="reframe", action="store_false", help="see crops in one frame only")
    parser.add_argument("--output", type=Path, default=Path("outputs/real_check"))
    arguments = parser.parse_args()
    if min(arguments.sizes) < 1:
        raise UserError(f"--sizes: expected 1 or more pixels each, got {min(arguments.sizes)}")
    looks = {"mirror": arguments.mirror, "focus": arguments.focus, "reframe": arguments.reframe}
    predictors = {
        label: Predictor(load_trained(name, arguments.smpl), **looks)
        for label, name in labelled_checkpoints(arguments.checkpoints).items()
    }
    first = next(iter(predictors.values()))
    people = find_people(arguments.annotations, arguments.photographs, first, arguments.least, arguments.plain)
    predictors[MEAN_POSE] = mean_pose(first)
    tables = {}
    for name, predictor in predictors.items():
        tables[name], cells, labels = evaluate(predictor, people, arguments.sizes, arguments.threshold)
        picture = arguments.output / f"{name}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(grid(cells, len(arguments.sizes), labels)).save(picture)
    say(show(tables, arguments.sizes, arguments.threshold, len(people)))
    records.write_json(
        arguments.output / "real_check.json",
        {
            "people": [person.name for person in people],
            "threshold": arguments.threshold,
            **looks,
            "methods": tables,
        },
    )
    say(f"written: {arguments.output}")


if __name__ == "__main__":
    main()
