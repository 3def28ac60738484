# SPDX-License-Identifier: Apache-2.0
"""The ledger of leases: written before anything is asked of a source, so that nothing is lost."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import Float, String
from sqlalchemy.orm import Mapped, mapped_column

from offchain_workers.chain.columns import Args, BigInt
from offchain_workers.chain.tables import Base

# Raise it when the table below changes in a way that old rows can't follow.
PROVIDER_SCHEMA = 1


class State(StrEnum):
    """How far a lease is. From LEASED to RELEASED it may cost money."""

    ORDERING = "ordering"  # the order may or may not exist at the source
    ORDERED = "ordered"  # it exists; bids are awaited
    LEASED = "leased"  # a bid was accepted, or is being accepted
    UP = "up"  # its server answers
    RELEASING = "releasing"  # to be closed, until the source has said that it is
    RELEASED = "released"
    FAILED = "failed"  # never came to be


# What a command that died has left behind.
UNFINISHED = (State.ORDERING, State.ORDERED, State.LEASED, State.RELEASING)
OVER = (State.RELEASED, State.FAILED)


class LeaseRow(Base):
    """``name`` is the order's at the source; ``handle`` the source's own. Prices in micro-dollars
    per hour; times in unix seconds."""

    __tablename__ = "leases"
    name: Mapped[str] = mapped_column(String, primary_key=True)
    source: Mapped[str] = mapped_column(String)
    state: Mapped[State] = mapped_column(String)
    handle: Mapped[str | None] = mapped_column(String)
    provider: Mapped[str | None] = mapped_column(String)
    price: Mapped[int | None] = mapped_column(BigInt)
    url: Mapped[str | None] = mapped_column(String)
    wish: Mapped[dict[str, Any]] = mapped_column(Args)
    created_at: Mapped[float] = mapped_column(Float)
    ends_at: Mapped[float] = mapped_column(Float)
    reason: Mapped[str | None] = mapped_column(String)
