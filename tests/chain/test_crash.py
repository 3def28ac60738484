# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every point: one effective transaction, none lost."""

from __future__ import annotations

import multiprocessing
import signal
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3.contract import Contract

from offchain_workers.chain.call import Call
from offchain_workers.chain.db import Database
from offchain_workers.chain.outbox import Outbox, State
from offchain_workers.devnet import Devnet
from tests.chain.crash_child import daemon
from tests.chain.world import JOB, deploy, fund

POINTS = [
    "enqueued",
    "committed",
    "signed",
    "persisted",
    "broadcast",
    "stepped",
    "mined",
    "recorded",
]
# Forked: what a daemon loses is the same, and a start costs milliseconds.
FORK = multiprocessing.get_context("fork")


class Mortal:
    """A daemon that runs, is killed, and runs again on the same database."""

    def __init__(
        self, chain: Devnet, counter: Contract, folder: Path, mines: bool = False, wishes: int = 1
    ) -> None:
        self.account: LocalAccount = Account.create()
        fund(chain, self.account)
        self.database = f"sqlite:///{folder}/daemon.db"
        self._chain, self._counter, self._mines, self._wishes = chain, counter, mines, wishes

    def run(self, crash_at: int) -> tuple[int | None, str | None]:
        """Exit code, and the point where it was killed."""
        data = self._counter.functions.touch(JOB)._encode_transaction_data()
        wishes = self._wishes * [Call(self._counter.address, bytes.fromhex(data[2:]))]
        hears, said = FORK.Pipe(duplex=False)
        args = (self._chain.url, self.database, self.account, wishes, crash_at, self._mines, said)
        child = FORK.Process(target=daemon, args=args)
        child.start()
        child.join(60)
        return child.exitcode, hears.recv() if hears.poll() else None

    def assert_done_once(self) -> None:
        """Each of the wishes, all in one transaction."""
        db = Database(self.database)
        outbox = Outbox(self.account.address, 0)
        with db.read() as session:
            rows = [outbox.get(session, f"deliver:{n}") for n in range(1, self._wishes + 1)]
            assert list(outbox.outcomes(session)) == rows
        db.close()
        assert {row.state for row in rows if row} == {State.MINED_OK}
        assert self._counter.functions.touches(JOB).call() == self._wishes
        sent = self._chain.rpc("eth_getTransactionCount", self.account.address, "latest")
        assert int(sent, 16) == 1


@pytest.mark.parametrize("crash_at", range(1, len(POINTS) + 1), ids=POINTS)
def test_killed_once(devnet: Devnet, counter: Contract, tmp_path: Path, crash_at: int) -> None:
    mortal = Mortal(devnet, counter, tmp_path)
    assert mortal.run(crash_at) == (-signal.SIGKILL, POINTS[crash_at - 1])
    assert mortal.run(0) == (0, None)
    mortal.assert_done_once()


@pytest.mark.parametrize("crash_at", range(1, len(POINTS) + 1), ids=POINTS)
def test_killed_once_with_several_in_one_transaction(
    devnet: Devnet, counter: Contract, tmp_path: Path, crash_at: int
) -> None:
    mortal = Mortal(devnet, counter, tmp_path, wishes=3)
    assert mortal.run(crash_at) == (-signal.SIGKILL, POINTS[crash_at - 1])
    assert mortal.run(0) == (0, None)
    mortal.assert_done_once()


@pytest.mark.anvil
@pytest.mark.parametrize("wishes", [1, 3])
@pytest.mark.parametrize("crash_at", range(6, 15))
def test_killed_while_bidding_higher(
    manual_mining: Devnet, anvil_counter: Contract, tmp_path: Path, crash_at: int, wishes: int
) -> None:
    """From the second bid on, with a mempool that holds the first."""
    mortal = Mortal(manual_mining, anvil_counter, tmp_path, mines=True, wishes=wishes)
    assert mortal.run(crash_at)[0] == -signal.SIGKILL
    assert mortal.run(0) == (0, None)
    mortal.assert_done_once()


@pytest.mark.parametrize("wishes", [1, 3])
def test_killed_again_and_again(
    embedded: Devnet, counter_code: dict[str, Any], tmp_path: Path, wishes: int
) -> None:
    """It dies one point later each time."""
    mortal = Mortal(embedded, deploy(embedded, counter_code), tmp_path, wishes=wishes)
    for crash_at in range(1, 10):
        mortal.run(crash_at)
    assert mortal.run(0) == (0, None)
    mortal.assert_done_once()
