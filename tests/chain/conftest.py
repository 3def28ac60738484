# SPDX-License-Identifier: Apache-2.0
"""A small contract, a database, and a proxy that misbehaves on demand."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import vyper
from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3.contract import Contract

from offchain_workers.chain.db import Database
from offchain_workers.chain.tables import Base
from offchain_workers.devnet import Devnet
from tests.chain.hands import Hands
from tests.chain.world import COUNTER, Handler, Proxy, Server, deploy, multicall_of


@pytest.fixture(scope="session")
def counter_code() -> dict[str, Any]:
    return vyper.compile_code(COUNTER, output_formats=["abi", "bytecode"])


@pytest.fixture
def counter(devnet: Devnet, counter_code: dict[str, Any]) -> Contract:
    return deploy(devnet, counter_code)


@pytest.fixture
def anvil_counter(anvil: Devnet, counter_code: dict[str, Any]) -> Contract:
    return deploy(anvil, counter_code)


@pytest.fixture
def manual_mining(anvil: Devnet, anvil_counter: Contract) -> Iterator[Devnet]:
    """Anvil with a mempool, the counter deployed: nothing is mined until the test says so."""
    anvil.rpc("evm_setAutomine", False)
    anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(10**9))  # a snapshot doesn't keep it
    anvil.mine()
    yield anvil
    anvil.rpc("evm_setAutomine", True)
    anvil.rpc("anvil_dropAllTransactions")


@pytest.fixture
def operator(request: pytest.FixtureRequest) -> LocalAccount:
    """A new account for each test, so that no nonce or pool entry is left over."""
    return Account.create()


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """SQLite, or the empty PostgreSQL database that TEST_POSTGRES_URL names."""
    url = os.environ.get("TEST_POSTGRES_URL")
    database = Database(url or f"sqlite:///{tmp_path}/chain.db")
    yield database
    if url:
        Base.metadata.drop_all(database.engine)
    database.close()


@pytest.fixture
def make_proxy() -> Iterator[Callable[[str], Proxy]]:
    """Start proxies in front of a URL; all stop with the test."""
    servers: list[Server] = []

    def start(target: str) -> Proxy:
        server = Server(("127.0.0.1", 0), Handler)
        server.proxy = Proxy(target, f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return server.proxy

    yield start
    for server in servers:
        server.proxy.release.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def hands(devnet: Devnet, counter: Contract, db: Database) -> Hands:
    return Hands(devnet, counter, db)


@pytest.fixture
def slow(manual_mining: Devnet, anvil_counter: Contract, db: Database) -> Hands:
    """On a chain with a mempool, where the test mines."""
    return Hands(manual_mining, anvil_counter, db)


@pytest.fixture
def riders(hands: Hands) -> Hands:
    """What is wished of its contract may share a transaction."""
    return replace(hands, multicalls=lambda: [multicall_of(hands.contract)])


@pytest.fixture
def slow_riders(slow: Hands) -> Hands:
    return replace(slow, multicalls=lambda: [multicall_of(slow.contract)])
