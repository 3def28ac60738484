# SPDX-License-Identifier: Apache-2.0
"""Real quotes with their collateral: tests/data/tee/SOURCES.md says where they come from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "data/tee"


@dataclass(frozen=True)
class Bundle:
    """``status`` by dcap-qvl at time ``now``, ERR and a reason when refused."""

    name: str
    quote: bytes
    collateral: str
    now: int
    window: tuple[int, int]
    status: str
    advisories: tuple[str, ...]


def load(name: str) -> Bundle:
    folder = FOLDER / name
    meta = json.loads((folder / "meta.json").read_text())
    return Bundle(
        name,
        (folder / "quote.bin").read_bytes(),
        (folder / "collateral.json").read_text(),
        meta["now"],
        tuple(meta["window"]),
        meta["dcap_qvl_070"],
        tuple(meta["advisories"]),
    )


ALL = [load(path.name) for path in sorted(FOLDER.glob("v*"))]
GENUINE = [bundle for bundle in ALL if not bundle.status.startswith("ERR")]
