# SPDX-License-Identifier: Apache-2.0
"""The gateway's tables: jobs of the market, their life, who asked for them, what they cost."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from offchain_workers.chain.columns import Args, BigInt, Hex
from offchain_workers.chain.contracts import JobTerms
from offchain_workers.chain.tables import Base

# Raise it when a table below changes in a way that old rows can't follow.
GATEWAY_SCHEMA = 1


class State(StrEnum):
    """How far a job is."""

    OFFERED = "offered"  # handed to a wallet, which has not posted it yet
    QUEUED = "queued"  # ours, not mined yet
    OPEN = "open"
    PENDING = "pending"  # answered, and may be challenged still
    PAID = "paid"
    REFUNDED = "refunded"
    FAILED = "failed"  # never posted


class JobRow(Base):
    """A job: ours or any other of the market. Everything after ``failure`` is the chain's word and
    is folded anew from the events whenever one comes or goes. ``input_cid`` names the items' wire
    bytes in the store, where we have them."""

    __tablename__ = "gateway_jobs"
    job_id: Mapped[bytes] = mapped_column(Hex, primary_key=True)
    terms_json: Mapped[dict[str, Any]] = mapped_column(Args)
    input_cid: Mapped[str | None] = mapped_column(String)
    made_at: Mapped[int] = mapped_column(Integer)
    origin: Mapped[str] = mapped_column(String)
    failure: Mapped[str | None] = mapped_column(String)

    state: Mapped[str] = mapped_column(String, index=True)
    operator: Mapped[str | None] = mapped_column(String)
    output: Mapped[bytes | None] = mapped_column(Hex)
    reason: Mapped[int | None] = mapped_column(Integer)
    price: Mapped[int | None] = mapped_column(BigInt)
    post_tx: Mapped[bytes | None] = mapped_column(Hex)
    post_block: Mapped[int | None] = mapped_column(Integer)
    answer_tx: Mapped[bytes | None] = mapped_column(Hex)
    answer_block: Mapped[int | None] = mapped_column(Integer)

    @property
    def terms(self) -> JobTerms:
        return JobTerms.from_json(self.terms_json)


class StepRow(Base):
    """One step of a job's life; its id is what a stream is resumed by. A step that a reorg undid
    stays, marked, and one named `undone` follows."""

    __tablename__ = "gateway_steps"
    __table_args__ = (Index("gateway_steps_by_job", "job_id", "id"), {"sqlite_autoincrement": True})
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    job_id: Mapped[bytes] = mapped_column(Hex)
    name: Mapped[str] = mapped_column(String)
    body: Mapped[dict[str, Any]] = mapped_column(Args)
    block_number: Mapped[int | None] = mapped_column(Integer)
    log_index: Mapped[int | None] = mapped_column(Integer)
    tx_hash: Mapped[bytes | None] = mapped_column(Hex)
    undone: Mapped[bool] = mapped_column(Boolean, default=False)


class RequestRow(Base):
    """A caller's share of a job: items ``first`` to ``first + count - 1``. ``digest`` is of the
    request that ``idempotency`` stands for."""

    __tablename__ = "gateway_requests"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    caller: Mapped[str] = mapped_column(String, index=True)
    idempotency: Mapped[str | None] = mapped_column(String)
    digest: Mapped[bytes] = mapped_column(Hex)
    job_id: Mapped[bytes] = mapped_column(ForeignKey(JobRow.job_id), index=True)
    first: Mapped[int] = mapped_column(Integer)
    count: Mapped[int] = mapped_column(Integer)
    extra: Mapped[dict[str, Any]] = mapped_column(Args)
    __table_args__ = (
        Index("gateway_requests_once", "caller", "idempotency", unique=True),
        {"sqlite_autoincrement": True},
    )


class SpendRow(Base):
    """Money that a caller's hour counts: reserved before a job is made, none once it failed.
    ``items``: how many of them it is for."""

    __tablename__ = "gateway_spends"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    caller: Mapped[str] = mapped_column(String)
    at: Mapped[int] = mapped_column(Integer, index=True)
    wei: Mapped[int] = mapped_column(BigInt)
    items: Mapped[int] = mapped_column(Integer)
    job_id: Mapped[bytes | None] = mapped_column(Hex, index=True)
