# SPDX-License-Identifier: Apache-2.0
"""Other members' claims: what their method's audits ask of us is done, until nothing is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future

import structlog
from sqlalchemy import ColumnElement, and_, or_, select

from offchain_workers.chain.agreement import second_opinion
from offchain_workers.chain.contracts import Network
from offchain_workers.chain.db import Database
from offchain_workers.chain.errors import ChainError
from offchain_workers.chain.outbox import Outbox
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.chain.trail import followed
from offchain_workers.daemon.tasks import Tasks, why_failed
from offchain_workers.operator.assignments import Assignments
from offchain_workers.operator.metrics import Metrics
from offchain_workers.operator.once import Once
from offchain_workers.operator.tables import JobRow, Status
from verifiers.base import Assignment, Auditor, Duty, Method

log = structlog.get_logger(__name__)

_STUCK = "MN-WORKER-132"
_PAUSE_SECONDS = 2.0
_AGAIN_SECONDS = 30.0
_THREADS = 2


class Audits:
    """Asks each method's auditor at most once a block about each job, in threads beside the loop.

    Which claims are pending is read from the rows, all else from the chain, so that a restart
    forgets nothing. ``budget``: wei that may be in bonds against wrong claims at a time.
    """

    def __init__(
        self,
        db: Database,
        network: Network,
        pool: RpcPool,
        assignments: Assignments,
        outbox: Outbox,
        methods: Mapping[bytes, Method],
        budget: int,
        metrics: Metrics,
        on_done: Callable[[], None],
    ) -> None:
        self._db = db
        self._network = network
        self._pool = pool
        self._assignments = assignments
        self._me = outbox.sender
        self._once = Once(outbox, "audit")
        self._methods = methods
        self._budget = budget
        self._metrics = metrics
        self._tasks: Tasks[Duty] = Tasks("audit", _THREADS, on_done)
        # By selector; None where there are no audits, missing while nobody knows.
        self._auditors: dict[bytes, Auditor | None] = {}
        self._told: dict[bytes, str] = {}
        self._again: dict[bytes, float] = {}
        self._block = b""
        self._began = -_PAUSE_SECONDS

    def run(self) -> None:
        """Queue what came back, and ask again when a block came. Called by the loop only."""
        for key, future in self._tasks.finished():
            self._take(key, future)
        if time.monotonic() - self._began < _PAUSE_SECONDS or not self._is_new_block():
            return
        self._began = time.monotonic()
        for selector, method in self._methods.items():
            if selector not in self._auditors and self._may(selector):
                self._tasks.start(selector, self._recovery(selector, method))
        for job in self._jobs():
            if self._may(job.job_id) and (task := self._task(job)) is not None:
                self._tasks.start(job.job_id, task)

    @property
    def busy(self) -> bool:
        """Whether some answer is still to come, or to be queued."""
        return self._tasks.busy > 0

    def close(self) -> None:
        """Ask nothing more, and wait for what runs."""
        self._tasks.close()

    def _is_new_block(self) -> bool:
        with self._db.read() as session:
            block = followed(session)
        is_new, self._block = block != self._block, block
        return is_new or bool(self._again)

    def _may(self, key: bytes) -> bool:
        return not self._tasks.has(key) and time.monotonic() >= self._again.get(key, 0)

    def _jobs(self) -> list[JobRow]:
        unfinished = {
            job_id for one in self._auditors.values() if one for job_id in one.unfinished()
        }
        others: ColumnElement[bool] = and_(
            JobRow.status == Status.PENDING, JobRow.operator != self._me
        )
        query = select(JobRow).where(or_(others, JobRow.job_id.in_(unfinished)))
        with self._db.read() as session:
            return list(session.scalars(query))

    # --- in a thread ----------------------------------------------------------------------------

    def _recovery(self, selector: bytes, method: Method) -> Callable[[], Duty]:
        def recover() -> Duty:
            auditor = method.auditor(self._network, self._me, self._budget)
            if auditor is not None:
                auditor.recover()
            self._auditors[selector] = auditor
            return Duty()

        return recover

    def _task(self, job: JobRow) -> Callable[[], Duty] | None:
        auditor = self._auditors.get(job.terms.selector)
        if auditor is None:
            return None
        method = self._methods[job.terms.selector]
        assignment: Assignment = self._assignments.claimed(job, method)
        return lambda: self._confirmed(auditor.due(assignment))

    def _confirmed(self, duty: Duty) -> Duty:
        """Without bonds that only one endpoint has a reason for, where two are configured."""
        try:
            for step in duty.steps:
                if step.call.value:
                    second_opinion(self._pool, self._me, step.call)
        except ChainError as error:
            return Duty([step for step in duty.steps if not step.call.value], error)
        return duty

    # --- coming back ----------------------------------------------------------------------------

    def _take(self, key: bytes, future: Future[Duty]) -> None:
        self._again.pop(key, None)
        # Whatever it is: one claim must not keep the others from being looked at.
        if (error := future.exception()) is not None:
            failed = why_failed(error, _STUCK)
            self._later(key, failed.code, failed.message)
            return
        duty = future.result()
        if duty.left is not None:
            self._leave(key, duty.left.code, duty.left.message)
        self._queue(key, duty)

    def _queue(self, job_id: bytes, duty: Duty) -> None:
        if not duty.steps:
            return
        with self._db.session() as session:
            queued = [self._once.queue(session, job_id, step.call) for step in duty.steps]
        for step, result in zip(duty.steps, queued, strict=True):
            self._metrics.audits.labels(call=step.what).inc(result.is_new)
            if result.refused is not None:
                self._leave(job_id, _STUCK, f"{step.what}: {result.refused}")

    def _later(self, key: bytes, code: str, why: str) -> None:
        self._again[key] = time.monotonic() + _AGAIN_SECONDS
        self._leave(key, code, why)

    def _leave(self, key: bytes, code: str, why: str) -> None:
        """Say, once, why an audit does not go on."""
        if self._told.get(key) == code:
            return
        self._told[key] = code
        self._metrics.audits_left.labels(code=code).inc()
        log.warning("audit left", about=f"0x{key.hex()}", code=code, reason=why)
