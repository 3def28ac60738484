# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.zkml.verifier import circuit, solidity
from tests.zkml.verifier.circuit import Circuit

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def circuits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Circuit]:
    """Proved once a session."""
    folder = tmp_path_factory.mktemp("circuits")
    subprocess.run(
        [sys.executable, circuit.__file__, str(folder)],
        check=True,
        capture_output=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=300,
    )
    return {one.name: circuit.load(folder / one.name) for one in circuit.RECIPES}


@pytest.fixture(scope="session")
def _solc() -> None:
    if reason := solidity.missing():
        pytest.skip(reason)
