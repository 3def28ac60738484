# SPDX-License-Identifier: Apache-2.0
"""What the chain says of a job, as a worker writes it down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from offchain_workers.chain.db import Database
from offchain_workers.chain.events import Event
from offchain_workers.chain.follower import Forward
from offchain_workers.chain.header import Header
from offchain_workers.daemon.clock import ChainClock
from offchain_workers.operator.reasons import Reason
from offchain_workers.operator.tables import WORKER_SCHEMA, JobRow, Stage, Status
from offchain_workers.operator.watch import Watch

PRIMARY, BACKUP = ("0x" + digit * 40 for digit in "12")
JOB = b"\x07" * 32


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'worker.db'}", {"worker": WORKER_SCHEMA})
    yield made
    made.close()


def skipped(mine: int) -> JobRow:
    """A job in the primary's turn, as the member at ``mine`` has it."""
    numbers = {"members": 3, "unit_price": 1, "deliver_by": 2**31, "seen_at": 0, "updated_at": 0}
    row = JobRow(job_id=JOB, subnet_id=bytes(32), mine=mine, data=b"", terms_json={}, **numbers)
    row.status, row.pledge, row.first, row.posted_at = Status.OPEN, 5, 0, 1_000
    row.stage, row.reason = Stage.SKIPPED, Reason.NOT_MY_TURN.code
    return row


def told(db: Database, worker: str, name: str, **args: Any) -> JobRow:
    """The row after that event."""
    event = Event(1, b"\1" * 32, 0, b"\2" * 32, PRIMARY, name, {"job_id": JOB, **args})
    block = Header(1, event.block_hash, bytes(32), 1_100, 0, b"", None)
    with db.session() as session:
        session.add(skipped(0 if worker == PRIMARY else 1))
    with db.session() as session:
        Watch(worker, ChainClock()).apply(session, [Forward([block], [event])])
    with db.read() as session:
        return session.get_one(JobRow, JOB)


@pytest.mark.parametrize("worker", [PRIMARY, BACKUP])
def test_an_excuse_frees_the_pledge_and_starts_the_turns_again(db: Database, worker: str) -> None:
    row = told(db, worker, "JobExcused", operator=PRIMARY)
    assert (row.status, row.pledge, row.first, row.posted_at) == (Status.OPEN, 0, None, None)
    assert row.stage == Stage.NEW


@pytest.mark.parametrize(("worker", "stage"), [(PRIMARY, Stage.SKIPPED), (BACKUP, Stage.NEW)])
def test_whose_claim_fell_leaves_the_job_to_the_others(
    db: Database, worker: str, stage: Stage
) -> None:
    row = told(db, worker, "JobReopened", refuted=PRIMARY)
    assert (row.status, row.first, row.stage) == (Status.OPEN, None, stage)
