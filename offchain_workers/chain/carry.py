# SPDX-License-Identifier: Apache-2.0
"""Wishes that travel together, to a contract that takes several calls as one.

The carrier is an outbox row that the transaction manager makes: it has the nonce and the signed
transactions. The wishes are its riders; what becomes of the carrier is copied to them. When it
comes to nothing they are queued again, and each goes alone from then on.

A wish may be patient for a while: it then goes with others or stays where it is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import structlog
from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from offchain_workers.chain.call import Call, Multicall
from offchain_workers.chain.outbox import CARRIER, FAILED, UNMINED, State
from offchain_workers.chain.prepare import Hold, Ready, Refusal
from offchain_workers.chain.tables import OutboxRow, PatienceRow, RideRow

log = structlog.get_logger(__name__)

# A row and how it would be sent.
Planned = tuple[OutboxRow, Ready]
Prepare = Callable[[OutboxRow], Ready | Hold | Refusal]


@dataclass
class Party:
    """Rows that could share a transaction; ids of those ``guests`` that don't go without it."""

    multicall: Multicall
    members: list[Planned] = field(default_factory=list)
    guests: set[int] = field(default_factory=set)

    @property
    def is_full(self) -> bool:
        return len(self.members) >= self.multicall.most

    def add(self, row: OutboxRow, plan: Ready) -> None:
        self.members.append((row, plan))

    def send(self, prepare: Prepare) -> list[Planned]:
        """What to send for all, in this order: one carrier, and behind it who would sink it."""
        members, apart = self._in_order(), list[Planned]()
        while len(members) > 1 and self._alone(members):
            carrier = _carrier(self.multicall, members)
            plan = prepare(carrier)
            if isinstance(plan, Ready):
                log.info("sending together", key=carrier.key, calls=len(members))
                return [(carrier, plan), *self._alone(apart)]
            if isinstance(plan, Hold):
                log.warning("not sent together", key=carrier.key, reason=plan.why)
                break
            apart.append(members.pop(self._first_bad(members, prepare)))
            log.info("sent apart from others", key=apart[-1][0].key, reason=plan.why)
        return self._alone(members + apart)

    def _in_order(self) -> list[Planned]:
        return sorted(self.members, key=lambda one: not self.multicall.leads(one[0].data))

    def _alone(self, members: Iterable[Planned]) -> list[Planned]:
        """Those who would go by themselves."""
        return [one for one in members if one[0].id not in self.guests]

    def _first_bad(self, members: Sequence[Planned], prepare: Prepare) -> int:
        """Place of the first that reverts after those before it, where all together do."""

        def refused(last: int) -> bool:
            return isinstance(prepare(_carrier(self.multicall, members[: last + 1])), Refusal)

        return bisect_left(range(len(members) - 1), True, lo=1, key=refused)


def _carrier(multicall: Multicall, members: Sequence[Planned]) -> OutboxRow:
    """One new row for all. The first deadline among them is its own."""
    rows = [row for row, _ in members]
    call = multicall.join([Call(row.to, row.data) for row in rows])
    return OutboxRow(
        sender=rows[0].sender,
        key=CARRIER + ",".join(str(row.id) for row in rows),
        to=call.to,
        data=call.data,
        value=call.value,
        deadline=min((row.deadline for row in rows if row.deadline is not None), default=None),
        max_fee=rows[0].max_fee,
        state=State.QUEUED,
        rides=[RideRow(rider_id=row.id, gas=plan.gas) for row, plan in members],
    )


def parties(planned: Iterable[Planned], multicalls: Sequence[Multicall]) -> list[Party]:
    """Who could go with whom: calls to one contract, for the same gas price, as many as it takes.

    None that others can spoil is among them: it would sink the rest.
    """
    found: list[Party] = []
    for row, plan in planned:
        multicall = _multicall_for(row, multicalls)
        if multicall is not None:
            party = _party_for(row, found)
            if party is None:
                party = Party(multicall)
                found.append(party)
            party.add(row, plan)
    return found


def invite(
    found: Sequence[Party], waiting: Iterable[OutboxRow], plan: Callable[[OutboxRow], Ready | None]
) -> None:
    """Let the patient go along, where there is room. ``plan``: how one would go by itself."""
    for row in waiting:
        party = _party_for(row, found)
        if party is None or _multicall_for(row, [party.multicall]) is None:
            continue
        ready = plan(row)
        if ready is not None:
            party.add(row, ready)
            party.guests.add(row.id)


def _party_for(row: OutboxRow, found: Sequence[Party]) -> Party | None:
    return next((one for one in found if not one.is_full and _goes_with(row, one)), None)


def _goes_with(row: OutboxRow, party: Party) -> bool:
    first = party.members[0][0]
    return (row.to, row.max_fee) == (first.to, first.max_fee)


def _multicall_for(row: OutboxRow, multicalls: Sequence[Multicall]) -> Multicall | None:
    if row.value or row.gas_limit is not None:
        return None
    return next((one for one in multicalls if one.to == row.to and one.takes(row.data)), None)


def loners(session: Session, rows: Iterable[OutboxRow]) -> set[int]:
    """Ids of those rows that go alone: it was wished so, or they once went with others."""
    query = select(RideRow.rider_id).where(RideRow.rider_id.in_([row.id for row in rows]))
    return set(session.scalars(query))


def patience(session: Session, rows: Iterable[OutboxRow]) -> dict[int, int]:
    """Until when the patient among the rows wait, in unix seconds, by id."""
    query = select(PatienceRow).where(PatienceRow.wish_id.in_([row.id for row in rows]))
    return {one.wish_id: one.until for one in session.scalars(query)}


def mirror(session: Session, sender: str, settle: int) -> None:
    """Bring all riders to where their carriers are. Doing it again changes nothing.

    Those of a carrier that failed are let go ``settle`` blocks later: until then a reorg may still
    make it succeed, and they would be done twice.
    """
    rider, carrier = aliased(OutboxRow), aliased(OutboxRow)
    differ = or_(
        rider.state != carrier.state, rider.block_hash.is_distinct_from(carrier.block_hash)
    )
    query = (
        select(RideRow, rider, carrier)
        .join(rider, RideRow.rider_id == rider.id)
        .join(carrier, RideRow.carrier_id == carrier.id)
        .where(rider.sender == sender, ~rider.settled, ~RideRow.over, differ)
    )
    for ride, row, by in session.execute(query).all():
        _follow(ride, row, by)
        if by.state in FAILED and (by.settled or by.confirmations >= settle):
            ride.over = True
            row.state, row.reason = State.QUEUED, by.reason
            by.deadline = 0  # should a deep reorg bring it back, it is cancelled


def _follow(ride: RideRow, row: OutboxRow, carrier: OutboxRow) -> None:
    state = State.PENDING if carrier.state in FAILED else carrier.state
    if row.state != state:
        row.state, row.reason, row.acknowledged = state, None, False
    for name, value in UNMINED.items():
        setattr(row, name, getattr(carrier, name) if state == State.MINED_OK else value)
    if row.gas_used is not None:
        row.gas_used = row.gas_used * ride.gas // sum(one.gas for one in carrier.rides)
