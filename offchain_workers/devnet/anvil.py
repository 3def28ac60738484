# SPDX-License-Identifier: Apache-2.0
"""Find anvil and say how to start it: Osaka's rules, mainnet's cap on a transaction's gas."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .accounts import ACCOUNT_COUNT, CHAIN_ID, TEST_MNEMONIC

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGED = "node_modules/@foundry-rs/anvil-*/bin/anvil"


def find_anvil() -> Path | None:
    """$ANVIL, else PATH, else what `make anvil` installed here or in the checkout."""
    named = os.environ.get("ANVIL")
    if named:
        return _runnable(Path(named))
    on_path = shutil.which("anvil")
    if on_path:
        return Path(on_path)
    packaged = (path for root in (Path.cwd(), REPOSITORY) for path in sorted(root.glob(PACKAGED)))
    return next((path for path in packaged if _runnable(path)), None)


def anvil_command(binary: Path, port: int, state: Path | None, block_time: int | None) -> list[str]:
    """The command line; `state` is a file that is written every second and on exit."""
    command = [str(binary), "--port", str(port), "--chain-id", str(CHAIN_ID), "--silent"]
    command += ["--hardfork", "osaka", "--enable-tx-gas-limit"]
    command += ["--mnemonic", TEST_MNEMONIC, "--accounts", str(ACCOUNT_COUNT)]
    if block_time is not None:
        command += ["--block-time", str(block_time)]
    if state is not None:
        command += ["--state", str(state), "--state-interval", "1"]
    return command


def _runnable(path: Path) -> Path | None:
    return path if path.is_file() and os.access(path, os.X_OK) else None
