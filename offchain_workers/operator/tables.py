# SPDX-License-Identifier: Apache-2.0
"""The worker's tables: subnets that it is a member of, and their jobs."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import Boolean, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from offchain_workers.chain.columns import Args, BigInt, Hex
from offchain_workers.chain.contracts import Acceptance, JobTerms
from offchain_workers.chain.tables import Base

# Raise it when a table below changes in a way that old rows can't follow.
WORKER_SCHEMA = 1


class Status(StrEnum):
    """What the chain says of a job, up to the cursor."""

    UNPOSTED = "unposted"  # promised only, or its post was undone by a reorg
    OPEN = "open"
    PENDING = "pending"
    PAID = "paid"
    REFUNDED = "refunded"


class Stage(StrEnum):
    """How far we are with a job."""

    NEW = "new"
    TAKEN = "taken"  # being fetched and run
    READY = "ready"  # the answer is stored, the delivery not yet queued
    DELIVERING = "delivering"  # the delivery is in the outbox
    DONE = "done"
    SKIPPED = "skipped"


class SubnetRow(Base):
    """A formed subnet with this operator in it; ``mine`` is its place."""

    __tablename__ = "worker_subnets"
    subnet_id: Mapped[bytes] = mapped_column(Hex, primary_key=True)
    block_number: Mapped[int] = mapped_column(Integer)
    expires: Mapped[int] = mapped_column(Integer)
    mine: Mapped[int] = mapped_column(Integer)
    body: Mapped[dict[str, Any]] = mapped_column(Args)

    @property
    def members(self) -> list[tuple[int, int]]:
        """Operator index and price per item, best first."""
        return [(index, price) for index, price in self.body["members"]]

    @property
    def price(self) -> int:
        """Ours, per item."""
        return self.members[self.mine][1]


class JobRow(Base):
    """A job of one of our subnets, or one that we promised. Times are unix seconds.

    ``posted_at`` and ``first`` (whose turn it is) are None until read from the chain; ``pledge``
    is what the primary owes with, as posted, ``promise`` the acceptance that we signed after we
    kept the input under ``input_cid``: a post may name another source, that serves nothing.
    """

    __tablename__ = "worker_jobs"
    job_id: Mapped[bytes] = mapped_column(Hex, primary_key=True)
    subnet_id: Mapped[bytes] = mapped_column(Hex)
    mine: Mapped[int] = mapped_column(Integer)
    members: Mapped[int] = mapped_column(Integer)
    unit_price: Mapped[int] = mapped_column(BigInt)
    deliver_by: Mapped[int] = mapped_column(Integer)
    terms_json: Mapped[dict[str, Any]] = mapped_column(Args)
    data: Mapped[bytes] = mapped_column(Hex)

    status: Mapped[str] = mapped_column(String, default=Status.UNPOSTED, index=True)
    posted_block: Mapped[int | None] = mapped_column(Integer)
    posted_at: Mapped[int | None] = mapped_column(Integer)
    first: Mapped[int | None] = mapped_column(Integer)
    pledge: Mapped[int] = mapped_column(BigInt, default=0)
    operator: Mapped[str | None] = mapped_column(String)

    promise: Mapped[dict[str, Any] | None] = mapped_column(Args)
    promised_until: Mapped[int | None] = mapped_column(Integer)
    input_cid: Mapped[str | None] = mapped_column(String)

    stage: Mapped[str] = mapped_column(String, default=Stage.NEW, index=True)
    reason: Mapped[str | None] = mapped_column(String)
    reason_line: Mapped[str | None] = mapped_column(String)
    look_at: Mapped[int] = mapped_column(Integer, default=0)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    output_cid: Mapped[str | None] = mapped_column(String)
    delivery: Mapped[dict[str, Any] | None] = mapped_column(Args)
    delivery_key: Mapped[str | None] = mapped_column(String)
    deliveries: Mapped[int] = mapped_column(Integer, default=0)
    refund_queued: Mapped[bool] = mapped_column(Boolean, default=False)
    seen_at: Mapped[int] = mapped_column(Integer)
    updated_at: Mapped[int] = mapped_column(Integer)

    @property
    def terms(self) -> JobTerms:
        return JobTerms.from_json(self.terms_json)

    @property
    def acceptance(self) -> Acceptance | None:
        return None if self.promise is None else Acceptance.from_json(self.promise)

    @property
    def owed(self) -> bool:
        """Whether the post carried our acceptance."""
        return self.pledge > 0 and self.mine == int(self.terms_json["primary"])

    @property
    def turn(self) -> int | None:
        """After how many turns it is ours; None while not known."""
        return None if self.first is None else (self.mine - self.first) % self.members

    @property
    def turn_at(self) -> int | None:
        """Chain time from which we may deliver."""
        if self.turn is None or self.posted_at is None:
            return None
        return self.posted_at + self.turn * int(self.terms_json["turn_length"])
