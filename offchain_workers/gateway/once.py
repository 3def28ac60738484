# SPDX-License-Identifier: Apache-2.0
"""A request that is sent again makes nothing anew: idempotency keys, kept with the jobs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from offchain_workers.chain.db import Database
from offchain_workers.gateway.errors import BusyError, IdempotencyReusedError
from offchain_workers.gateway.orders import Share
from offchain_workers.gateway.tables import RequestRow
from offchain_workers.requester.posting import Prepared

_BUSY_SECONDS = 1.0


@dataclass(frozen=True)
class Placed:
    """A job that was written down; ``prepared`` None when an earlier request made it."""

    job_id: bytes
    first: int
    count: int
    prepared: Prepared | None = None


class Once:
    """Thread-safe. What was made is found in the database, by another process too."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._making: set[tuple[str, str]] = set()
        self._making_lock = threading.Lock()

    @contextmanager
    def held(self, share: Share) -> Iterator[Placed | None]:
        """``claim`` for the length of a `with` block."""
        known = self.claim(share)
        try:
            yield known
        finally:
            self.unclaim(share)

    def claim(self, share: Share) -> Placed | None:
        """What an earlier request with the idempotency key made; else nobody else makes it until
        ``unclaim``.

        Raises IdempotencyReusedError for a key of another request, BusyError while the first one
        is at work.
        """
        if share.idempotency is None:
            return None
        key = share.caller.name, share.idempotency
        with self._making_lock:
            if key in self._making:
                raise BusyError("the first request with this key is at work still", _BUSY_SECONDS)
            self._making.add(key)
        with ExitStack() as undo:
            undo.callback(self.unclaim, share)
            with self._db.read() as session:
                made = self._made(session, share)
            undo.pop_all()
        return made

    def unclaim(self, share: Share) -> None:
        """Made, or given up."""
        if share.idempotency is not None:
            with self._making_lock:
                self._making.discard((share.caller.name, share.idempotency))

    def _made(self, session: Session, share: Share) -> Placed | None:
        query = select(RequestRow).where(
            RequestRow.caller == share.caller.name, RequestRow.idempotency == share.idempotency
        )
        row = session.scalars(query).one_or_none()
        if row is None:
            return None
        if row.digest != share.digest:
            raise IdempotencyReusedError("the key stands for another request of yours")
        return Placed(row.job_id, row.first, row.count)
