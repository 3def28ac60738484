# SPDX-License-Identifier: Apache-2.0
"""The jobs on our desk: begin what decide() takes, keep what comes back."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

import structlog
from sqlalchemy import select, update

from offchain_workers.balancing.breaker import Breaker, State
from offchain_workers.chain.contracts import JobTerms
from offchain_workers.chain.db import Database
from offchain_workers.daemon.clock import ChainClock
from offchain_workers.daemon.inputs import Inputs
from offchain_workers.engines import BusyError, EngineError
from offchain_workers.engines.errors import EngineClosedError
from offchain_workers.errors import FusionError
from offchain_workers.operator.assignments import Assignments
from offchain_workers.operator.crew import Answer, Crew
from offchain_workers.operator.decide import Facts, decide, in_order
from offchain_workers.operator.metrics import Metrics
from offchain_workers.operator.reasons import Reason, RefusedError, Skip, refusing
from offchain_workers.operator.shop import Shop
from offchain_workers.operator.tables import JobRow, Stage, Status
from offchain_workers.storage import BlobStore
from offchain_workers.storage.reference import is_sealed
from verifiers.base import Answering, Enclosed
from verifiers.errors import (
    InputUnopenedError,
    InputUnprovableError,
    NotReadyError,
    StakeNotFreeError,
)

log = structlog.get_logger(__name__)

Values = dict[str, object]
# A row and what is new in it, by column.
Change = tuple[JobRow, Values]

_TRIES = 3
_RETRY_SECONDS = 5
_RUN_SECONDS = 300.0


class Desk:
    """Turns rows of stage NEW into rows of stage READY, through the crew."""

    def __init__(
        self,
        db: Database,
        assignments: Assignments,
        inputs: Inputs,
        local: BlobStore,
        shop: Shop,
        crew: Crew,
        breaker: Breaker,
        clock: ChainClock,
        metrics: Metrics,
    ) -> None:
        self._db = db
        self._assignments = assignments
        self._inputs = inputs
        self._local = local
        self._shop = shop
        self._crew = crew
        self._breaker = breaker
        self._clock = clock
        self._metrics = metrics

    def recover(self) -> None:
        """After a restart nothing is being run: begin again what was."""
        with self._db.session() as session:
            taken = update(JobRow).where(JobRow.stage == Stage.TAKEN)
            session.execute(taken.values(stage=Stage.NEW, look_at=0))

    def begin(self, facts: Facts, only_owed: bool = False) -> None:
        """Decide about every open job that is due, and start what is taken."""
        taken: list[JobRow] = []
        changes: list[Change] = []
        for job in in_order(self._due(facts.now)):
            if (only_owed and not job.owed) or self._waits(job, len(taken)):
                continue
            verdict = decide(job, self._with_slots(facts, len(taken)))
            if isinstance(verdict, Skip):
                changes += self._leave(job, verdict)
            else:
                taken.append(job)
        begun: Values = {"stage": Stage.TAKEN, "reason": None, "reason_line": None}
        self._write(changes + [(job, begun) for job in taken])
        for job in taken:
            self._start(job)

    def collect(self) -> None:
        """Store the answers of jobs that ended, or why there is none."""
        finished = dict(self._crew.finished())
        if not finished:
            return
        with self._db.read() as session:
            jobs = list(session.scalars(select(JobRow).where(JobRow.job_id.in_(finished))))
        self._write([(job, self._outcome(job, finished[job.job_id])) for job in jobs])
        self._crew.release(finished)

    def _outcome(self, job: JobRow, future: Future[Answer]) -> Values:
        try:
            answer = self._answer(job, future)
        except RefusedError as refused:
            return self._retry(job, refused.skip)
        return self._keep(job, answer)

    # --- deciding -----------------------------------------------------------------------------

    def _due(self, now: int) -> list[JobRow]:
        query = select(JobRow).where(
            JobRow.stage == Stage.NEW, JobRow.status == Status.OPEN, JobRow.look_at <= now
        )
        with self._db.read() as session:
            return list(session.scalars(query))

    def _waits(self, job: JobRow, taken: int) -> bool:
        """Told to wait for a slot, and there is still none: nothing to decide."""
        return self._crew.free <= taken and job.reason == Reason.CAPACITY_FULL.code

    def _with_slots(self, facts: Facts, taken: int) -> Facts:
        trying = taken > 0 and self._breaker.state is not State.CLOSED
        shut = trying or not self._breaker.allows()
        return replace(facts, slots=self._crew.free - taken, breaker_open=shut)

    def _leave(self, job: JobRow, skip: Skip) -> list[Change]:
        """Not now, or never; the first time and each change of mind is logged."""
        if job.reason != skip.reason.code:
            level = log.warning if job.owed else log.info
            level("job left", job=job.job_id.hex(), code=skip.reason.code, reason=skip.line)
            self._metrics.skipped.labels(code=skip.reason.code).inc()
        stage = Stage.SKIPPED if skip.reason.final else Stage.NEW
        if (job.reason, job.stage) == (skip.reason.code, stage) and not skip.until:
            return []
        return [(job, _left(stage, skip) | {"look_at": skip.until or 0})]

    def _start(self, job: JobRow) -> None:
        terms = job.terms
        data = self._assignments.data(job)
        log.info("job taken", job=job.job_id.hex(), owed=job.owed, turn=job.turn)
        self._breaker.begin()
        self._metrics.taken.inc()
        self._crew.start(job.job_id, lambda: self._work(terms, data))

    # --- in a thread of the crew --------------------------------------------------------------

    def _work(self, terms: JobTerms, data: bytes) -> Answer:
        model, method = self._shop.models[terms.model_id], self._shop.methods[terms.selector]
        with refusing():
            items = self._inputs.get(terms, data, self._shop.view(terms.model_id), method)
        if isinstance(method, Answering):
            output, call = method.proved(self._assignments.answered(terms, items, b""))
            return Answer(self._local.put(output), call)
        if isinstance(method, Enclosed):
            output, call = method.answer(self._assignments.answered(terms, items, b""))
            return Answer(self._local.put(output), call)
        output = model.runner.submit(b"".join(items)).result(_RUN_SECONDS)
        call = method.deliver(self._assignments.answered(terms, items, output))
        return Answer(self._local.put(output), call)

    # --- coming back --------------------------------------------------------------------------

    def _answer(self, job: JobRow, future: Future[Answer]) -> Answer:
        """Raises RefusedError; counts failures that are ours."""
        try:
            return future.result()
        except RefusedError:
            self._breaker.not_ours()
            raise
        except StakeNotFreeError as error:
            self._breaker.not_ours()
            raise RefusedError(Skip(Reason.STAKE_NOT_FREE, error.message)) from error
        except InputUnopenedError as error:
            self._breaker.not_ours()
            raise RefusedError(Skip(Reason.INPUT_SEALED)) from error
        except InputUnprovableError as error:
            self._breaker.not_ours()
            raise RefusedError(Skip(Reason.INPUT_UNPROVABLE)) from error
        except NotReadyError as error:
            self._breaker.not_ours()
            raise RefusedError(Skip(Reason.METHOD_NOT_READY, error.message)) from error
        except Exception as error:  # whatever a job does, the daemon goes on
            line = self._told(job, error)
            if self._is_ours(job, error):
                log.error("job failed", job=job.job_id.hex(), reason=line)
                self._breaker.failed()
                self._metrics.failures.inc()
            else:
                self._breaker.not_ours()
            raise RefusedError(Skip(Reason.RUN_FAILED, line)) from error

    def _told(self, job: JobRow, error: Exception) -> str:
        """Of a private job only the kind of failure: an engine's words may show its input."""
        if not is_sealed(self._assignments.data(job)):
            return str(error)
        return error.code if isinstance(error, FusionError) else type(error).__name__

    def _is_ours(self, job: JobRow, error: Exception) -> bool:
        """An input may make a healthy model fail, or a healthy server reset its connection."""
        if isinstance(error, (EngineClosedError, BusyError)):
            return False
        if isinstance(error, EngineError):
            return not self._shop.models[job.terms.model_id].healthy()
        return True

    def _keep(self, job: JobRow, answer: Answer) -> Values:
        self._breaker.succeeded()
        call = answer.call
        wish = {"to": call.to, "data": call.data, "value": call.value}
        log.info("answer ready", job=job.job_id.hex(), output=answer.output_cid)
        return {"stage": Stage.READY, "output_cid": answer.output_cid, "delivery": wish}

    def _retry(self, job: JobRow, skip: Skip) -> Values:
        """Later, and later still; what nobody owes is given up at some point."""
        failures = job.failures + 1
        final = skip.reason.final or (failures >= _TRIES and not job.owed)
        level = log.warning if job.owed else log.info
        level("job not answered", job=job.job_id.hex(), code=skip.reason.code, reason=skip.line)
        self._metrics.skipped.labels(code=skip.reason.code).inc()
        return _left(Stage.SKIPPED if final else Stage.NEW, skip) | {
            "failures": failures,
            "look_at": self._clock.now() + min(_RETRY_SECONDS * 2 ** (failures - 1), 60),
        }

    def _write(self, changes: Sequence[Change]) -> None:
        """All at once; only where the chain did not close the job meanwhile."""
        if not changes:
            return
        with self._db.session() as session:
            for job, values in changes:
                ours = update(JobRow).where(JobRow.job_id == job.job_id, JobRow.stage != Stage.DONE)
                session.execute(ours.values(updated_at=self._clock.now(), **values))


def _left(stage: Stage, skip: Skip) -> Values:
    return {"stage": stage, "reason": skip.reason.code, "reason_line": skip.line}
