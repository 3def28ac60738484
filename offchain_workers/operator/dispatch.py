# SPDX-License-Identifier: Apache-2.0
"""Answers go out when their turn has come, once; what the chain refuses is looked into."""

from __future__ import annotations

from collections.abc import Collection

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from offchain_workers.balancing.breaker import Breaker
from offchain_workers.chain.contracts import JobStatus, Network
from offchain_workers.chain.db import Database
from offchain_workers.chain.outbox import FAILED, Outbox, State, attempt_key
from offchain_workers.chain.tables import OutboxRow
from offchain_workers.daemon.clock import ChainClock
from offchain_workers.operator.metrics import Metrics
from offchain_workers.operator.reasons import Reason
from offchain_workers.operator.tables import JobRow, Stage, Status

log = structlog.get_logger(__name__)

_TRIES = 5


class Dispatch:
    """Turns rows of stage READY into outbox rows, and follows those.

    ``renewed``: selectors of methods whose evidence can go stale; what the chain refuses is then
    answered anew before it is sent again.
    """

    def __init__(
        self,
        db: Database,
        network: Network,
        outbox: Outbox,
        breaker: Breaker,
        clock: ChainClock,
        metrics: Metrics,
        renewed: Collection[bytes] = (),
    ) -> None:
        self._db = db
        self._renewed = frozenset(renewed)
        self._market = network.marketplace
        self._outbox = outbox
        self._breaker = breaker
        self._clock = clock
        self._metrics = metrics

    def send(self) -> None:
        """Queue the deliveries whose turn has come by the newest block's time."""
        with self._db.read() as session:
            if not self._due(session):
                return
        with self._db.session() as session:
            for job in self._due(session):
                job.deliveries += 1
                job.delivery_key = delivery_key(job.job_id, job.deliveries)
                wish = job.delivery or {}
                self._outbox.enqueue(
                    session,
                    job.delivery_key,
                    wish["to"],
                    wish["data"],
                    wish["value"],
                    deadline=job.deliver_by,
                    alone=self._contested(job),
                )
                job.stage = Stage.DELIVERING
                log.info("delivery queued", job=job.job_id.hex(), key=job.delivery_key)

    def _due(self, session: Session) -> list[JobRow]:
        ready = select(JobRow).where(JobRow.stage == Stage.READY, JobRow.status == Status.OPEN)
        head = self._clock.head
        return [
            job for job in session.scalars(ready) if job.turn_at is not None and job.turn_at <= head
        ]

    def _contested(self, job: JobRow) -> bool:
        """Whether another member could deliver before us, and sink what shares a transaction."""
        if job.members == 1:
            return False
        passed = self._clock.now() - (job.posted_at or 0)
        return job.turn != 0 or 2 * passed >= job.terms.turn_length

    def review(self) -> None:
        """Deliveries that the chain did not take: was somebody faster, or do we try again?"""
        for job, row in self._undelivered():
            if self._market.job(job.job_id).status is not JobStatus.OPEN:
                continue  # its events will say so
            self._refused(job, row)

    def settled(self, min_confirmations: int) -> None:
        """Tell the outbox that we have seen what became of its rows."""
        with self._db.read() as session:
            decided = self._outbox.outcomes(session, min_confirmations)
        if not decided:
            return
        with self._db.session() as session:
            for row in decided:
                self._outbox.acknowledge(session, row)
        for row in decided:
            self._count(row)

    def _count(self, row: OutboxRow) -> None:
        self._metrics.deliveries.labels(state=row.state).inc()
        self._metrics.gas.labels(call=row.key.partition(":")[0]).inc(row.gas_used or 0)
        if row.state == State.MINED_OK and row.nonce is None:
            self._metrics.shared.inc()

    def _undelivered(self) -> list[tuple[JobRow, OutboxRow]]:
        ours = (OutboxRow.sender == self._outbox.sender) & (OutboxRow.key == JobRow.delivery_key)
        query = (
            select(JobRow, OutboxRow)
            .join(OutboxRow, ours)
            .where(JobRow.stage == Stage.DELIVERING, JobRow.status == Status.OPEN)
            .where(OutboxRow.state.in_(FAILED))
        )
        with self._db.read() as session:
            return [(job, row) for job, row in session.execute(query)]

    def _refused(self, job: JobRow, row: OutboxRow) -> None:
        """The job is still open. A first refusal may be a matter of blocks; then it is ours."""
        over = self._clock.now() > job.deliver_by or job.deliveries >= _TRIES
        log.warning(
            "delivery refused", job=job.job_id.hex(), state=row.state, reason=row.reason, over=over
        )
        if job.deliveries > 1 and row.state != State.CANCELLED:
            self._breaker.failed()
        with self._db.session() as session:
            job = session.get_one(JobRow, job.job_id)
            again = Stage.NEW if job.terms.selector in self._renewed else Stage.READY
            job.stage, job.look_at = Stage.SKIPPED if over else again, 0
            job.reason = Reason.DELIVERY_FAILED.code
            job.reason_line = row.reason


def delivery_key(job_id: bytes, attempt: int) -> str:
    """The outbox's name of a delivery: ``deliver:<job id>``, with a number from the second on."""
    return attempt_key(f"deliver:0x{job_id.hex()}", attempt)
