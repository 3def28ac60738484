# SPDX-License-Identifier: Apache-2.0
"""A market with `opml` on the chain in Python, fresh for each test by snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from offchain_workers.devnet import start_devnet
from tests.operator.world import build
from tests.opml.audited import audited_market
from tests.opml.compiled import digits_bundle
from tests.opml.onchain import OpmlMarket, Small, listed


@pytest.fixture(scope="session")
def opml_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpmlMarket]:
    """Built once: the small program under `opml`, a subnet of two."""
    with start_devnet("embedded") as chain:
        base = build(chain, tmp_path_factory.mktemp("opml"))
        with listed(base, Small.make().header, b"\1" * 32, b"\2" * 32) as opml:
            yield opml


@pytest.fixture
def opml(opml_chain: OpmlMarket, tmp_path: Path) -> Iterator[OpmlMarket]:
    chain = opml_chain.market.chain
    snapshot = chain.rpc("evm_snapshot")
    yield replace(opml_chain, market=replace(opml_chain.market, folder=tmp_path))
    assert chain.rpc("evm_revert", snapshot)


@pytest.fixture(scope="session")
def audited_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpmlMarket]:
    """Built once: the digits under `opml`, every claim drawn, a subnet of three."""
    with (
        start_devnet("embedded") as chain,
        audited_market(chain, tmp_path_factory.mktemp("audited")) as opml,
    ):
        yield opml


@pytest.fixture
def audited(audited_chain: OpmlMarket) -> Iterator[OpmlMarket]:
    snapshot = audited_chain.market.chain.rpc("evm_snapshot")
    yield replace(audited_chain, market=replace(audited_chain.market))
    assert audited_chain.market.chain.rpc("evm_revert", snapshot)


@pytest.fixture(scope="session")
def compiled_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpmlMarket]:
    """The compiled digits under `opml`, a subnet of two."""
    bundle = digits_bundle()
    with start_devnet("embedded") as chain:
        base = build(chain, tmp_path_factory.mktemp("compiled"))
        with listed(base, bundle.header, *bundle.hashes) as opml:
            files = (*base.files, *bundle.blobs.values())
            yield replace(opml, market=replace(opml.market, files=files))


@pytest.fixture
def compiled(compiled_chain: OpmlMarket, tmp_path: Path) -> Iterator[OpmlMarket]:
    chain = compiled_chain.market.chain
    snapshot = chain.rpc("evm_snapshot")
    yield replace(compiled_chain, market=replace(compiled_chain.market, folder=tmp_path))
    assert chain.rpc("evm_revert", snapshot)
