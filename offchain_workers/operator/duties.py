# SPDX-License-Identifier: Apache-2.0
"""What a worker must see through before it may stop."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from offchain_workers.chain.db import Database
from offchain_workers.chain.outbox import IN_FLIGHT, State
from offchain_workers.chain.tables import OutboxRow
from offchain_workers.daemon.clock import ChainClock
from offchain_workers.operator.crew import Crew
from offchain_workers.operator.tables import JobRow, Stage, Status


class Duties:
    """Counts them from the rows."""

    def __init__(self, db: Database, operator: str, clock: ChainClock) -> None:
        self._db = db
        self._operator = operator
        self._clock = clock

    def left(self, crew: Crew) -> bool:
        """Jobs being run or owed, deliveries on their way, promises that may still be posted.

        Not a pending claim as such: its row is enough to follow it up after the next start, which
        is the operator's to time when the method wants challenges answered.
        """
        if crew.in_flight:
            return True
        with self._db.read() as session:
            return self._owed(session) or self._promised(session) or self._sending(session)

    def _owed(self, session: Session) -> bool:
        """A READY answer of a job that nobody owes is left to the other members."""
        query = select(JobRow).where(
            JobRow.status == Status.OPEN, JobRow.stage.not_in((Stage.DONE, Stage.SKIPPED))
        )
        rows = session.scalars(query)
        return any(row.owed or row.stage == Stage.DELIVERING for row in rows)

    def _promised(self, session: Session) -> bool:
        query = select(func.count()).where(
            JobRow.status == Status.UNPOSTED, JobRow.promised_until >= self._clock.now()
        )
        return bool(session.scalar(query))

    def _sending(self, session: Session) -> bool:
        query = select(func.count()).where(
            OutboxRow.sender == self._operator, OutboxRow.state.in_((State.QUEUED, *IN_FLIGHT))
        )
        return bool(session.scalar(query))
