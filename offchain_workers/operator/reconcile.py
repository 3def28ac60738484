# SPDX-License-Identifier: Apache-2.0
"""Rows against the chain itself: fill in what events don't say, repair what differs."""

from __future__ import annotations

import structlog
from sqlalchemy import or_, select

from offchain_workers.chain.contracts import Job, JobStatus, Network
from offchain_workers.chain.db import Database
from offchain_workers.chain.tables import CursorRow
from offchain_workers.daemon.clock import ChainClock
from offchain_workers.operator.metrics import Metrics
from offchain_workers.operator.tables import JobRow, Stage, Status

log = structlog.get_logger(__name__)

_REPAIRED = "MN-WORKER-130"
_STATUS = {
    JobStatus.UNKNOWN: Status.UNPOSTED,
    JobStatus.OPEN: Status.OPEN,
    JobStatus.PENDING: Status.PENDING,
    JobStatus.PAID: Status.PAID,
    JobStatus.REFUNDED: Status.REFUNDED,
}
_CLOSED = (Status.PAID, Status.REFUNDED)


class Reconcile:
    """Reads job words as of the follower's cursor, so that both look at the same block."""

    def __init__(
        self, db: Database, network: Network, clock: ChainClock, metrics: Metrics, keep: int
    ) -> None:
        self._db = db
        self._market = network.marketplace
        self._clock = clock
        self._metrics = metrics
        self._keep = keep

    def survey(self) -> None:
        """Since when, and by whose turn, jobs are open where events alone don't tell."""
        unknown = or_(JobRow.posted_at.is_(None), JobRow.first.is_(None))
        with self._db.read() as session:
            rows = session.scalars(select(JobRow).where(JobRow.status == Status.OPEN, unknown))
            wanted = [row.job_id for row in rows]
        for job_id in wanted:
            self._compare(job_id, repair=False)

    def sweep(self) -> None:
        """Compare every row that is not closed, and those closed a short while ago."""
        recent = JobRow.updated_at >= self._clock.now() - self._keep
        with self._db.read() as session:
            query = select(JobRow.job_id).where(or_(JobRow.status.not_in(_CLOSED), recent))
            wanted = list(session.scalars(query))
        for job_id in wanted:
            self._compare(job_id, repair=True)

    def _compare(self, job_id: bytes, repair: bool) -> None:
        with self._db.read() as session:
            cursor = session.get(CursorRow, 1)
        if cursor is None:
            return
        truth = self._market.job(job_id, block=cursor.number)
        with self._db.session() as session:
            now = session.get_one(CursorRow, 1)
            row = session.get_one(JobRow, job_id)
            if now.number != cursor.number:
                return  # the events moved on meanwhile; the next look compares again
            changes = _differences(row, truth)
            if not changes:
                return
            if repair:
                log.warning("row repaired", code=_REPAIRED, job=job_id.hex(), changes=str(changes))
                self._metrics.repairs.labels(code=_REPAIRED).inc()
            for name, value in changes.items():
                setattr(row, name, value)
            self._restage(row)

    def _restage(self, row: JobRow) -> None:
        row.updated_at = self._clock.now()
        if row.status in _CLOSED:
            row.stage = Stage.DONE
        elif row.status == Status.OPEN and row.stage == Stage.DONE:
            row.stage = Stage.DELIVERING if row.delivery_key else Stage.NEW


def _differences(row: JobRow, truth: Job) -> dict[str, object]:
    """Column to the chain's value, where they differ."""
    wanted: dict[str, object] = {"status": _STATUS[truth.status]}
    if truth.status in (JobStatus.OPEN, JobStatus.PENDING):
        wanted |= {"pledge": truth.pledge, "operator": truth.operator}
    if truth.status is JobStatus.OPEN:
        wanted |= {"posted_at": truth.posted_at, "first": truth.first}
    return {name: value for name, value in wanted.items() if getattr(row, name) != value}
