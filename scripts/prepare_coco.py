"""COCO's person keypoints: raw download to annotation files in SPIN's format; `--help` says from where.

python scripts/prepare_coco.py <raw folder> --out <folder that paths.data names>
"""

from rscnet.data.prepare import coco
from rscnet.data.prepare.script import arguments_for, run


def main(words: list[str] | None = None) -> None:
    """The command line."""
    parser = arguments_for(coco.ORIGIN, "coco_2014_train.npz, or the name of another split")
    parser.add_argument("--split", help="such as train2014; by default all that are there")
    parser.add_argument("--min-joints", type=int, default=12, help="of the 12 of arms and legs that are labelled")
    run(parser, lambda given: coco.read(given.raw, given.split, given.min_joints), words)


if __name__ == "__main__":
    main()
