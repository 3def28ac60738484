# SPDX-License-Identifier: Apache-2.0
"""The jobs on our desk: begin what decide() takes, keep what comes back."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace

import structlog
from sqlalchemy import select, update

from offchain_workers.chain.contracts import JobTerms, Network
from offchain_workers.chain.db import Database
from offchain_workers.engines import BusyError
from offchain_workers.engines.errors import EngineClosedError, RunFailedError
from offchain_workers.operator.breaker import Breaker
from offchain_workers.operator.clock import ChainClock
from offchain_workers.operator.crew import Answer, Crew
from offchain_workers.operator.decide import Facts, decide, in_order
from offchain_workers.operator.inputs import Inputs
from offchain_workers.operator.metrics import Metrics
from offchain_workers.operator.reasons import Reason, RefusedError, Skip
from offchain_workers.operator.shop import Shop
from offchain_workers.operator.tables import JobRow, Stage, Status
from offchain_workers.storage import BlobStore

log = structlog.get_logger(__name__)

_TRIES = 3
_RETRY_SECONDS = 5
_RUN_SECONDS = 300.0


class Desk:
    """Turns rows of stage NEW into rows of stage READY, through the crew."""

    def __init__(
        self,
        db: Database,
        network: Network,
        operator: str,
        inputs: Inputs,
        local: BlobStore,
        shop: Shop,
        crew: Crew,
        breaker: Breaker,
        clock: ChainClock,
        metrics: Metrics,
    ) -> None:
        self._db = db
        self._network = network
        self._operator = operator
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
        for job in in_order(self._due(facts.now)):
            if only_owed and not job.owed:
                continue
            verdict = decide(job, self._with_slots(facts))
            if isinstance(verdict, Skip):
                self._leave(job, verdict)
            else:
                self._start(job)

    def collect(self) -> None:
        """Store the answers of jobs that ended, or why there is none."""
        for job_id, future in self._crew.finished():
            with self._db.read() as session:
                job = session.get_one(JobRow, job_id)
            try:
                answer = self._answer(job, future)
            except RefusedError as refused:
                self._retry(job, refused.skip)
            else:
                self._keep(job, answer)

    # --- deciding -----------------------------------------------------------------------------

    def _due(self, now: int) -> list[JobRow]:
        query = select(JobRow).where(
            JobRow.stage == Stage.NEW, JobRow.status == Status.OPEN, JobRow.look_at <= now
        )
        with self._db.read() as session:
            return list(session.scalars(query))

    def _with_slots(self, facts: Facts) -> Facts:
        return replace(facts, slots=self._crew.free, breaker_open=not self._breaker.allows())

    def _leave(self, job: JobRow, skip: Skip) -> None:
        """Not now, or never; the first time and each change of mind is logged."""
        if job.reason != skip.reason.code:
            level = log.warning if job.owed else log.info
            level("job left", job=job.job_id.hex(), code=skip.reason.code, reason=skip.line)
            self._metrics.skipped.labels(code=skip.reason.code).inc()
        stage = Stage.SKIPPED if skip.reason.final else Stage.NEW
        if (job.reason, job.stage) != (skip.reason.code, stage) or skip.until:
            self._save(
                job,
                stage=stage,
                reason=skip.reason.code,
                reason_line=skip.line,
                look_at=skip.until or 0,
            )

    def _start(self, job: JobRow) -> None:
        terms = job.terms
        data = self._inputs.kept(job.input_cid) if job.input_cid else job.data
        log.info("job taken", job=job.job_id.hex(), owed=job.owed, turn=job.turn)
        self._save(job, stage=Stage.TAKEN, reason=None, reason_line=None)
        self._breaker.begin()
        self._metrics.taken.inc()
        self._crew.start(job.job_id, lambda: self._work(terms, data))

    # --- in a thread of the crew --------------------------------------------------------------

    def _work(self, terms: JobTerms, data: bytes) -> Answer:
        model, method = self._shop.models[terms.model_id], self._shop.methods[terms.selector]
        items = self._inputs.get(terms, data, model.card, method)
        output = model.runner.submit(b"".join(items)).result(_RUN_SECONDS)
        call = method.deliver(self._network, terms, self._operator, output, items)
        return Answer(self._local.put(output), call)

    # --- coming back --------------------------------------------------------------------------

    def _answer(self, job: JobRow, future: Future[Answer]) -> Answer:
        """Raises RefusedError; counts failures that are ours."""
        try:
            return future.result()
        except RefusedError:
            self._breaker.not_ours()
            raise
        except Exception as error:  # whatever a job does, the daemon goes on
            if self._is_ours(job, error):
                log.error("job failed", job=job.job_id.hex(), reason=str(error))
                self._breaker.failed()
                self._metrics.failures.inc()
            else:
                self._breaker.not_ours()
            raise RefusedError(Skip(Reason.RUN_FAILED, str(error))) from error

    def _is_ours(self, job: JobRow, error: Exception) -> bool:
        """An input may make a healthy model fail."""
        if isinstance(error, (EngineClosedError, BusyError)):
            return False
        if isinstance(error, RunFailedError):
            return not self._shop.models[job.terms.model_id].healthy()
        return True

    def _keep(self, job: JobRow, answer: Answer) -> None:
        self._breaker.succeeded()
        call = answer.call
        wish = {"to": call.to, "data": call.data, "value": call.value}
        log.info("answer ready", job=job.job_id.hex(), output=answer.output_cid)
        self._save(job, stage=Stage.READY, output_cid=answer.output_cid, delivery=wish)

    def _retry(self, job: JobRow, skip: Skip) -> None:
        """Later, and later still; what nobody owes is given up at some point."""
        failures = job.failures + 1
        final = skip.reason.final or (failures >= _TRIES and not job.owed)
        level = log.warning if job.owed else log.info
        level("job not answered", job=job.job_id.hex(), code=skip.reason.code, reason=skip.line)
        self._metrics.skipped.labels(code=skip.reason.code).inc()
        self._save(
            job,
            stage=Stage.SKIPPED if final else Stage.NEW,
            reason=skip.reason.code,
            reason_line=skip.line,
            failures=failures,
            look_at=self._clock.now() + min(_RETRY_SECONDS * 2 ** (failures - 1), 60),
        )

    def _save(self, job: JobRow, **changes: object) -> None:
        """Only where the chain did not close the job meanwhile."""
        ours = update(JobRow).where(JobRow.job_id == job.job_id, JobRow.stage != Stage.DONE)
        with self._db.session() as session:
            session.execute(ours.values(updated_at=self._clock.now(), **changes))
