"""High-resolution LSP Extended: raw download to annotation files in SPIN's format; `--help` says from where.

python scripts/prepare_hr_lspet.py <raw folder> --out <folder that paths.data names>
"""

from rscnet.data.prepare import lsp
from rscnet.data.prepare.script import arguments_for, run


def main(words: list[str] | None = None) -> None:
    """The command line."""
    parser = arguments_for(lsp.EXTENDED, "hr-lspet_train.npz")
    run(parser, lambda given: lsp.read_extended(given.raw), words)


if __name__ == "__main__":
    main()
