# SPDX-License-Identifier: Apache-2.0
"""A market on each kind of development chain, fresh for each test by snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from offchain_workers.devnet import Devnet, start_devnet
from tests.operator.enclaved import guardian, spare, teeml_chain, under
from tests.operator.world import Market, build

__all__ = ["guardian", "market", "market_chain", "spare", "teeml_chain", "under"]


@pytest.fixture(scope="session")
def market_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """Built once: the chain in Python with a subnet of two."""
    with start_devnet("embedded") as chain:
        yield build(chain, tmp_path_factory.mktemp("market"))


@pytest.fixture
def market(market_chain: Market, tmp_path: Path) -> Iterator[Market]:
    """As built, with folders of its own."""
    chain: Devnet = market_chain.chain
    snapshot = chain.rpc("evm_snapshot")
    yield replace(market_chain, folder=tmp_path)
    assert chain.rpc("evm_revert", snapshot)
