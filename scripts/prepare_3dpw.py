"""3DPW: raw download to annotation files in SPIN's format; `--help` says from where.

python scripts/prepare_3dpw.py <raw folder> --out <folder that paths.data names>
"""

from rscnet.data.prepare import pw3d
from rscnet.data.prepare.script import arguments_for, run


def main(words: list[str] | None = None) -> None:
    """The command line."""
    parser = arguments_for(pw3d.ORIGIN, "3dpw_<split>.npz")
    parser.add_argument("--split", choices=pw3d.SPLITS, nargs="+", default=["test"])
    run(parser, lambda given: pw3d.read(given.raw, tuple(given.split)), words)


if __name__ == "__main__":
    main()
