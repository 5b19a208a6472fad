"""Rebuild the embedded body, or draw its contact sheet.

python scripts/build_body.py                                       writes rscnet/body/assets/embedded_body.npz
python scripts/build_body.py --sheet docs/pictures/body_sheet.png  draws it
"""

import argparse
from pathlib import Path

import numpy as np
from embedded_body.assemble import build_assets

from rscnet.failures import guarded

ASSET = Path(__file__).parents[1] / "rscnet" / "body" / "assets" / "embedded_body.npz"


@guarded
def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ASSET, help="where the asset is written")
    parser.add_argument("--sheet", type=Path, help="draw the present asset to this picture instead")
    arguments = parser.parse_args()
    if arguments.sheet:
        from embedded_body.sheet import contact_sheet

        contact_sheet().save(arguments.sheet)
        print(f"{arguments.sheet}: contact sheet of {ASSET.name}")
        return
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(arguments.output, **vars(build_assets()))
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
