# SPDX-License-Identifier: Apache-2.0
"""Money at rest: withdraw earnings, and close expired jobs for the keeper's tip."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import JobStatus, Network
from offchain_workers.chain.db import Database
from offchain_workers.chain.outbox import IN_FLIGHT, Outbox, State
from offchain_workers.chain.tables import CursorRow, OutboxRow
from offchain_workers.daemon.clock import ChainClock
from offchain_workers.operator.tables import JobRow, Status
from verifiers.base import Method

log = structlog.get_logger(__name__)

_REFUND_GAS = 90_000


class Settle:
    """``above`` None: leave earnings in the market; ``keeper``: refund what nobody delivered."""

    def __init__(
        self,
        db: Database,
        network: Network,
        methods: Mapping[bytes, Method],
        outbox: Outbox,
        clock: ChainClock,
        above: int | None,
        keeper: bool,
    ) -> None:
        self._db = db
        self._network = network
        self._methods = methods
        self._outbox = outbox
        self._clock = clock
        self._above = above
        self._keeper = keeper

    def run(self, gas_price: int) -> None:
        """Queue what is due."""
        if self._above is not None:
            self._withdraw(self._above)
        if self._keeper:
            self._refund(gas_price)

    def _withdraw(self, above: int) -> None:
        """Earnings in native coin, tips and rewards of the registry, what a method keeps."""
        sender = self._outbox.sender
        earned = self._network.marketplace.balance(sender)
        if earned > above:
            self._queue("withdraw", self._network.marketplace.withdraw(earned, sender))
        if self._network.subnets.credit(sender) > above:
            self._queue("withdraw-credit", self._network.subnets.withdraw_credit(sender))
        for method in self._methods.values():
            for earning in method.earnings(self._network, sender):
                if earning.wei > above:
                    self._queue(f"withdraw-{earning.at}", earning.call)

    def _queue(self, kind: str, call: Call) -> None:
        """One of a kind at a time: the next one takes what came in meanwhile."""
        with self._db.session() as session:
            if self._waits(session, kind):
                return
            cursor = session.get_one(CursorRow, 1)
            key = f"{kind}:{cursor.number}"
            self._outbox.enqueue(session, key, call.to, call.data, call.value)
        log.info("withdrawal queued", key=key)

    def _waits(self, session: Session, kind: str) -> bool:
        query = select(func.count()).where(
            OutboxRow.sender == self._outbox.sender,
            OutboxRow.key.startswith(f"{kind}:"),
            OutboxRow.state.in_((State.QUEUED, *IN_FLIGHT)),
        )
        return bool(session.scalar(query))

    def _refund(self, gas_price: int) -> None:
        """Not the jobs that we owe ourselves: closing one is what slashes."""
        market = self._network.marketplace
        if market.keeper_tip <= gas_price * _REFUND_GAS:
            return
        query = select(JobRow).where(
            JobRow.status == Status.OPEN,
            JobRow.deliver_by < self._clock.head,
            ~JobRow.refund_queued,
        )
        with self._db.read() as session:
            expired = [row for row in session.scalars(query) if not row.owed]
        for row in expired:
            if market.job(row.job_id).status is not JobStatus.OPEN:
                continue
            call = market.refund(row.terms)
            with self._db.session() as session:
                key = f"refund:0x{row.job_id.hex()}"
                self._outbox.enqueue(session, key, call.to, call.data, call.value)
                session.get_one(JobRow, row.job_id).refund_queued = True
            log.info("refund queued", job=row.job_id.hex())
