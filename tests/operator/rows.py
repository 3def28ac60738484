# SPDX-License-Identifier: Apache-2.0
"""A worker's database without its worker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select

from offchain_workers.chain.contracts import JobTerms
from offchain_workers.chain.db import Database
from offchain_workers.chain.outbox import Outbox
from offchain_workers.chain.tables import BlockRow, CursorRow, OutboxRow
from offchain_workers.operator.tables import WORKER_SCHEMA, Status, SubnetRow
from offchain_workers.operator.watch import new_job


class Rows:
    """Claims in it, and blocks that come one by one."""

    def __init__(self, operator: str, folder: Path) -> None:
        self.db = Database(f"sqlite:///{folder}/worker.db", {"worker": WORKER_SCHEMA})
        self.outbox = Outbox(operator, 10**9)
        self.blocks = 0

    def add(
        self, job_id: bytes, operator: str, terms: JobTerms, status: Status = Status.PENDING
    ) -> None:
        subnet = SubnetRow(subnet_id=bytes(32), expires=0, mine=0, body={"members": [[0, 1]]})
        row = new_job(job_id, terms, b"", subnet, 0)
        row.status, row.operator = status, operator
        with self.db.session() as session:
            session.add(row)

    def block(self) -> None:
        self.blocks += 1
        with self.db.session() as session:
            header = {"parent_hash": bytes(32), "timestamp": 0, "checkpoint": False}
            mark = self.blocks.to_bytes(32, "big")
            session.add(BlockRow(number=self.blocks, hash=mark, **header))
            session.merge(CursorRow(id=1, number=self.blocks))

    def sent(self) -> Sequence[OutboxRow]:
        """All that was queued, in order."""
        with self.db.read() as session:
            return session.scalars(select(OutboxRow).order_by(OutboxRow.id)).all()
