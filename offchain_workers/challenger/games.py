# SPDX-License-Identifier: Apache-2.0
"""Opens games against wrong claims and keeps our games going, through the outbox."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from web3.exceptions import Web3Exception

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts.opml import OpmlVerifier
from offchain_workers.chain.db import Database
from offchain_workers.chain.outbox import FAILED, IN_FLIGHT, Outbox, State, attempt_key
from offchain_workers.chain.tables import CursorRow, OutboxRow
from offchain_workers.challenger.checks import Checks
from offchain_workers.challenger.docket import Claimed, Docket
from offchain_workers.challenger.guard import Guard
from offchain_workers.challenger.metrics import Metrics
from offchain_workers.challenger.play import Player
from offchain_workers.challenger.reasons import LeftError, Reason
from offchain_workers.challenger.tell import Tell
from offchain_workers.daemon.clock import ChainClock
from offchain_workers.daemon.tasks import Tasks
from offchain_workers.errors import FusionError
from offchain_workers.units import Wei
from verifiers.opml.player import Due

log = structlog.get_logger(__name__)

_WAITING = (State.QUEUED, *IN_FLIGHT)
_TRIES = 8
_AGAIN_SECONDS = 2.0
_THREADS = 2


class Games:
    """Called by the daemon's loop only; games are thought about in threads beside it.

    A call is queued under the claim's id and the question it is about, so that nothing is sent
    twice and a restart finds what is on its way.
    """

    def __init__(
        self,
        db: Database,
        outbox: Outbox,
        docket: Docket,
        checks: Checks,
        player: Player,
        guard: Guard,
        verifier: OpmlVerifier,
        clock: ChainClock,
        metrics: Metrics,
        tell: Tell,
        in_time: Callable[[Claimed], None],
        on_done: Callable[[], None],
    ) -> None:
        self._db = db
        self._outbox = outbox
        self._docket = docket
        self._checks = checks
        self._player = player
        self._guard = guard
        self._verifier = verifier
        self._clock = clock
        self._metrics = metrics
        self._tell = tell
        self._in_time = in_time
        self._tasks: Tasks[Due | None] = Tasks("game", _THREADS, on_done)
        # Claim id -> the block as of which its game was thought about last.
        self._asked_at: dict[bytes, int] = {}
        self._again: dict[bytes, float] = {}

    def run(self) -> None:
        """Queue what is due."""
        for known in (self._asked_at, self._again):
            for gone in known.keys() - self._docket.claims.keys():
                del known[gone]
        for key, future in self._tasks.finished():
            self._take(key, future)
        self._call_off()
        for claim in self._checks.wrong:
            self._try_open(claim)
        self._ask()

    def review(self) -> None:
        """Tell what became of the calls that were sent."""
        with self._db.session() as session:
            for row in self._outbox.outcomes(session):
                self._outbox.acknowledge(session, row)
                what, _, about = row.key.partition(":")
                self._metrics.sent.labels(call=what, state=row.state).inc()
                fields = {"state": row.state, "gas": row.gas_used, "reason": row.reason}
                self._tell("sent", call=what, about=about, tx=row.tx_hash, **fields)

    def withdraw(self, above: int) -> None:
        """What the verifier owes us, when it is more than ``above`` wei; one call at a time."""
        me = self._outbox.sender
        credit = int(self._verifier.read("credit", me))
        with self._db.session() as session:
            if credit <= above or self._rows(session, "withdraw:", _WAITING):
                return
            cursor = session.get_one(CursorRow, 1)
            call = self._verifier.call("withdraw", me)
            self._enqueue(session, f"withdraw:{cursor.number}", call)

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come, or a call on its way."""
        with self._db.read() as session:
            return bool(self._tasks.busy or self._outbox.queued(session)) or bool(
                self._outbox.in_flight(session)
            )

    def close(self) -> None:
        self._tasks.close()

    # --- opening ------------------------------------------------------------------------------

    def _try_open(self, claim: Claimed) -> None:
        if time.monotonic() < self._again.get(claim.id, 0):
            return
        self._again[claim.id] = time.monotonic() + _AGAIN_SECONDS
        try:
            self._open(claim)
        except LeftError as left:
            self._checks.leave(claim, left)

    def _open(self, claim: Claimed) -> None:
        with self._db.read() as session:
            key = self._free_key(session, f"open:0x{claim.id.hex()}")
            pending = self._opening(session)
        if key is None:
            return
        self._in_time(claim)
        bond = self._guard.bond(claim, self._docket.at_risk + pending)
        call = self._verifier.open(claim.job_id, claim.word, bond)
        with self._db.session() as session:
            self._enqueue(session, key, call, deadline=claim.final_at)
        self._tell("opening", job=claim.job_id, bond=Wei(bond))

    def _opening(self, session: Session) -> int:
        """Wei in calls of ``open`` that no event shows yet."""
        opened = {f"0x{claim.id.hex()}" for claim in self._docket.claims.values() if claim.bond}
        rows = self._rows(session, "open:", (*_WAITING, State.MINED_OK))
        known = {f"0x{claim.id.hex()}" for claim in self._docket.claims.values()}
        return sum(
            row.value
            for row in rows
            if _claim_of(row) not in opened and (row.state in _WAITING or _claim_of(row) in known)
        )

    def _call_off(self) -> None:
        """Openings against claims that no longer stand: decided, or reorganised away."""
        standing = {f"0x{claim.id.hex()}" for claim in self._docket.standing}
        with self._db.read() as session:
            rows = [
                row
                for row in self._rows(session, "open:", (State.QUEUED, State.PENDING))
                if _claim_of(row) not in standing and row.deadline != 0
            ]
        if not rows:
            return
        with self._db.session() as session:
            gone = OutboxRow.id.in_([row.id for row in rows])
            session.execute(update(OutboxRow).where(gone).values(deadline=0))
        log.warning("claims are gone: openings called off", count=len(rows))

    # --- playing ------------------------------------------------------------------------------

    def _ask(self) -> None:
        """Once a block: about each of our games for which nothing is on its way."""
        with self._db.read() as session:
            cursor = session.get(CursorRow, 1)
            block = cursor.number if cursor else -1
            waiting = {_claim_of(row) for row in self._rows(session, "", _WAITING)}
        for claim in (*self._docket.games, *self._docket.won):
            is_known = self._asked_at.get(claim.id) == block or self._tasks.has(claim.id)
            if not is_known and f"0x{claim.id.hex()}" not in waiting:
                self._asked_at[claim.id] = block
                self._tasks.start(claim.id, self._task(claim))

    def _task(self, claim: Claimed) -> Callable[[], Due | None]:
        if claim.playing:
            return lambda: self._player.due(claim)
        return lambda: self._player.collected(claim, self._clock.head)

    def _take(self, key: bytes, future: Future[Due | None]) -> None:
        claim = self._docket.claims.get(key)
        if claim is None:
            return  # it ended, or was reorganised away, while we thought
        try:
            if (due := future.result()) is not None:
                self._queue(claim, due)
        except LeftError as left:
            self._checks.leave(claim, left)
        except (FusionError, Web3Exception) as error:
            self._stuck(claim, str(error))
        except Exception as error:  # one game must not keep the others from being played
            self._stuck(claim, repr(error))

    def _queue(self, claim: Claimed, due: Due) -> None:
        name = f"{due.what}:0x{claim.id.hex()}:{due.about.hex()[:8]}"
        with self._db.session() as session:
            key = self._free_key(session, name)
            if key is not None:
                self._enqueue(session, key, due.call)
                self._tell("move", job=claim.job_id, call=due.what)

    def _stuck(self, claim: Claimed, why: str) -> None:
        self._asked_at.pop(claim.id, None)  # ask again without waiting for a block
        log.error("game stuck", job=f"0x{claim.job_id.hex()}", reason=why)

    # --- rows ---------------------------------------------------------------------------------

    def _free_key(self, session: Session, name: str) -> str | None:
        """Under which to queue a call: the first time, or again after the chain refused it.

        None while it is on its way, or done. Raises LeftError when it was refused too often.
        """
        why = None
        for attempt in range(1, _TRIES + 1):
            row = self._outbox.get(session, attempt_key(name, attempt))
            if row is None:
                return attempt_key(name, attempt)
            if row.state not in FAILED:
                return None
            why = row.reason
        raise LeftError(Reason.REFUSED_AGAIN, f"{_TRIES} times, at last: {why}")

    def _enqueue(self, session: Session, key: str, call: Call, deadline: int | None = None) -> None:
        self._outbox.enqueue(session, key, call.to, call.data, call.value, deadline=deadline)
        log.info("queued", key=key)

    def _rows(self, session: Session, prefix: str, states: Sequence[State]) -> Sequence[OutboxRow]:
        query = select(OutboxRow).where(
            OutboxRow.sender == self._outbox.sender,
            OutboxRow.key.startswith(prefix),
            OutboxRow.state.in_(states),
        )
        return session.scalars(query).all()


def _claim_of(row: OutboxRow) -> str:
    """The claim's id in a key ``what:0x...:about#attempt``."""
    return row.key.split(":")[1].partition("#")[0] if ":" in row.key else ""
