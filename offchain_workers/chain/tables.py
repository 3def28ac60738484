# SPDX-License-Identifier: Apache-2.0
"""The tables that all daemons share. A package with tables of its own derives them from Base."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Float, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from offchain_workers.chain.columns import Args, BigInt, Hex

# Raise it when a table below changes in a way that old rows can't follow.
CHAIN_SCHEMA = 1


class Base(DeclarativeBase):
    """Declarative base of every table in the daemons' database."""


class MetaRow(Base):
    """``schema:<component>`` -> version, and which chain the database follows."""

    __tablename__ = "meta"
    key: Mapped[str] = mapped_column(String, primary_key=True)
    value: Mapped[str] = mapped_column(String)


class CursorRow(Base):
    """The last block whose events were handed out. One row."""

    __tablename__ = "cursor"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    number: Mapped[int] = mapped_column(Integer)


class BlockRow(Base):
    """Headers of handled blocks: the last N, and older ones kept as checkpoints."""

    __tablename__ = "blocks"
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(Hex)
    parent_hash: Mapped[bytes] = mapped_column(Hex)
    timestamp: Mapped[int] = mapped_column(Integer)
    checkpoint: Mapped[bool] = mapped_column(Boolean)


class EventRow(Base):
    """A decoded event on the chain as we follow it now."""

    __tablename__ = "events"
    __table_args__ = (UniqueConstraint("block_hash", "log_index"),)
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    block_number: Mapped[int] = mapped_column(Integer, index=True)
    block_hash: Mapped[bytes] = mapped_column(Hex)
    log_index: Mapped[int] = mapped_column(Integer)
    tx_hash: Mapped[bytes] = mapped_column(Hex)
    address: Mapped[str] = mapped_column(String)
    name: Mapped[str] = mapped_column(String)
    args: Mapped[dict[str, Any]] = mapped_column(Args)


class OutboxRow(Base):
    """A transaction that some daemon wants mined once. ``key`` names the wish, not the nonce.

    Times are unix seconds, fees wei per gas. ``state`` is one of outbox.State. A row that rides on
    another one (RideRow) has no nonce and no attempts of its own.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("sender", "key"),
        Index("outbox_by_state", "sender", "settled", "state"),
        Index("outbox_by_acknowledged", "sender", "acknowledged"),
    )
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    sender: Mapped[str] = mapped_column(String)
    key: Mapped[str] = mapped_column(String)
    to: Mapped[str] = mapped_column(String)
    data: Mapped[bytes] = mapped_column(Hex)
    value: Mapped[int] = mapped_column(BigInt)
    gas_limit: Mapped[int | None] = mapped_column(Integer)
    deadline: Mapped[int | None] = mapped_column(Integer)
    max_fee: Mapped[int] = mapped_column(BigInt)
    state: Mapped[str] = mapped_column(String)
    nonce: Mapped[int | None] = mapped_column(Integer)
    reason: Mapped[str | None] = mapped_column(String)
    tx_hash: Mapped[bytes | None] = mapped_column(Hex)
    block_number: Mapped[int | None] = mapped_column(Integer)
    block_hash: Mapped[bytes | None] = mapped_column(Hex)
    gas_used: Mapped[int | None] = mapped_column(Integer)
    confirmations: Mapped[int] = mapped_column(Integer, default=0)
    acknowledged: Mapped[bool] = mapped_column(Boolean, default=False)
    settled: Mapped[bool] = mapped_column(Boolean, default=False)
    attempts: Mapped[list[AttemptRow]] = relationship(
        back_populates="outbox", order_by="AttemptRow.id", lazy="selectin"
    )
    rides: Mapped[list[RideRow]] = relationship(
        back_populates="carrier", foreign_keys="RideRow.carrier_id"
    )


class RideRow(Base):
    """A wish that went out in one transaction with others, which it does once at most.

    ``carrier`` None: it never does. ``gas``: what it would have asked for alone, and so its share
    of what the carrier used. ``over``: the carrier came to nothing, and the wish goes alone.
    """

    __tablename__ = "outbox_rides"
    rider_id: Mapped[int] = mapped_column(ForeignKey("outbox.id"), primary_key=True)
    carrier_id: Mapped[int | None] = mapped_column(ForeignKey("outbox.id"), index=True)
    gas: Mapped[int] = mapped_column(Integer, default=0)
    over: Mapped[bool] = mapped_column(Boolean, default=False)
    carrier: Mapped[OutboxRow | None] = relationship(
        back_populates="rides", foreign_keys=carrier_id
    )


class PatienceRow(Base):
    """A wish that goes out with others or not at all ``until`` then, in unix seconds."""

    # Not a column of the wish: databases from before it go on.
    __tablename__ = "outbox_patience"
    wish_id: Mapped[int] = mapped_column(ForeignKey("outbox.id"), primary_key=True)
    until: Mapped[int] = mapped_column(Integer)


class AttemptRow(Base):
    """One signed transaction of an outbox row's nonce, written before it is broadcast."""

    __tablename__ = "outbox_attempts"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    outbox_id: Mapped[int] = mapped_column(ForeignKey("outbox.id"), index=True)
    nonce: Mapped[int] = mapped_column(Integer)
    hash: Mapped[bytes] = mapped_column(Hex, unique=True)
    raw: Mapped[bytes] = mapped_column(Hex)
    gas: Mapped[int] = mapped_column(Integer)
    tip: Mapped[int] = mapped_column(BigInt)
    cap: Mapped[int] = mapped_column(BigInt)
    cancel: Mapped[bool] = mapped_column(Boolean)
    signed_at: Mapped[float] = mapped_column(Float)
    signed_block: Mapped[int] = mapped_column(Integer)
    outbox: Mapped[OutboxRow] = relationship(back_populates="attempts")
