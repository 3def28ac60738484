# SPDX-License-Identifier: Apache-2.0
"""What the follower remembers: cursor, headers, events. Writes go into the caller's session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from offchain_workers.chain.events import Event
from offchain_workers.chain.header import Header
from offchain_workers.chain.tables import BlockRow, CursorRow, EventRow


@dataclass(frozen=True)
class Forward:
    """New blocks. ``events`` are in chain order.

    ``blocks`` holds every header near the head, only the last of a range while catching up.
    """

    blocks: list[Header]
    events: list[Event]


@dataclass(frozen=True)
class Rollback:
    """Blocks above ``to_block`` are gone; ``removed`` events are in reverse chain order."""

    to_block: int
    removed: list[Event]


Step = Forward | Rollback


@dataclass
class Plan:
    """What one poll found, before anything is written. ``start`` is the cursor that it saw."""

    start: int
    back_to: int | None = None
    blocks: list[Header] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    ranged: bool = False


def load(session: Session, start_block: int) -> tuple[int, BlockRow | None]:
    """The cursor (``start_block - 1`` at first) and its header."""
    row = session.get(CursorRow, 1)
    number = start_block - 1 if row is None else row.number
    return number, session.get(BlockRow, number)


def followed(session: Session) -> bytes:
    """Hash of the block up to which rows tell the truth; empty before the first."""
    cursor = session.get(CursorRow, 1)
    block = session.get(BlockRow, cursor.number) if cursor else None
    return block.hash if block else b""


def last_at_or_below(session: Session, number: int) -> BlockRow | None:
    query = select(BlockRow).where(BlockRow.number <= number).order_by(BlockRow.number.desc())
    return session.scalars(query.limit(1)).first()


def last_matching(session: Session, matches: Callable[[BlockRow], bool]) -> BlockRow | None:
    """The newest stored header still on the chain, by bisection: all before it are, too."""
    rows: Sequence[BlockRow] = session.scalars(select(BlockRow).order_by(BlockRow.number)).all()
    low, high = 0, len(rows)
    while low < high:
        middle = (low + high) // 2
        if matches(rows[middle]):
            low = middle + 1
        else:
            high = middle
    return rows[low - 1] if low else None


def write(session: Session, plan: Plan, keep: int) -> list[Step]:
    """Apply a plan. Raises ValueError when the poll before it was not committed."""
    cursor = session.get(CursorRow, 1)
    if cursor is not None and cursor.number != plan.start:
        raise ValueError("poll again only after the session of the last poll was committed")
    steps: list[Step] = []
    if plan.back_to is not None:
        steps.append(roll_back(session, plan.back_to))
    if plan.blocks:
        _forward(session, plan, keep)
        steps.append(Forward(plan.blocks, plan.events))
    return steps


def roll_back(session: Session, to_block: int) -> Rollback:
    """Forget everything above ``to_block``."""
    gone = EventRow.block_number > to_block
    order = (EventRow.block_number.desc(), EventRow.log_index.desc())
    removed = [
        Event.of(row) for row in session.scalars(select(EventRow).where(gone).order_by(*order))
    ]
    session.execute(delete(EventRow).where(gone))
    session.execute(delete(BlockRow).where(BlockRow.number > to_block))
    _move_cursor(session, to_block)
    return Rollback(to_block, removed)


def _forward(session: Session, plan: Plan, keep: int) -> None:
    for header in plan.blocks:
        session.add(
            BlockRow(
                number=header.number,
                hash=header.hash,
                parent_hash=header.parent_hash,
                timestamp=header.timestamp,
                checkpoint=plan.ranged or header.number % keep == 0,
            )
        )
    session.add_all(event.row() for event in plan.events)
    head = plan.blocks[-1].number
    old = (BlockRow.number <= head - keep) & ~BlockRow.checkpoint
    session.execute(delete(BlockRow).where(old))
    _move_cursor(session, head)


def _move_cursor(session: Session, number: int) -> None:
    session.merge(CursorRow(id=1, number=number))
    session.flush()
