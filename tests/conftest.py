# SPDX-License-Identifier: Apache-2.0
"""Fixtures for every test: development chains that really run, each test on its own snapshot."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from offchain_workers.devnet import Devnet, find_anvil, start_devnet

NO_ANVIL = "anvil was not found: npm is missing, or `make anvil` has not run"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if find_anvil() is None:
        for item in items:
            if item.get_closest_marker("anvil"):
                item.add_marker(pytest.mark.skip(reason=NO_ANVIL))


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A command sends records to the stderr of its test, which ends with it; threads log later."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    for handler in root.handlers[:]:
        if handler not in before:
            root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture(autouse=True, scope="module")
def traces_of_its_own() -> None:
    """Boa notes what was stored by address, whichever contract is there by now, and its messages
    stumble over the notes of another file's."""
    if "boa" in sys.modules:
        boa = sys.modules["boa"]
        boa.env.sstore_trace.clear()
        boa.env.sha3_trace.clear()


@pytest.fixture(scope="session")
def anvil_binary() -> Path:
    """The anvil to run; the test skips when there is none."""
    found = find_anvil()
    if found is None:
        pytest.skip(NO_ANVIL)
    return found


@pytest.fixture(scope="session")
def embedded_process() -> Iterator[Devnet]:
    with start_devnet("embedded") as chain:
        yield chain


@pytest.fixture(scope="session")
def anvil_process(anvil_binary: Path) -> Iterator[Devnet]:
    with start_devnet("anvil") as chain:
        yield chain


@pytest.fixture
def embedded(embedded_process: Devnet) -> Iterator[Devnet]:
    """The chain in Python, as it was at its start."""
    yield from _isolated(embedded_process)


@pytest.fixture
def anvil(anvil_process: Devnet) -> Iterator[Devnet]:
    """Anvil, as it was at its start; mark the test `anvil`."""
    yield from _isolated(anvil_process)


@pytest.fixture(params=["embedded", pytest.param("anvil", marks=pytest.mark.anvil)])
def devnet(request: pytest.FixtureRequest) -> Devnet:
    """Each kind of development chain in turn."""
    chain = request.getfixturevalue(request.param)
    assert isinstance(chain, Devnet)
    return chain


def _isolated(chain: Devnet) -> Iterator[Devnet]:
    snapshot = chain.rpc("evm_snapshot")
    yield chain
    assert chain.rpc("evm_revert", snapshot)
