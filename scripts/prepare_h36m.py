"""Human3.6M: raw download to annotation files in SPIN's format; `--help` says from where.

python scripts/prepare_h36m.py <raw folder> --out <folder that paths.data names>
"""

from rscnet.data.prepare import h36m
from rscnet.data.prepare.script import arguments_for, run


def main(words: list[str] | None = None) -> None:
    """The command line."""
    parser = arguments_for(h36m.ORIGIN, "h36m_train_protocol1.npz; h36m_valid_protocol1.npz and _protocol2.npz")
    parser.add_argument("--split", choices=tuple(h36m.SUBJECTS), default="train")
    parser.add_argument("--every", type=int, default=5, help="keeps one frame in so many")
    parser.add_argument("--extract", action="store_true", help="takes the kept frames out of the videos")
    run(parser, lambda given: h36m.read(given.raw, given.split, given.every, given.extract), words)


if __name__ == "__main__":
    main()
