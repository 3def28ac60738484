# SPDX-License-Identifier: Apache-2.0
"""The lives of jobs as rows: each step is written down once, and a job's state is their sum."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from offchain_workers.chain.contracts import JobStatus, JobTerms
from offchain_workers.chain.contracts.marketplace import CloseReason
from offchain_workers.chain.errors import TermsInvalidError
from offchain_workers.chain.events import Event
from offchain_workers.chain.follower import Forward, Rollback, Step
from offchain_workers.gateway.tables import JobRow, State, StepRow

# The chain's event to the step's name in the API.
STEPS = {
    "JobPosted": "posted",
    "JobAccepted": "accepted",
    "JobDelivered": "delivered",
    "JobClosed": "closed",
    "JobReopened": "reopened",
    "JobExcused": "excused",
    "CallbackFailed": "callback_failed",
}
FINAL = (State.PAID, State.REFUNDED, State.FAILED)
_UNKNOWN: dict[str, Any] = dict.fromkeys(
    ("operator", "output", "reason", "price", "post_tx", "post_block", "answer_tx", "answer_block")
)


class Ledger:
    """Works inside its caller's session. ``account``: whose posts are ours."""

    def __init__(self, account: str) -> None:
        self._account = account

    def apply(self, session: Session, steps: Iterable[Step]) -> set[bytes]:
        """Write down what the chain did. The jobs that it happened to."""
        touched: set[bytes] = set()
        for step in steps:
            if isinstance(step, Forward):
                touched |= self._forward(session, step.events)
            else:
                touched |= self._undo(session, step)
        session.flush()
        for job_id in touched:
            refold(session, job_id)
        return touched

    def _forward(self, session: Session, events: Sequence[Event]) -> set[bytes]:
        touched = set()
        for event in events:
            if event.name not in STEPS or not self._known(session, event):
                continue
            job_id = event.args["job_id"]
            session.add(
                StepRow(
                    job_id=job_id,
                    name=STEPS[event.name],
                    body=_body(event),
                    block_number=event.block_number,
                    log_index=event.log_index,
                    tx_hash=event.tx_hash,
                )
            )
            touched.add(job_id)
        return touched

    def _known(self, session: Session, event: Event) -> bool:
        """Whether the job has a row; a post makes one."""
        job_id = event.args["job_id"]
        if session.get(JobRow, job_id) is not None:
            return True
        if event.name != "JobPosted":
            return False
        try:
            terms = JobTerms.from_abi(event.args["terms"])
        except TermsInvalidError:
            return False  # of no use to anybody: no worker takes such a job
        origin = "found" if terms.requester == self._account else "market"
        session.add(new_job(job_id, terms, origin, State.OPEN))
        session.flush()
        return True

    def _undo(self, session: Session, rollback: Rollback) -> set[bytes]:
        """Marks what is gone, and says so to whoever heard of it."""
        gone = StepRow.block_number > rollback.to_block
        rows = session.scalars(select(StepRow).where(gone, ~StepRow.undone)).all()
        for row in rows:
            row.undone = True
        touched = {row.job_id for row in rows}
        for job_id in touched:
            names = [row.name for row in rows if row.job_id == job_id]
            session.add(StepRow(job_id=job_id, name="undone", body={"steps": names}))
        return touched


def new_job(
    job_id: bytes, terms: JobTerms, origin: str, state: State, input_cid: str | None = None
) -> JobRow:
    """A row of a job that nothing has happened to."""
    return JobRow(
        job_id=job_id,
        terms_json=terms.to_json(),
        input_cid=input_cid,
        made_at=int(time.time()),
        origin=origin,
        state=state,
    )


def note(session: Session, job_id: bytes, name: str, body: Mapping[str, Any]) -> None:
    """A step of ours, which no block holds."""
    session.add(StepRow(job_id=job_id, name=name, body=dict(body)))


def refold(session: Session, job_id: bytes) -> None:
    """The job's columns from the steps that stand."""
    job = session.get_one(JobRow, job_id)
    query = select(StepRow).where(
        StepRow.job_id == job_id, ~StepRow.undone, StepRow.block_number.is_not(None)
    )
    order = (StepRow.block_number, StepRow.log_index)
    values = {"state": _before(job), **_UNKNOWN}
    for row in session.scalars(query.order_by(*order)):
        _FOLD[row.name](values, row)
    for name, value in values.items():
        setattr(job, name, value)


def _before(job: JobRow) -> State:
    """What a job is without any post."""
    if job.failure is not None:
        return State.FAILED
    return State.QUEUED if job.origin == "balance" else State.OFFERED


def _body(event: Event) -> dict[str, Any]:
    """What the API tells of an event."""
    args = event.args
    if event.name == "JobPosted":
        return {"requester": args["requester"]}
    if event.name == "JobDelivered":
        names = ("operator", "status", "output_commitment", "output")
        return {name: args[name] for name in names}
    return {name: value for name, value in args.items() if name != "job_id"}


Values = dict[str, Any]


def _posted(values: Values, row: StepRow) -> None:
    values |= {"state": State.OPEN, "post_tx": row.tx_hash, "post_block": row.block_number}


def _delivered(values: Values, row: StepRow) -> None:
    paid = row.body["status"] == JobStatus.PAID
    values |= {
        "state": State.PAID if paid else State.PENDING,
        "operator": row.body["operator"],
        "output": row.body["output"],
        "answer_tx": row.tx_hash,
        "answer_block": row.block_number,
    }


def _closed(values: Values, row: StepRow) -> None:
    reason = CloseReason(row.body["reason"])
    paid = reason is CloseReason.PAID
    values |= {"state": State.PAID if paid else State.REFUNDED, "reason": int(reason)}
    if paid:
        values["price"] = row.body["price"]
    else:
        values["output"] = None


def _reopened(values: Values, row: StepRow) -> None:
    values |= {**_UNKNOWN, "post_tx": values["post_tx"], "post_block": values["post_block"]}
    values["state"] = State.OPEN


def _nothing(values: Values, row: StepRow) -> None:
    """Nothing that a column tells."""


_FOLD: dict[str, Callable[[Values, StepRow], None]] = {
    "posted": _posted,
    "accepted": _nothing,
    "delivered": _delivered,
    "closed": _closed,
    "reopened": _reopened,
    "excused": _nothing,
    "callback_failed": _nothing,
}
