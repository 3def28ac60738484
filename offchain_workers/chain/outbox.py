# SPDX-License-Identifier: Apache-2.0
"""The outbox: what daemons want mined, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, cast

from eth_utils.address import to_checksum_address
from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from offchain_workers.chain.errors import GasLimitTooHighError
from offchain_workers.chain.tables import OutboxRow, PatienceRow, RideRow

# EIP-7825: no transaction may ask for more.
MAX_GAS = 16_777_216


class State(StrEnum):
    """Where an outbox row stands. A mined or cancelled one can return to the first group while a
    reorg may still undo it."""

    QUEUED = "queued"
    PENDING = "pending"
    CANCELLING = "cancelling"

    MINED_OK = "mined_ok"
    MINED_REVERTED = "mined_reverted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


IN_FLIGHT = (State.PENDING, State.CANCELLING)
FAILED = (State.MINED_REVERTED, State.REJECTED, State.CANCELLED, State.SUPERSEDED)
OUTCOMES = (State.MINED_OK, *FAILED)

# What is known of a transaction once it is mined, before that.
UNMINED: dict[str, Any] = {
    "tx_hash": None,
    "block_number": None,
    "block_hash": None,
    "gas_used": None,
    "confirmations": 0,
}

# Key prefixes of the transaction manager's own rows, which nobody wished for: what only fills a
# hole in the nonces, and what carries several wishes.
FILLER, CARRIER = "fill-nonce:", "carry:"


def attempt_key(name: str, attempt: int) -> str:
    """The key of a wish that is made again after it failed: ``#2`` and so on."""
    return name if attempt == 1 else f"{name}#{attempt}"


class Outbox:
    """One signing address's rows. Every method works inside the caller's session."""

    def __init__(self, sender: str, default_max_fee: int) -> None:
        self.sender = to_checksum_address(sender)
        self._default_max_fee = default_max_fee

    def enqueue(
        self,
        session: Session,
        key: str,
        to: str,
        data: bytes,
        value: int = 0,
        gas_limit: int | None = None,
        deadline: int | None = None,
        max_fee: int | None = None,
        alone: bool = False,
        patience: int | None = None,
    ) -> OutboxRow:
        """Wish for a transaction; committed with the caller's own rows.

        ``key`` names the wish (``deliver:<job id>``): a second call with it changes nothing and
        returns the first row, whatever became of it. ``deadline`` is unix seconds: not mined by
        then, it is cancelled. ``max_fee`` bounds the fee in wei per gas. ``alone``: it shares no
        transaction with other wishes. ``patience``: the unix time until which it goes only where
        others take it along. Raises GasLimitTooHighError.
        """
        if gas_limit is not None and gas_limit > MAX_GAS:
            raise GasLimitTooHighError(f"{key}: gas limit {gas_limit} is above {MAX_GAS}")
        row = self.get(session, key)
        if row is None:
            row = OutboxRow(
                sender=self.sender,
                key=key,
                to=to_checksum_address(to),
                data=data,
                value=value,
                gas_limit=gas_limit,
                deadline=deadline,
                max_fee=self._default_max_fee if max_fee is None else max_fee,
                state=State.QUEUED,
            )
            session.add(row)
            session.flush()
            if alone:
                session.add(RideRow(rider_id=row.id))
            if patience is not None:
                session.add(PatienceRow(wish_id=row.id, until=patience))
        return row

    def get(self, session: Session, key: str) -> OutboxRow | None:
        """The row of a key, with its state."""
        mine = (OutboxRow.sender == self.sender) & (OutboxRow.key == key)
        return session.scalars(select(OutboxRow).where(mine)).one_or_none()

    def outcomes(self, session: Session, min_confirmations: int = 1) -> Sequence[OutboxRow]:
        """Rows with an outcome that was not acknowledged yet, oldest first.

        An outcome that a reorg undoes loses its acknowledgement and is listed again when it is
        decided anew.
        """
        deep = or_(OutboxRow.block_number.is_(None), OutboxRow.confirmations >= min_confirmations)
        ours = or_(OutboxRow.key.startswith(FILLER), OutboxRow.key.startswith(CARRIER))
        query = select(OutboxRow).where(
            OutboxRow.sender == self.sender,
            OutboxRow.state.in_(OUTCOMES),
            ~OutboxRow.acknowledged,
            ~ours,
            deep,
        )
        return session.scalars(query.order_by(OutboxRow.id)).all()

    def acknowledge(self, session: Session, row: OutboxRow) -> None:
        """The consumer acted on this outcome, in this transaction."""
        seen = (OutboxRow.id == row.id) & (OutboxRow.state == row.state)
        session.execute(update(OutboxRow).where(seen).values(acknowledged=True))

    def withdraw(self, session: Session, row: OutboxRow, why: str) -> None:
        """It is not wished for any more. Changes nothing once it was sent."""
        waiting = (OutboxRow.id == row.id) & (OutboxRow.state == State.QUEUED)
        gone = {"state": State.CANCELLED, "reason": why, "settled": True}
        session.execute(update(OutboxRow).where(waiting).values(**gone))

    def queued(self, session: Session) -> Sequence[OutboxRow]:
        return self._in_state(session, [State.QUEUED])

    def in_flight(self, session: Session) -> Sequence[OutboxRow]:
        """Rows whose transactions wait to be mined, by nonce."""
        return self._by_nonce(session, IN_FLIGHT)

    def next_nonce(self, session: Session) -> int:
        """The first that no row holds which is not settled yet; 0 without such rows."""
        query = select(func.max(OutboxRow.nonce)).where(
            OutboxRow.sender == self.sender, ~OutboxRow.settled
        )
        highest = session.scalar(query)
        return 0 if highest is None else highest + 1

    def unsettled(self, session: Session) -> Sequence[OutboxRow]:
        """Rows that hold a nonce which a reorg or another transaction may still decide about."""
        return self._by_nonce(session, [*IN_FLIGHT, *OUTCOMES])

    def _by_nonce(self, session: Session, states: Sequence[State]) -> Sequence[OutboxRow]:
        rows = (row for row in self._in_state(session, states) if row.nonce is not None)
        return sorted(rows, key=lambda row: cast(int, row.nonce))

    def _in_state(self, session: Session, states: Sequence[State]) -> Sequence[OutboxRow]:
        query = select(OutboxRow).where(
            OutboxRow.sender == self.sender, OutboxRow.state.in_(states), ~OutboxRow.settled
        )
        return session.scalars(query.order_by(OutboxRow.id)).all()
