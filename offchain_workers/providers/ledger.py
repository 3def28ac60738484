# SPDX-License-Identifier: Apache-2.0
"""Rows of leases, each change committed at once."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from sqlalchemy import select, update

from offchain_workers.chain.db import Database
from offchain_workers.providers.base import Wish
from offchain_workers.providers.tables import LeaseRow, State


class Ledger:
    """Raises ChainError when the database can't be written: then nothing was asked of a source."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def begin(self, name: str, source: str, wish: Wish) -> None:
        """Before anything is ordered under ``name``."""
        now = time.time()
        row = LeaseRow(
            name=name,
            source=source,
            state=State.ORDERING,
            wish=_told(wish),
            created_at=now,
            ends_at=now + 3_600 * wish.hours,
        )
        with self._db.session() as session:
            session.add(row)

    def all(self) -> list[LeaseRow]:
        """Newest first."""
        with self._db.read() as session:
            return list(session.scalars(select(LeaseRow).order_by(LeaseRow.created_at.desc())))

    def row(self, name: str) -> LeaseRow:
        """One that is there."""
        with self._db.read() as session:
            return session.scalars(select(LeaseRow).where(LeaseRow.name == name)).one()

    def set(self, name: str, **values: Any) -> None:
        with self._db.session() as session:
            session.execute(update(LeaseRow).where(LeaseRow.name == name).values(**values))


def _told(wish: Wish) -> dict[str, Any]:
    """The wish: not its environment, which may hold secrets."""
    return {**asdict(wish), "env": sorted(wish.env), "command": list(wish.command)}
