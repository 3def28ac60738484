# SPDX-License-Identifier: Apache-2.0
"""Sign, write down, broadcast: in this order, and nowhere else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import structlog
from eth_account.signers.local import LocalAccount
from sqlalchemy import update
from sqlalchemy.orm import Session

from offchain_workers.chain.call import Multicall
from offchain_workers.chain.carry import mirror
from offchain_workers.chain.db import Database
from offchain_workers.chain.fees import Fees, bumped
from offchain_workers.chain.outbox import Outbox, State
from offchain_workers.chain.prepare import estimate
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.chain.tables import AttemptRow, OutboxRow
from offchain_workers.chain.vantage import Vantage

log = structlog.get_logger(__name__)

_TRANSFER_GAS = 21_000


@dataclass(frozen=True)
class TxPolicy:
    """Seconds, blocks and wei per gas. The defaults suit a public network.

    ``settle``: confirmations after which a nonce used by a foreign transaction is given up.
    ``watch``: confirmations after which an outcome is no longer checked against reorgs.
    ``alone``: with fewer seconds to its deadline a wish shares no transaction with others.
    """

    max_fee: int = 500 * 10**9
    bump_seconds: float = 45.0
    bump_blocks: int = 4
    settle: int = 3
    watch: int = 64
    max_in_flight: int = 16
    alone: float = 180.0


# A row and the attempt that is to be written down beside it.
Signed = tuple[OutboxRow, AttemptRow]


class Signer(Outbox):
    """The outbox of an account whose key we hold.

    ``clock`` gives unix seconds; ``hook`` is called at each point where a crash could hurt;
    ``multicalls`` is asked when several wishes are ready at once.
    """

    def __init__(
        self,
        pool: RpcPool,
        db: Database,
        account: LocalAccount,
        policy: TxPolicy | None = None,
        clock: Callable[[], float] = time.time,
        hook: Callable[[str], None] = lambda point: None,
        multicalls: Callable[[], Sequence[Multicall]] = tuple,
    ) -> None:
        self._policy = policy or TxPolicy()
        super().__init__(account.address, self._policy.max_fee)
        self._pool = pool
        self._db = db
        self._account = account
        self._clock = clock
        self._hook = hook
        self._multicalls = multicalls
        self._stepping = threading.Lock()
        self._view: Vantage | None = None

    def _sign(
        self,
        row: OutboxRow,
        nonce: int,
        gas: int,
        fees: Fees,
        view: Vantage,
        cancel: bool = False,
    ) -> Signed:
        signed = self._account.sign_transaction(self._fields(row, nonce, gas, fees, cancel))
        attempt = AttemptRow(
            nonce=nonce,
            hash=bytes(signed.hash),
            raw=bytes(signed.raw_transaction),
            gas=gas,
            tip=fees.tip,
            cap=fees.cap,
            cancel=cancel,
            signed_at=self._clock(),
            signed_block=view.number,
        )
        self._hook("signed")
        return row, attempt

    def _send(self, signed: Sequence[Signed]) -> None:
        """Write all of them down at once, then broadcast."""
        if not signed:
            return
        with self._db.session() as session:
            for row, attempt in signed:
                _lease(session, row, attempt)
            mirror(session, self.sender, self._policy.settle)
        self._hook("persisted")
        for row, attempt in signed:
            self._broadcast(row, attempt.raw)
            self._hook("broadcast")

    def _fields(
        self, row: OutboxRow, nonce: int, gas: int, fees: Fees, cancel: bool
    ) -> dict[str, Any]:
        return {
            "type": 2,
            "chainId": self._pool.chain_id,
            "nonce": nonce,
            "gas": gas,
            "maxFeePerGas": fees.cap,
            "maxPriorityFeePerGas": fees.tip,
            "to": self.sender if cancel else row.to,
            "value": 0 if cancel else row.value,
            "data": b"" if cancel else row.data,
        }

    def _broadcast(self, row: OutboxRow, raw: bytes) -> None:
        """Refusals are only logged: what counts is what gets mined."""
        for name, answer in self._pool.broadcast(raw).items():
            if answer != "ok":
                log.warning("node refused a transaction", key=row.key, url=name, answer=answer)

    def _save(self, row: OutboxRow, **values: Any) -> None:
        self._save_all([(row, values)])

    def _save_all(self, changes: Sequence[tuple[OutboxRow, dict[str, Any]]]) -> None:
        """To the database in one commit, and to the rows."""
        with self._db.session() as session:
            for row, values in changes:
                session.execute(update(OutboxRow).where(OutboxRow.id == row.id).values(**values))
        for row, values in changes:
            for name, value in values.items():
                setattr(row, name, value)

    def _replace(self, row: OutboxRow, last: AttemptRow, view: Vantage, cancel: bool) -> bool:
        # A cancellation must outbid what it cancels, even at the row's ceiling; it costs little.
        ceiling = 2 * row.max_fee if cancel else row.max_fee
        fees = bumped(Fees(last.tip, last.cap), view.header.base_fee, view.tip, ceiling)
        if fees is None:
            return False
        gas = last.gas if cancel == last.cancel else self._cancel_gas()
        log.info("replacing", key=row.key, nonce=row.nonce, cancel=cancel, cap=fees.cap)
        self._send([self._sign(row, cast(int, row.nonce), gas, fees, view, cancel)])
        return True

    def _cancel_gas(self) -> int:
        gas = estimate(self._pool, {"from": self.sender, "to": self.sender})
        return gas if isinstance(gas, int) else _TRANSFER_GAS

    def _known(self, tx_hash: bytes) -> bool:
        answer = self._pool.request("eth_getTransactionByHash", ["0x" + tx_hash.hex()])
        return answer.get("result") is not None


def _lease(session: Session, row: OutboxRow, attempt: AttemptRow) -> None:
    """The row holds the attempt's nonce from now on."""
    session.add(row)  # a new row has no id yet
    session.flush()
    attempt.outbox_id = row.id
    session.add(attempt)
    state = State.CANCELLING if attempt.cancel else State.PENDING
    values = {"state": state, "nonce": attempt.nonce, "reason": None}
    session.execute(update(OutboxRow).where(OutboxRow.id == row.id).values(**values))
