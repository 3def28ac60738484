# SPDX-License-Identifier: Apache-2.0
"""Compiles the verifiers that ezkl emits, with the solc that package-lock.json pins."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / "node_modules"


def missing() -> str:
    """Why there is no compiler here, or nothing."""
    if not shutil.which("node"):
        return "node is not here"
    return "" if (MODULES / "solc").is_dir() else "npm ci has not run: no solc"


@cache
def compiled(source: str) -> tuple[list[dict[str, Any]], bytes]:
    """ABI and creation code of the only contract."""
    task = {
        "language": "Solidity",
        "sources": {"verifier.sol": {"content": source}},
        "settings": {
            "optimizer": {"enabled": True, "runs": 1},
            "evmVersion": "paris",
            "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object"]}},
        },
    }
    done = subprocess.run(
        ["node", str(Path(__file__).with_name("solc.js"))],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "NODE_PATH": str(MODULES)},
    )
    (contract,) = json.loads(done.stdout)["contracts"]["verifier.sol"].values()
    return contract["abi"], bytes.fromhex(contract["evm"]["bytecode"]["object"])
