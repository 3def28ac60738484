# SPDX-License-Identifier: Apache-2.0
"""A market with a compiled model, fresh for each test by snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from offchain_workers.devnet import start_devnet
from tests.challenger.world import compiled_market
from tests.opml.onchain import OpmlMarket


@pytest.fixture(scope="session")
def compiled_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpmlMarket]:
    """On the chain in Python."""
    with (
        start_devnet("embedded") as chain,
        compiled_market(chain, tmp_path_factory.mktemp("compiled")) as opml,
    ):
        yield opml


@pytest.fixture
def opml(compiled_chain: OpmlMarket, tmp_path: Path) -> Iterator[OpmlMarket]:
    """As built, with folders of its own."""
    chain = compiled_chain.market.chain
    snapshot = chain.rpc("evm_snapshot")
    yield replace(compiled_chain, market=replace(compiled_chain.market, folder=tmp_path))
    assert chain.rpc("evm_revert", snapshot)
