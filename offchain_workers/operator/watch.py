# SPDX-License-Identifier: Apache-2.0
"""From events to rows: which subnets are ours, which jobs, and what the chain says of them.

Everything here runs in the session that also moves the follower's cursor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from offchain_workers.chain.contracts import JobTerms
from offchain_workers.chain.contracts.marketplace import CloseReason
from offchain_workers.chain.errors import TermsInvalidError
from offchain_workers.chain.events import Event
from offchain_workers.chain.follower import Rollback, Step
from offchain_workers.chain.tables import EventRow
from offchain_workers.daemon.clock import ChainClock
from offchain_workers.operator.reasons import Reason
from offchain_workers.operator.tables import JobRow, Stage, Status, SubnetRow

log = structlog.get_logger(__name__)

_PENDING = 2
_LATER = ("JobAccepted", "JobDelivered", "JobClosed", "JobReopened", "JobExcused")
_CATALOGUE = {
    "AttestationRetracted", "FeeSet", "ManifestSet", "MethodAdded", "ModelAttested",
    "ModelPublished", "OfferEnded", "Offered", "OptedIn", "OptedOut",
}  # fmt: skip


@dataclass
class Seen:
    """What a poll brought that others act on: ``catalogue``, that models, methods, offers or the
    announced manifest may have changed."""

    catalogue: bool = False


class Watch:
    """Keeps SubnetRow and JobRow as the chain has them, for one operator's address."""

    def __init__(self, operator: str, clock: ChainClock) -> None:
        self.operator = operator
        self._clock = clock
        self._index: int | None = None

    def load(self, session: Session) -> None:
        """Find our operator index among the events of earlier runs."""
        rows = session.scalars(select(EventRow).where(EventRow.name == "OperatorRegistered"))
        for row in rows:
            self._registered(Event.of(row))

    @property
    def registered(self) -> bool:
        return self._index is not None

    def apply(self, session: Session, steps: Sequence[Step]) -> Seen:
        """Write what the steps mean."""
        seen = Seen()
        for step in steps:
            if isinstance(step, Rollback):
                self._undo(session, step)
                seen.catalogue = True
                continue
            times = {header.number: header.timestamp for header in step.blocks}
            for event in step.events:
                self._apply(session, event, times)
                seen.catalogue |= self._concerns_us(event)
            self._clock.see(step.blocks[-1].timestamp)
        return seen

    def _concerns_us(self, event: Event) -> bool:
        """Whether what we serve, or say of ourselves, may have changed."""
        who = event.args.get("operator", self.operator)
        return event.name in _CATALOGUE and bool(who == self.operator)

    # --- forward ------------------------------------------------------------------------------

    def _apply(self, session: Session, event: Event, times: Mapping[int, int]) -> None:
        if event.name == "OperatorRegistered":
            self._registered(event)
        elif event.name == "SubnetFormed":
            self._formed(session, event)
        elif event.name == "JobPosted":
            self._posted(session, event, times.get(event.block_number))
        elif event.name in _LATER:
            row = session.get(JobRow, event.args["job_id"])
            if row is not None:
                self._later(row, event)
                self._restage(row)

    def _registered(self, event: Event) -> None:
        if event.args["operator"] == self.operator:
            self._index = int(event.args["index"])

    def _formed(self, session: Session, event: Event) -> None:
        words = [int(word) for word in event.args["members"] if word]
        members = [[word >> 96, word & ((1 << 96) - 1)] for word in words]
        mine = next((i for i, (index, _) in enumerate(members) if index == self._index), None)
        if mine is None:
            return
        log.info("member of a subnet", subnet=event.args["subnet_id"].hex(), place=mine)
        session.merge(
            SubnetRow(
                subnet_id=event.args["subnet_id"],
                block_number=event.block_number,
                expires=int(event.args["expires"]),
                mine=mine,
                body={"members": members},
            )
        )

    def _posted(self, session: Session, event: Event, timestamp: int | None) -> None:
        try:
            terms = JobTerms.from_abi(event.args["terms"])
        except TermsInvalidError as error:
            log.debug("job ignored", job=event.args["job_id"].hex(), reason=error.message)
            return
        subnet = session.get(SubnetRow, terms.subnet_id)
        if subnet is None:
            return
        job_id = event.args["job_id"]
        row = session.get(JobRow, job_id)
        if row is None:
            row = new_job(job_id, terms, bytes(event.args["data"]), subnet, self._clock.now())
            session.add(row)
        row.data = bytes(event.args["data"])
        row.status = Status.OPEN
        row.posted_block = event.block_number
        row.posted_at = timestamp
        row.first = terms.primary
        if row.stage == Stage.SKIPPED:  # posted again after a reorganisation
            row.stage, row.failures = Stage.NEW, 0
        row.look_at = 0
        self._restage(row)

    def _later(self, row: JobRow, event: Event) -> None:
        args = event.args
        if event.name == "JobAccepted":
            row.pledge = int(args["pledge"])
        elif event.name == "JobDelivered":
            row.operator = args["operator"]
            row.status = Status.PENDING if args["status"] == _PENDING else Status.PAID
            if row.operator == self.operator and row.owed:
                row.pledge = 0
        elif event.name == "JobReopened":
            self._reopened(row, args["refuted"])
        elif event.name == "JobExcused":
            row.pledge = 0
            self._turns_restart(row)
        else:
            paid = args["reason"] == CloseReason.PAID
            row.status = Status.PAID if paid else Status.REFUNDED
            row.pledge = 0

    def _reopened(self, row: JobRow, refuted: str) -> None:
        """Others look again; whose answer was wrong leaves the job to them."""
        row.status, row.operator = Status.OPEN, None
        if refuted == self.operator:
            log.error("claim refuted", code=Reason.CLAIM_REFUTED.code, job=row.job_id.hex())
            row.stage, row.reason = Stage.SKIPPED, Reason.CLAIM_REFUTED.code
            row.reason_line = Reason.CLAIM_REFUTED.text
        self._turns_restart(row)

    def _turns_restart(self, row: JobRow) -> None:
        """Whose turn it is, and since when, is then read from the chain."""
        row.posted_at = row.first = None
        row.look_at = 0
        if row.stage == Stage.SKIPPED and row.reason != Reason.CLAIM_REFUTED.code:
            row.stage, row.failures = Stage.NEW, 0

    def _restage(self, row: JobRow) -> None:
        """Keep our own stage in step with what the chain says now."""
        row.updated_at = self._clock.now()
        if row.status in (Status.PAID, Status.REFUNDED):
            row.stage = Stage.DONE
        elif row.stage == Stage.DONE:
            row.stage = Stage.DELIVERING if row.delivery_key else Stage.NEW
            row.look_at = 0

    # --- backward -----------------------------------------------------------------------------

    def _undo(self, session: Session, step: Rollback) -> None:
        log.warning("the chain was reorganised", back_to=step.to_block, removed=len(step.removed))
        gone = SubnetRow.block_number > step.to_block
        session.execute(delete(SubnetRow).where(gone))
        for event in step.removed:
            if event.name == "OperatorRegistered" and event.args["operator"] == self.operator:
                self._index = None
        touched = {event.args["job_id"] for event in step.removed if event.name in _LATER}
        touched |= {e.args["job_id"] for e in step.removed if e.name == "JobPosted"}
        for job_id in touched:
            row = session.get(JobRow, job_id)
            if row is not None:
                self._refold(session, row)

    def _refold(self, session: Session, row: JobRow) -> None:
        """The state that the events still on the chain give."""
        row.status, row.operator, row.pledge = Status.UNPOSTED, None, 0
        since = row.posted_block
        row.posted_block = row.posted_at = row.first = None
        names = ("JobPosted", *_LATER)
        query = select(EventRow).where(EventRow.name.in_(names), EventRow.block_number >= since)
        order = (EventRow.block_number, EventRow.log_index)
        for kept in session.scalars(query.order_by(*order)):
            if kept.args["job_id"] != row.job_id:
                continue
            event = Event.of(kept)
            if event.name == "JobPosted":
                self._posted(session, event, None)
            else:
                self._later(row, event)
        self._restage(row)


def new_job(job_id: bytes, terms: JobTerms, data: bytes, subnet: SubnetRow, now: int) -> JobRow:
    """A row for a job of one of our subnets that nothing is known about yet."""
    return JobRow(
        job_id=job_id,
        subnet_id=terms.subnet_id,
        mine=subnet.mine,
        members=len(subnet.members),
        unit_price=subnet.price,
        deliver_by=terms.deliver_by,
        terms_json=terms.to_json(),
        data=data,
        status=Status.UNPOSTED,
        pledge=0,
        stage=Stage.NEW,
        look_at=0,
        failures=0,
        deliveries=0,
        refund_queued=False,
        seen_at=now,
        updated_at=now,
    )
