# SPDX-License-Identifier: Apache-2.0
"""Write the digits suite's data: scikit-learn's digits that no digits model was trained on.

python scripts/build_suites.py [FOLDER]
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "offchain_workers" / "evaluation" / "data"


def main(folder: Path) -> None:
    """The held-out images, 64 pixels from 0 to 16 each, then the digit."""
    split = runpy.run_path(str(ROOT / "scripts" / "train_digits.py"))["split"]
    _, _, images, digits = split()
    rows = np.column_stack([images.astype(np.uint8), digits.astype(np.uint8)])
    (folder / "digits.bin").write_bytes(rows.tobytes())
    print(f"{len(rows)} digits")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
