# SPDX-License-Identifier: Apache-2.0
"""Jobs' lives as rows: states follow the chain, backwards too, and nothing told is untold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from offchain_workers.chain.contracts import JobTerms
from offchain_workers.chain.db import Database
from offchain_workers.chain.events import Event
from offchain_workers.chain.follower import Forward, Rollback
from offchain_workers.gateway.ledger import Ledger, new_job, note
from offchain_workers.gateway.tables import GATEWAY_SCHEMA, JobRow, State, StepRow

US, THEM, OPERATOR = ("0x" + digit * 40 for digit in "123")
JOB = b"\x07" * 32
TERMS = JobTerms(
    requester=US,
    model_id=b"\x01" * 32,
    selector=b"\x02" * 4,
    subnet_id=b"\x03" * 32,
    input_commitment=b"\x04" * 32,
    max_price=10,
    deliver_by=100,
    resolve_by=200,
    turn_length=5,
)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    found = Database(f"sqlite:///{tmp_path / 'gateway.db'}", {"gateway": GATEWAY_SCHEMA})
    yield found
    found.close()


def event(name: str, block: int, index: int = 0, **args: Any) -> Event:
    return Event(
        block_number=block,
        block_hash=bytes([block]) * 32,
        log_index=index,
        tx_hash=bytes([block, index]) * 16,
        address=THEM,
        name=name,
        args={"job_id": JOB, **args},
    )


def posted(block: int, requester: str = US) -> Event:
    terms = replace(TERMS, requester=requester).abi()
    return event("JobPosted", block, requester=requester, terms=terms, data=b"")


def delivered(block: int, status: int, output: bytes = b"\x09") -> Event:
    more = {"operator": OPERATOR, "output_commitment": b"\x05" * 32, "output": output}
    return event("JobDelivered", block, 1, status=status, **more)


def closed(block: int, reason: int) -> Event:
    return event("JobClosed", block, 2, operator=OPERATOR, reason=reason, price=7, fee=1, royalty=0)


def reopened(block: int) -> Event:
    return event("JobReopened", block, 3, refuted=OPERATOR)


def excused(block: int) -> Event:
    return event("JobExcused", block, 4, operator=OPERATOR)


def apply(db: Database, *steps: Forward | Rollback) -> JobRow | None:
    with db.session() as session:
        Ledger(US).apply(session, steps)
    with db.read() as session:
        return session.get(JobRow, JOB)


def forward(*events: Event) -> Forward:
    return Forward([], list(events))


def told(db: Database) -> list[str]:
    with db.read() as session:
        return [row.name for row in session.scalars(select(StepRow).order_by(StepRow.id))]


def test_a_job_goes_from_post_to_payment(db: Database) -> None:
    job = apply(db, forward(posted(1)), forward(delivered(2, 3), closed(2, 1)))
    assert job is not None
    assert (job.state, job.origin, job.output, job.price) == (State.PAID, "found", b"\x09", 7)
    assert (job.post_block, job.answer_block) == (1, 2)


def test_a_refuted_answer_is_forgotten_and_the_next_one_stands(db: Database) -> None:
    job = apply(db, forward(posted(1), delivered(2, 2)))
    assert job is not None
    assert (job.state, job.output) == (State.PENDING, b"\x09")
    job = apply(db, forward(reopened(3)))
    assert job is not None
    assert (job.state, job.output, job.post_block) == (State.OPEN, None, 1)
    job = apply(db, forward(delivered(4, 2, b"\x0a"), closed(5, 1)))
    assert job is not None
    assert (job.state, job.output, job.answer_block) == (State.PAID, b"\x0a", 4)


def test_a_refund_has_no_answer(db: Database) -> None:
    job = apply(db, forward(posted(1)), forward(closed(9, 2)))
    assert job is not None
    assert (job.state, job.output, job.price, job.reason) == (State.REFUNDED, None, None, 2)


def test_what_a_reorg_takes_back_is_told(db: Database) -> None:
    apply(db, forward(posted(1)), forward(delivered(2, 3), closed(2, 1)))
    job = apply(db, Rollback(1, []))
    assert job is not None
    assert (job.state, job.output) == (State.OPEN, None)
    assert told(db) == ["posted", "delivered", "closed", "undone"]
    job = apply(db, forward(delivered(3, 3), closed(3, 1)))
    assert job is not None
    assert (job.state, job.answer_block) == (State.PAID, 3)
    assert told(db)[4:] == ["delivered", "closed"]


def test_our_own_job_is_queued_again_when_a_reorg_drops_its_post(db: Database) -> None:
    with db.session() as session:
        session.add(new_job(JOB, TERMS, "balance", State.QUEUED))
        session.flush()
        note(session, JOB, "queued", {})
    job = apply(db, forward(posted(1)))
    assert job is not None
    assert (job.state, job.origin) == (State.OPEN, "balance")
    job = apply(db, Rollback(0, []))
    assert job is not None
    assert job.state == State.QUEUED


def test_events_of_a_job_without_a_post_make_nothing(db: Database) -> None:
    assert apply(db, forward(delivered(2, 3))) is None


def test_others_jobs_are_theirs(db: Database) -> None:
    job = apply(db, forward(posted(1, THEM)))
    assert job is not None
    assert job.origin == "market"


def test_an_excuse_is_told_and_the_job_goes_on(db: Database) -> None:
    job = apply(db, forward(posted(1), excused(2)))
    assert job is not None
    assert (job.state, job.operator, job.output) == (State.OPEN, None, None)
    assert told(db)[-1] == "excused"


LIFE = [posted(1), delivered(2, 2), reopened(3), delivered(4, 2), closed(5, 1)]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=6))
def test_however_often_the_chain_goes_back_the_end_is_the_same(cuts: list[int]) -> None:
    db = Database("sqlite://", {"gateway": GATEWAY_SCHEMA})
    at = 0
    for cut in [*cuts, 5]:
        if cut < at:
            apply(db, Rollback(cut, []))
        else:
            apply(db, forward(*[e for e in LIFE if at < e.block_number <= cut]))
        at = cut
    job = apply(db)
    assert job is not None
    assert (job.state, job.answer_block, job.price) == (State.PAID, 4, 7)
    db.close()
