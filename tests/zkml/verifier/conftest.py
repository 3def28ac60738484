# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from benchmarks.zkml import circuit, solidity
from benchmarks.zkml.circuit import Circuit


@pytest.fixture(scope="session")
def circuits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Circuit]:
    """Proved once a session."""
    return circuit.make_all(tmp_path_factory.mktemp("circuits"))


@pytest.fixture(scope="session")
def lenet(tmp_path_factory: pytest.TempPathFactory) -> Circuit:
    """The largest one, for slow tests."""
    return circuit.make_all(tmp_path_factory.mktemp("lenet"), (circuit.LENET,))["lenet"]


@pytest.fixture(scope="session")
def _solc() -> None:
    if reason := solidity.missing():
        pytest.skip(reason)
