"""Leeds Sports Pose: raw download to annotation files in SPIN's format; `--help` says from where.

python scripts/prepare_lsp.py <raw folder> --out <folder that paths.data names>
"""

from rscnet.data.prepare import lsp
from rscnet.data.prepare.script import arguments_for, run


def main(words: list[str] | None = None) -> None:
    """The command line."""
    parser = arguments_for(lsp.LSP, "lsp_dataset_original_train.npz or lsp_dataset_test.npz")
    parser.add_argument("--split", choices=tuple(lsp.SETS), default="train")
    run(parser, lambda given: lsp.read(given.raw, given.split), words)


if __name__ == "__main__":
    main()
