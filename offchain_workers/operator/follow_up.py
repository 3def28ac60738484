# SPDX-License-Identifier: Apache-2.0
"""Our pending claims, and what we owe: what their method says is due goes out, until claims stand
or fall, and until promises are kept or excused."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import structlog
from sqlalchemy import and_, or_, select

from offchain_workers.chain.call import Call
from offchain_workers.chain.db import Database
from offchain_workers.chain.outbox import Outbox
from offchain_workers.chain.trail import followed
from offchain_workers.operator.assignments import Assignments
from offchain_workers.operator.once import Once, Queued
from offchain_workers.operator.tables import JobRow, Stage, Status
from verifiers.base import Excusing, Method

log = structlog.get_logger(__name__)

_CODE = "MN-WORKER-131"
_PAUSE_SECONDS = 2.0
_THREADS = 4
# Under which the outbox keeps follow-ups.
FOLLOW = "follow"
_CLOSED = (Status.PAID, Status.REFUNDED)


class FollowUp:
    """Asks each claim's method at most once a block, and not more often than every few seconds.

    Methods are asked in threads beside the daemon's loop: an answer to a challenge may take minutes
    to make. A claim is not asked about again before the last answer came.
    Which claims are ours is read from the job rows and what they need from the chain, so that a
    restart forgets nothing and a reorganisation, which changes the rows, is followed. ``methods``
    are all that are installed: a claim outlives the operator's opting out.
    """

    def __init__(
        self,
        db: Database,
        assignments: Assignments,
        outbox: Outbox,
        methods: Mapping[bytes, Method],
    ) -> None:
        self._db = db
        self._assignments = assignments
        self._me = outbox.sender
        self._outbox = outbox
        self._once = Once(outbox, FOLLOW, repeats=True)
        self._methods = methods
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="claim")
        self._asked: dict[bytes, Future[Sequence[Call]]] = {}
        self._block = b""
        self._began = -_PAUSE_SECONDS

    def run(self) -> None:
        """Queue what came back, and ask again when a block came. Called by the loop only."""
        for job_id in [job_id for job_id, future in self._asked.items() if future.done()]:
            self._take(job_id, self._asked.pop(job_id))
        self._drop()
        for job in self._claims():
            if job.job_id not in self._asked:
                self._ask(job)

    @property
    def busy(self) -> bool:
        """Whether some method's answer is still to come, or to be queued."""
        return bool(self._asked)

    def close(self) -> None:
        """Ask nothing more, and wait for the methods that are at work."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _claims(self) -> list[JobRow]:
        """All that are pending, once a block."""
        if time.monotonic() - self._began < _PAUSE_SECONDS:
            return []
        with self._db.read() as session:
            block = followed(session)
            if block == self._block:
                return []
            pledged = and_(JobRow.status == Status.OPEN, JobRow.pledge > 0)
            query = select(JobRow).where(or_(JobRow.status == Status.PENDING, pledged))
            claims = [row for row in session.scalars(query) if self._ours(row) or _undone(row)]
        self._block, self._began = block, time.monotonic()
        return claims

    def _ask(self, job: JobRow) -> None:
        method = self._methods.get(job.terms.selector)
        if method is None:
            self._stuck(job.job_id, f"method 0x{job.terms.selector.hex()} is not installed")
            return
        assignment = self._assignments.claimed(job, method)
        if self._ours(job):
            self._asked[job.job_id] = self._pool.submit(method.follow_up, assignment)
        elif isinstance(method, Excusing):
            self._asked[job.job_id] = self._pool.submit(method.excuses, assignment)

    def _take(self, job_id: bytes, future: Future[Sequence[Call]]) -> None:
        # Whatever it is: one claim must not keep the others from being answered.
        if (error := future.exception()) is not None:
            self._block = b""  # ask again without waiting for a block
            self._stuck(job_id, str(error))
            return
        calls = future.result()
        if not calls:
            return
        queued: list[Queued] = []
        with self._db.session() as session:
            row = session.get_one(JobRow, job_id)
            if self._ours(row) or _undone(row):
                queued = [self._once.queue(session, job_id, call) for call in calls]
        for reason in filter(None, (one.refused for one in queued)):
            self._stuck(job_id, reason)

    def _drop(self) -> None:
        """What waits to be sent about a job that somebody else closed would cost and do nothing."""
        with self._db.read() as session:
            unsent = self._once.unsent(session)
            idle = [row for job_id, row in unsent if _is_closed(session.get(JobRow, job_id))]
        if not idle:
            return
        with self._db.session() as session:
            for row in idle:
                self._outbox.withdraw(session, row, "MN-TX-012: the job was closed before it went")
                log.info("withdrawn", key=row.key)

    def _ours(self, job: JobRow) -> bool:
        return job.status == Status.PENDING and job.operator == self._me

    def _stuck(self, job_id: bytes, reason: str) -> None:
        log.error("claim not followed up", code=_CODE, job=job_id.hex(), reason=reason)


def _is_closed(job: JobRow | None) -> bool:
    return job is not None and job.status in _CLOSED


def _undone(job: JobRow) -> bool:
    """Whether we owe it, and nothing of ours is on its way."""
    return job.status == Status.OPEN and job.owed and job.stage != Stage.DELIVERING
