# SPDX-License-Identifier: Apache-2.0
"""Calls that a method asks for again and again are sent once."""

from __future__ import annotations

from typing import NamedTuple

import structlog
from eth_utils.crypto import keccak
from sqlalchemy.orm import Session

from offchain_workers.chain.call import Call
from offchain_workers.chain.outbox import FAILED, Outbox, attempt_key
from offchain_workers.chain.tables import OutboxRow

log = structlog.get_logger(__name__)

_TRIES = 5


class Queued(NamedTuple):
    """Whether the call was queued just now; why it is not sent any more."""

    is_new: bool
    refused: str | None = None


class Once:
    """Queues under ``kind``, job and data, so that a restart finds what is on its way.

    ``repeats``: what is asked for when it is mined for good had no effect, and is sent again.
    """

    def __init__(self, outbox: Outbox, kind: str, repeats: bool = False) -> None:
        self._outbox = outbox
        self._kind = kind
        self._repeats = repeats

    def queue(self, session: Session, job_id: bytes, call: Call) -> Queued:
        """Once, and a few times more when the chain does not take it."""
        reason = None
        for attempt in range(1, _TRIES + 1):
            key = call_key(self._kind, job_id, call.data, attempt)
            row = self._outbox.get(session, key)
            if row is None:
                wish = call.to, call.data, call.value
                self._outbox.enqueue(session, key, *wish, patience=call.patience)
                log.info("queued", job=job_id.hex(), key=key, earlier=reason)
                return Queued(True)
            if row.state not in FAILED and not (self._repeats and row.settled):
                return Queued(False)
            reason = row.reason or "it had no effect"
        return Queued(False, f"refused {_TRIES} times: {reason}")

    def unsent(self, session: Session) -> list[tuple[bytes, OutboxRow]]:
        """Jobs, and calls about them that are queued still."""
        rows = self._outbox.queued(session)
        return [(_job_of(row.key), row) for row in rows if row.key.startswith(f"{self._kind}:")]


def _job_of(key: str) -> bytes:
    return bytes.fromhex(key.split(":")[1].removeprefix("0x"))


def call_key(kind: str, job_id: bytes, data: bytes, attempt: int) -> str:
    """The outbox's name of a call: kind, job and, in short, the data."""
    return attempt_key(f"{kind}:0x{job_id.hex()}:{keccak(data).hex()[:8]}", attempt)
