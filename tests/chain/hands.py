# SPDX-License-Identifier: Apache-2.0
"""A transaction manager in the hands of a test."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3.contract import Contract

from offchain_workers.chain.call import Multicall
from offchain_workers.chain.db import Database
from offchain_workers.chain.errors import RpcUnavailableError
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.chain.tables import OutboxRow
from offchain_workers.chain.transactions import State, TxManager, TxPolicy
from offchain_workers.devnet import Devnet
from tests.chain.world import JOB, fund

GWEI = 10**9
POLICY = TxPolicy(settle=2, watch=8, bump_seconds=30, bump_blocks=1000, max_fee=200 * GWEI)


@dataclass
class Hands:
    """A manager, its chain and a clock that only the test moves."""

    chain: Devnet
    contract: Contract
    db: Database
    urls: list[str] = field(default_factory=list)
    account: LocalAccount = field(default_factory=Account.create)
    policy: TxPolicy = POLICY
    now: float = field(default_factory=time.time)
    multicalls: Callable[[], Sequence[Multicall]] = tuple

    def __post_init__(self) -> None:
        fund(self.chain, self.account)
        self.pool = RpcPool(self.urls or [self.chain.url])
        self.manager = TxManager(
            self.pool,
            self.db,
            self.account,
            self.policy,
            clock=lambda: self.now,
            multicalls=self.multicalls,
        )

    def enqueue(self, call: Any, key: str = "key", **options: Any) -> OutboxRow:
        data = bytes.fromhex(call._encode_transaction_data()[2:])
        with self.db.session() as session:
            return self.manager.enqueue(session, key, self.contract.address, data, **options)

    def touch(self, key: str = "key", **options: Any) -> OutboxRow:
        return self.enqueue(self.contract.functions.touch(JOB), key, **options)

    def step(self, times: int = 1) -> OutboxRow:
        for _ in range(times):
            self.manager.step()
        return self.row()

    def until(self, state: State, key: str = "key") -> OutboxRow:
        """Step until the row is in ``state``: anvil answers before it mines."""
        deadline = time.monotonic() + 60
        while (row := self.row(key)).state != state:
            assert time.monotonic() < deadline, (row.state, row.reason)
            self.manager.step()
        return row

    def await_endpoint(self) -> None:
        """Until the only one is out of quarantine."""
        deadline = time.monotonic() + 60
        while self.pool.health()[0].state != "ok":
            assert time.monotonic() < deadline
            with suppress(RpcUnavailableError):
                self.pool.refresh()

    def row(self, key: str = "key") -> OutboxRow:
        with self.db.read() as session:
            row = self.manager.get(session, key)
        assert row is not None
        return row

    def outcomes(self, depth: int = 1) -> list[str]:
        with self.db.read() as session:
            return [row.key for row in self.manager.outcomes(session, depth)]

    @property
    def touches(self) -> int:
        return self.contract.functions.touches(JOB).call()

    @property
    def nonce(self) -> int:
        return int(self.chain.rpc("eth_getTransactionCount", self.account.address, "latest"), 16)

    def pooled(self) -> int:
        """How many transactions wait in the node's pool."""
        return int(self.chain.rpc("txpool_status")["pending"], 16)

    def send_foreign(self, nonce: int, tip: int = 2 * GWEI) -> None:
        """Another program uses the same key."""
        signed = self.account.sign_transaction(
            {
                "type": 2,
                "chainId": self.chain.chain_id,
                "nonce": nonce,
                "gas": 21_000,
                "maxFeePerGas": 100 * GWEI,
                "maxPriorityFeePerGas": tip,
                "to": self.chain.accounts[0].address,
                "value": 1,
            }
        )
        self.chain.rpc("eth_sendRawTransaction", "0x" + signed.raw_transaction.hex())
