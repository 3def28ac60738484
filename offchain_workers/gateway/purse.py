# SPDX-License-Identifier: Apache-2.0
"""Money: what each caller's hour has left, and the gateway's own balance in the market."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from offchain_workers.chain.contracts import Network
from offchain_workers.chain.db import Database
from offchain_workers.gateway.callers import Caller
from offchain_workers.gateway.errors import (
    BalanceLowError,
    SpendCapError,
    TooManyInFlightError,
)
from offchain_workers.gateway.tables import JobRow, SpendRow, State

HOUR = 3600
_WAITING = (State.QUEUED, State.OPEN)
_RETRY_SECONDS = 2.0
_MAKING_SECONDS = 120


class Purse:
    """Reserves money before a job is made, so that no number of requests at once overspends.

    A reservation that a crash left behind counts for its hour and no longer. ``clock``: unix
    seconds.
    """

    def __init__(
        self, db: Database, network: Network, account: str, total: int, clock: Callable[[], float]
    ) -> None:
        self._db = db
        self._network = network
        self._account = account
        self._total = total
        self._clock = clock
        # PostgreSQL would let two sums be read before either is added to.
        self._lock = threading.Lock()

    def reserve(self, caller: Caller, wei: int, items: int) -> int:
        """The reservation's number. Raises SpendCapError, TooManyInFlightError."""
        now = int(self._clock())
        with self._lock, self._db.session() as session:
            self._check_in_flight(session, caller, items, now)
            self._check_hour(session, caller.name, caller.quota.spend_per_hour, wei, now)
            self._check_hour(session, None, self._total, wei, now)
            row = SpendRow(caller=caller.name, at=now, wei=wei, items=items)
            session.add(row)
            session.flush()
            return row.id

    def gas(self, units: int) -> int:
        """Wei that so much gas costs now, with what nodes suggest as a tip: it counts, too, or a
        caller of jobs at no price would spend the gateway's coins without end."""
        return units * self._network.marketplace.w3.eth.gas_price

    def release(self, reservation: int) -> None:
        """Nothing came of it."""
        nothing = update(SpendRow).where(SpendRow.id == reservation).values(wei=0, items=0)
        with self._db.session() as session:
            session.execute(nothing)

    def check_balance(self, wei: int) -> None:
        """Raises BalanceLowError: what is posted and not mined yet is gone already."""
        with self._db.read() as session:
            queued = select(JobRow.job_id).where(JobRow.state == State.QUEUED)
            spends = session.scalars(select(SpendRow.wei).where(SpendRow.job_id.in_(queued)))
            promised = sum(spends)
        held = self._network.marketplace.balance(self._account)
        if held - promised < wei:
            raise BalanceLowError(
                f"{self._account} holds {held} wei in the market, {promised} of them promised; "
                f"the job takes {wei}"
            )

    def _check_hour(
        self, session: Session, caller: str | None, cap: int, wei: int, now: int
    ) -> None:
        query = select(SpendRow.at, SpendRow.wei).where(SpendRow.at > now - HOUR)
        if caller is not None:
            query = query.where(SpendRow.caller == caller)
        spends = [
            (at, spent) for at, spent in session.execute(query.order_by(SpendRow.at)) if spent
        ]
        left = cap - sum(spent for _, spent in spends)
        if wei <= left:
            return
        whose = "the gateway's" if caller is None else "your"
        raise SpendCapError(
            f"it takes up to {wei} wei; of {whose} {cap} an hour {max(0, left)} are left",
            _free_at(spends, wei - left, now),
        )

    def _check_in_flight(self, session: Session, caller: Caller, items: int, now: int) -> None:
        """What waits to be posted counts; a reservation that a crash left behind not for long."""
        made = JobRow.state.in_(_WAITING)
        fresh = SpendRow.job_id.is_(None) & (SpendRow.at > now - _MAKING_SECONDS)
        query = (
            select(func.coalesce(func.sum(SpendRow.items), 0))
            .join(JobRow, JobRow.job_id == SpendRow.job_id, isouter=True)
            .where(SpendRow.caller == caller.name, made | fresh)
        )
        waiting = int(session.scalar(query) or 0)
        if waiting + items > caller.quota.max_in_flight:
            raise TooManyInFlightError(
                f"{waiting} of your items wait for answers, {items} more are over your "
                f"{caller.quota.max_in_flight}",
                _RETRY_SECONDS,
            )


def _free_at(spends: list[tuple[int, int]], over: int, now: int) -> float | None:
    """Seconds until enough of the oldest spending is an hour old; None: it never is."""
    for at, spent in spends:
        over -= spent
        if over <= 0:
            return max(1.0, float(at + HOUR - now))
    return None
