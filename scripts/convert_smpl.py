"""Turns the licensed SMPL pickles into clean npz files, for all genders found, and copies what else the body needs.

python scripts/convert_smpl.py <folder with SMPL's files> --out <folder>

The written folder serves as `paths.smpl` by itself. SMPL's licence holds for converted files too.
"""

import argparse
import re
import shutil
from pathlib import Path

from rscnet.body.licensed import EXTRAS, GENDERS, MEAN_FILE, SMPL_SOURCE, UV_PATTERN, SmplFolder, read_model
from rscnet.data.npz import write_npz
from rscnet.errors import UserError
from rscnet.failures import guarded


def convert(folder: Path, out: Path) -> list[Path]:
    """Writes `SMPL_<GENDER>.npz` for each model in `folder` and copies extras and UV beside them.

    Raises:
        UserError: no model there, or one that cannot be read.
    """
    files = SmplFolder(folder)
    found = {gender: path for gender in GENDERS if (path := files.find_model(gender)) is not None}
    if not found:
        raise UserError(f"{folder}: no SMPL model; get {SMPL_SOURCE} and put its pkl files there")
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for gender, path in found.items():
        arrays, target = read_model(path), out / f"SMPL_{gender.upper()}.npz"
        write_npz(target, arrays)
        written.append(target)
    for pattern in (*map(re.escape, (*EXTRAS, MEAN_FILE)), UV_PATTERN):
        source = files.find(pattern)
        if source is not None and source.resolve() != (target := out / source.name).resolve():
            written.append(Path(shutil.copyfile(source, target)))
    return written


@guarded
def main(words: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="licensed SMPL pickles to clean npz files")
    parser.add_argument("folder", type=Path, help="holds SMPL's files")
    parser.add_argument("--out", type=Path, required=True, help="is made where it does not exist")
    arguments = parser.parse_args(words)
    for path in convert(arguments.folder, arguments.out):
        print(path)


if __name__ == "__main__":
    main()
