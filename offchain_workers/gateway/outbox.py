# SPDX-License-Identifier: Apache-2.0
"""Send a transaction through the daemon's outbox and wait for it: one writer a key."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from typing import cast

from web3 import Web3
from web3.exceptions import ContractLogicError
from web3.types import TxParams

from offchain_workers.chain.call import Call, revert_reason
from offchain_workers.chain.db import Database
from offchain_workers.chain.errors import (
    CallRevertedError,
    TransactionFailedError,
    TransactionUnminedError,
)
from offchain_workers.chain.outbox import OUTCOMES, Outbox, State

_WAIT_SECONDS = 120.0
# Of transactions that somebody waits for: nobody acts on them after a restart.
PREFIX = "gateway-call:"


class OutboxPayer:
    """A Payer over an outbox that a loop steps; ``rang`` hears of each turn of that loop."""

    def __init__(self, db: Database, outbox: Outbox, w3: Web3, wake: Callable[[], None]) -> None:
        self._db = db
        self._outbox = outbox
        self._w3 = w3
        self._wake = wake
        self._turned = threading.Condition()

    def turned(self) -> None:
        """The loop stepped the outbox."""
        with self._turned:
            self._turned.notify_all()

    def send(self, call: Call) -> bytes:
        """The hash of the mined transaction.

        Raises CallRevertedError when the contract would refuse, TransactionFailedError,
        TransactionUnminedError after two minutes.
        """
        self._simulate(call)
        key = f"{PREFIX}{secrets.token_hex(8)}"
        with self._db.session() as session:
            self._outbox.enqueue(
                session, key, call.to, call.data, call.value, deadline=int(time.time()) + 120
            )
        self._wake()
        return self._outcome(key)

    def _simulate(self, call: Call) -> None:
        fields = {
            "from": self._outbox.sender, "to": call.to, "data": call.data, "value": call.value,
        }  # fmt: skip
        try:
            self._w3.eth.call(cast(TxParams, fields))
        except ContractLogicError as error:
            raise CallRevertedError(revert_reason(error)) from error

    def _outcome(self, key: str) -> bytes:
        deadline = time.monotonic() + _WAIT_SECONDS
        while time.monotonic() < deadline:
            with self._turned:
                self._turned.wait(1.0)
            with self._db.read() as session:
                row = self._outbox.get(session, key)
            if row is None or row.state not in OUTCOMES:
                continue
            if row.state == State.MINED_OK and row.tx_hash is not None:
                return row.tx_hash
            if row.state == State.REJECTED:
                raise CallRevertedError(row.reason or "refused")
            raise TransactionFailedError(row.reason or row.state)
        raise TransactionUnminedError(f"{key} is not mined after {_WAIT_SECONDS:.0f} s")
