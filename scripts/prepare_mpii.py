"""MPII Human Pose: raw download to annotation files in SPIN's format; `--help` says from where.

python scripts/prepare_mpii.py <raw folder> --out <folder that paths.data names>
"""

from rscnet.data.prepare import mpii
from rscnet.data.prepare.script import arguments_for, run


def main(words: list[str] | None = None) -> None:
    """The command line."""
    parser = arguments_for(mpii.ORIGIN, "mpii_train.npz")
    parser.add_argument("--min-joints", type=int, default=16, help="of the 16 that are labelled")
    run(parser, lambda given: mpii.read(given.raw, given.min_joints), words)


if __name__ == "__main__":
    main()
