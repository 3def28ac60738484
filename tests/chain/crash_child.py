# SPDX-License-Identifier: Apache-2.0
"""A daemon that kills itself with SIGKILL at a chosen point."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection

from eth_account.signers.local import LocalAccount

from offchain_workers.chain.call import Call, Multicall
from offchain_workers.chain.db import Database
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.chain.transactions import TxManager, TxPolicy
from tests.chain.world import MOST, joined

TAGS = ("latest", "pending")


def daemon(
    url: str,
    database: str,
    account: LocalAccount,
    wishes: Sequence[Call],
    crash_at: int,
    mines: bool,
    said: Connection,
) -> None:
    """Want all mined until they have outcomes; die at the ``crash_at``-th point (0: never).

    With ``mines`` the first bids get stuck, and the daemon mines by itself later. Several wishes
    share a transaction.
    """
    left = crash_at

    def hook(point: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            said.send(point)
            os.kill(os.getpid(), signal.SIGKILL)

    pool, db, now = RpcPool([url]), Database(database), time.time()
    policy = TxPolicy(settle=1, bump_seconds=30)
    together = Multicall(wishes[0].to, lambda data: True, joined, MOST)
    manager = TxManager(pool, db, account, policy, lambda: now, hook, lambda: [together])
    with db.session() as session:
        for number, wish in enumerate(wishes, 1):
            manager.enqueue(session, f"deliver:{number}", wish.to, wish.data)
        hook("enqueued")
    hook("committed")
    for turn in range(20):
        manager.step()
        if not mines:
            wait_until_mined(pool, account.address)
        hook("stepped")
        with db.read() as session:
            if len(manager.outcomes(session)) == len(wishes):
                return
        now += 31
        if mines and turn >= 2:
            pool.call("evm_mine")
    raise SystemExit("no outcome after 20 steps")


def wait_until_mined(pool: RpcPool, sender: str) -> None:
    """Anvil answers before it mines."""
    deadline = time.monotonic() + 60
    counts: set[str] = set()
    while len(counts) != 1:
        assert time.monotonic() < deadline
        counts = {pool.call("eth_getTransactionCount", [sender, tag]) for tag in TAGS}
