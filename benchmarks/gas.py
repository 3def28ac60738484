# SPDX-License-Identifier: Apache-2.0
"""Measure every step on anvil, from receipts of transactions signed here."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import ROOT
from benchmarks.bounds import broken, judge
from benchmarks.pinned import pinned_chain
from benchmarks.scenes import SCENES
from benchmarks.table import Recorder, Row, compare, load, render
from offchain_workers.devnet import find_anvil
from scripts.build_artifacts import ARTIFACTS

REMEDY = "when that is meant, run `make bench` and commit benchmarks/"


def measure(say: Callable[[str], None] = lambda scene: None) -> list[Row]:
    """All rows. Raises FusionError MN-DEV-001 without anvil."""
    record = Recorder()
    for scene in SCENES:
        say(scene.__name__.replace("_", " "))
        with pinned_chain() as chain:
            scene(chain, record)
    return record.rows


def problems(committed: Path, measured: list[Row]) -> list[str]:
    """Why the gate is shut, one line each; empty when it is open."""
    return compare(load(committed), measured) + broken(judge(measured))


def write(path: Path, rows: list[Row]) -> None:
    """The table's file."""
    path.write_text(render(meta(), rows, judge(rows)))


def meta() -> dict[str, Any]:
    """What the figures depend on."""
    shipped = [json.loads(path.read_text()) for path in sorted((ROOT / ARTIFACTS).glob("*.json"))]
    return {
        "anvil": _anvil_version(),
        "compiler": sorted({f"vyper {record['compiler']}" for record in shipped}),
        "evm": sorted({record["evm"] for record in shipped}),
        "hardfork": "osaka",
        "sources_sha256": {record["name"]: record["sources_sha256"] for record in shipped},
    }


def _anvil_version() -> str:
    binary = find_anvil()
    assert binary is not None  # it has just been measured with
    answer = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    return answer.stdout.splitlines()[0].rpartition(" ")[2]
