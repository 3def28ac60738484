# SPDX-License-Identifier: Apache-2.0
"""The transaction manager: every queued wish becomes exactly one mined transaction, or a reason.

One writer per key. A transaction is signed, written down, and only then broadcast, so that after
a crash at any point the next ``step`` knows every hash that may be out there. What became of a
nonce is read from the chain, never concluded from a timeout.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

import structlog
from sqlalchemy import update

from offchain_workers.chain.carry import Planned, invite, loners, mirror, parties, patience
from offchain_workers.chain.outbox import CARRIER, FILLER, IN_FLIGHT, OUTCOMES, UNMINED, State
from offchain_workers.chain.prepare import Hold, Ready, Refusal, prepare, why_reverted
from offchain_workers.chain.signer import Signer, TxPolicy
from offchain_workers.chain.tables import AttemptRow, OutboxRow
from offchain_workers.chain.vantage import Receipt, Vantage

__all__ = ["State", "TxManager", "TxPolicy"]

log = structlog.get_logger(__name__)

Mined = tuple[OutboxRow, AttemptRow, Receipt]


class TxManager(Signer):
    """Drives the outbox of ``account``. ``enqueue`` from anywhere, ``step`` from one loop."""

    def step(self, patient: bool = True) -> None:
        """Look at the chain once and do what is due: record, re-broadcast, bump, cancel, send.

        Not ``patient``: what waits for company goes without. Raises EndpointsDisagreeError (nothing
        is sent then), RpcUnavailableError, WrongChainError, DatabaseFullError. Safe to call again
        after any of them.
        """
        with self._stepping:
            view = Vantage(self._pool, self.sender, self._view)
            rows = self._undecided(view)
            found = [self._watch(row, view) for row in rows]
            self._record([mined for mined in found if mined is not None])
            self._view = view  # only now: an error above leaves rows that were not looked at
            self._deepen(view)
            self._fill_gap(view)
            self._send_queued(view, patient)

    # --- rows that hold a nonce ---------------------------------------------------------------

    def _undecided(self, view: Vantage) -> Sequence[OutboxRow]:
        """A chain that only grew leaves alone what was mined."""
        with self._db.read() as session:
            rows = self.in_flight(session) if view.extends else self.unsettled(session)
        used = [row for row in rows if row.state in IN_FLIGHT and cast(int, row.nonce) < view.nonce]
        view.look_up([attempt.hash for row in used for attempt in row.attempts])
        return rows

    def _watch(self, row: OutboxRow, view: Vantage) -> Mined | None:
        """What is to be recorded of a row; anything else that is due for it is done at once."""
        if view.nonce <= cast(int, row.nonce):
            self._chase(row, view)
            return None
        if row.block_number is not None and view.hash_at(row.block_number) == row.block_hash:
            return None
        for attempt in row.attempts:
            receipt = view.receipt(attempt.hash)
            if receipt is not None:
                return row, attempt, receipt
        if view.nonce_at(self._policy.settle - 1) > cast(int, row.nonce):
            self._requeue(row)
        elif row.state not in IN_FLIGHT:
            self._reopen(row)
        return None

    def _record(self, mined: Sequence[Mined]) -> None:
        if not mined:
            return
        changes = [(one[0], self._outcome(*one)) for one in mined]
        self._hook("mined")
        self._save_all(changes)
        self._hook("recorded")
        for row, values in changes:
            log.info("transaction mined", key=row.key, state=row.state, reason=values["reason"])

    def _outcome(self, row: OutboxRow, attempt: AttemptRow, receipt: Receipt) -> dict[str, Any]:
        why: str | None
        if attempt.cancel:
            state, why = State.CANCELLED, "MN-TX-005: the deadline passed before it was mined"
        elif receipt.ok:
            state, why = State.MINED_OK, None
        else:
            state = State.MINED_REVERTED
            why = why_reverted(self._pool, row, attempt.gas, receipt.gas_used, receipt.block_number)
        again = {"acknowledged": False} if row.state not in (state, *IN_FLIGHT) else {}
        return again | {
            "state": state,
            "reason": why,
            "tx_hash": attempt.hash,
            "block_number": receipt.block_number,
            "block_hash": receipt.block_hash,
            "gas_used": receipt.gas_used,
        }

    def _deepen(self, view: Vantage) -> None:
        """Each new block deepens everything that is watched, in one statement; riders follow."""
        depth = view.number + 1 - OutboxRow.block_number
        mined = update(OutboxRow).where(
            OutboxRow.sender == self.sender,
            OutboxRow.state.in_(OUTCOMES),
            ~OutboxRow.settled,
            OutboxRow.block_number.is_not(None),
            OutboxRow.confirmations != depth,
        )
        with self._db.session() as session:
            session.execute(mined.values(confirmations=depth, settled=depth >= self._policy.watch))
            mirror(session, self.sender, self._policy.settle)

    def _reopen(self, row: OutboxRow) -> None:
        """A reorg took its block away: back in flight, same nonce, same signed transactions."""
        log.warning("a reorg dropped a mined transaction", key=row.key, nonce=row.nonce)
        cancelling = row.attempts[-1].cancel
        self._save(
            row,
            state=State.CANCELLING if cancelling else State.PENDING,
            reason=None,
            acknowledged=False,
            **UNMINED,
        )

    def _requeue(self, row: OutboxRow) -> None:
        """Another transaction of this key took the nonce for good: simulate and lease again."""
        log.warning("nonce used by a foreign transaction", key=row.key, nonce=row.nonce)
        why = f"MN-TX-006: nonce {row.nonce} was used by a foreign transaction of this key"
        if row.key.startswith((FILLER, CARRIER)):
            self._save(row, state=State.SUPERSEDED, reason=why, settled=True)
        else:
            gone = {"nonce": None, "acknowledged": False, **UNMINED}
            self._save(row, state=State.QUEUED, reason=why, **gone)

    # --- rows that wait to be mined -----------------------------------------------------------

    def _chase(self, row: OutboxRow, view: Vantage) -> None:
        """Its nonce is free on the chain: see to it that one of its transactions gets there."""
        if row.state not in IN_FLIGHT:
            self._reopen(row)
        last = row.attempts[-1]
        if self._expired(row, view) and not last.cancel:
            replaced = self._replace(row, last, view, cancel=True)
        elif view.nonce == row.nonce and self._stuck(last, view):
            replaced = self._replace(row, last, view, cancel=last.cancel)
        else:
            replaced = False
        if not replaced and not self._known(last.hash):
            self._broadcast(row, last.raw)

    def _expired(self, row: OutboxRow, view: Vantage) -> bool:
        return row.deadline is not None and self._left(row.deadline, view) < 0

    def _left(self, deadline: int, view: Vantage) -> float:
        """Seconds, by our clock or the chain's, whichever is ahead."""
        return deadline - max(self._clock(), view.header.timestamp)

    def _stuck(self, last: AttemptRow, view: Vantage) -> bool:
        waited = self._clock() - last.signed_at
        blocks = view.number - last.signed_block
        return waited >= self._policy.bump_seconds or blocks >= self._policy.bump_blocks

    def _fill_gap(self, view: Vantage) -> None:
        """A reorg dropped a foreign transaction below ours: nothing of ours can be mined then."""
        with self._db.read() as session:
            waiting = self.in_flight(session)
        if not waiting or cast(int, waiting[0].nonce) <= view.nonce:
            return
        if not self._stuck(waiting[0].attempts[-1], view):
            return
        row = self._filler(view)
        gap = prepare(self._pool, row, view)
        if isinstance(gap, Ready):
            log.warning("filling a hole in the nonces", nonce=view.nonce)
            self._send([self._sign(row, view.nonce, gap.gas, gap.fees, view)])

    def _filler(self, view: Vantage) -> OutboxRow:
        return OutboxRow(
            sender=self.sender,
            key=f"{FILLER}{view.nonce}:{view.number}",
            to=self.sender,
            data=b"",
            value=0,
            max_fee=self._policy.max_fee,
            state=State.QUEUED,
        )

    # --- rows that have no nonce yet ----------------------------------------------------------

    def _send_queued(self, view: Vantage, patient: bool) -> None:
        with self._db.read() as session:
            queued, in_flight = self.queued(session), len(self.in_flight(session))
            nonce = max(view.nonce, self.next_nonce(session))
            apart, until = loners(session, queued), patience(session, queued)
        left = {row.id for row in queued if patient and self._waits(row, until, view)} - apart
        planned: list[Planned] = []
        for row in (one for one in queued if one.id not in left):
            if in_flight + len(planned) >= self._policy.max_in_flight:
                break
            plan = self._plan(row, view, alone=not (in_flight or planned))
            if plan is not None:
                planned.append((row, plan))
        waiting = [row for row in queued if row.id in left]
        numbered = enumerate(self._together(planned, waiting, apart, view), nonce)
        self._send([self._sign(row, n, plan.gas, plan.fees, view) for n, (row, plan) in numbered])

    def _waits(self, row: OutboxRow, until: Mapping[int, int], view: Vantage) -> bool:
        """Whether only others may take it along yet."""
        left = self._left(until.get(row.id, 0), view)
        return left > 0 and not self._urgent(row, view)

    def _together(
        self,
        planned: Sequence[Planned],
        waiting: Sequence[OutboxRow],
        apart: Collection[int],
        view: Vantage,
    ) -> Sequence[Planned]:
        """What to send for these: first each that goes alone, then one carrier for many, which
        takes those along who wait for one."""
        if not planned or len(planned) + len(waiting) < 2:
            return planned
        able = [one for one in planned if one[0].id not in apart and not self._urgent(one[0], view)]
        found = parties(able, self._multicalls())
        members = {row.id for party in found for row, _ in party.members}
        alone = [one for one in planned if one[0].id not in members]
        invite(found, waiting, lambda row: self._plan(row, view, alone=False))
        shared = [party.send(lambda row: prepare(self._pool, row, view)) for party in found]
        return alone + [one for sent in shared for one in sent]

    def _urgent(self, row: OutboxRow, view: Vantage) -> bool:
        """Whether there is no time for a second try, should a carrier come to nothing."""
        return row.deadline is not None and self._left(row.deadline, view) < self._policy.alone

    def _plan(self, row: OutboxRow, view: Vantage, alone: bool) -> Ready | None:
        """How to send a row; None when not now, or never."""
        if self._expired(row, view):
            why = "MN-TX-005: the deadline passed before it was sent"
            self._save(row, state=State.CANCELLED, reason=why, settled=True)
            return None
        plan = prepare(self._pool, row, view)
        if isinstance(plan, Ready):
            return plan
        if isinstance(plan, Refusal) and alone:
            # Its earlier nonce went to a foreign transaction, which may have done the same.
            state = State.SUPERSEDED if row.attempts else State.REJECTED
            self._save(row, state=state, reason=plan.why, settled=True)
            log.warning("transaction refused", key=row.key, reason=plan.why)
        elif isinstance(plan, Hold) and plan.why != row.reason:
            self._save(row, reason=plan.why)
            log.warning("transaction waits", key=row.key, reason=plan.why)
        return None
