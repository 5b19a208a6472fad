"""MPI-INF-3DHP: raw download to annotation files in SPIN's format; `--help` says from where.

python scripts/prepare_mpi_inf_3dhp.py <raw folder> --out <folder that paths.data names>
"""

import argparse
from collections.abc import Iterable

from rscnet.data.prepare import mpi_inf_3dhp
from rscnet.data.prepare.people import PreparedSet
from rscnet.data.prepare.script import arguments_for, run


def _sets(given: argparse.Namespace) -> Iterable[PreparedSet]:
    if given.split == "test":
        return mpi_inf_3dhp.read_test(given.raw)
    return mpi_inf_3dhp.read_train(given.raw, given.every, given.extract)


def main(words: list[str] | None = None) -> None:
    """The command line."""
    parser = arguments_for(mpi_inf_3dhp.ORIGIN, "mpi_inf_3dhp_train.npz or mpi_inf_3dhp_test.npz")
    parser.add_argument("--split", choices=("train", "test"), default="train")
    parser.add_argument("--every", type=int, default=10, help="keeps one training frame in so many")
    parser.add_argument("--extract", action="store_true", help="takes the kept frames out of the training videos")
    run(parser, _sets, words)


if __name__ == "__main__":
    main()
