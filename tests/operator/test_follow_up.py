# SPDX-License-Identifier: Apache-2.0
"""When claims are followed up, and how often a call is tried."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import update

from offchain_workers.chain.call import Call
from offchain_workers.chain.carry import patience
from offchain_workers.chain.contracts import JobTerms
from offchain_workers.chain.outbox import FAILED, State
from offchain_workers.chain.tables import OutboxRow
from offchain_workers.operator import follow_up
from offchain_workers.operator.follow_up import FOLLOW, FollowUp
from offchain_workers.operator.once import call_key
from offchain_workers.operator.tables import JobRow, Stage, Status
from tests.operator.rows import Rows
from tests.operator.world import Market, until
from verifiers.base import Assignment, Method
from verifiers.none import NoneMethod

JOB = b"\x01" * 32
CALLS = (Call("0x" + "11" * 20, b"first"), Call("0x" + "22" * 20, b"second", 5))


class Due(NoneMethod):
    """Says each time that the same calls are due, the first with this patience; thinks as long as
    ``thinks`` is held."""

    def __init__(self, fails: bool = False, patience: int | None = None) -> None:
        self.patience = patience
        self.asked: list[JobTerms] = []
        self.fails = fails
        self.thinks = threading.Lock()

    def follow_up(self, job: Assignment) -> Sequence[Call]:
        self.asked.append(job.terms)
        with self.thinks:
            pass
        if self.fails:
            raise ValueError("a method's fault")
        return replace(CALLS[0], patience=self.patience), CALLS[1]


class Unread:
    """Assignments whose method looks at the terms only."""

    def __init__(self, operator: str) -> None:
        self.operator = operator

    def claimed(self, job: JobRow, method: Method) -> SimpleNamespace:
        return SimpleNamespace(terms=job.terms, operator=self.operator)


class Claims(Rows):
    """Of a worker."""

    def __init__(self, market: Market, folder: Path) -> None:
        self.market = market
        self.operator = market.operators[0].address
        super().__init__(self.operator, folder)
        self.followers: list[FollowUp] = []

    def follower(self, method: Due) -> FollowUp:
        """As after a daemon's start."""
        known = {method.selector: method}
        made = FollowUp(self.db, Unread(self.operator), self.outbox, known)  # type: ignore[arg-type]
        self.followers.append(made)
        return made

    def look(self, follower: FollowUp) -> None:
        self.block()
        self.settle(follower)

    def settle(self, follower: FollowUp) -> None:
        """Run until every method that was asked has been heard."""
        follower.run()
        until(lambda: follower.run() or not follower.busy)

    def decide(self, state: State, data: bytes | None = None, settled: bool = False) -> None:
        """What became of all that is queued, or of what has this data."""
        change = update(OutboxRow).values(state=state, reason="because", settled=settled)
        with self.db.session() as session:
            session.execute(change if data is None else change.where(OutboxRow.data == data))

    def close(self, job_id: bytes, status: Status) -> None:
        with self.db.session() as session:
            session.get_one(JobRow, job_id).status = status


@pytest.fixture
def claims(market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Claims]:
    monkeypatch.setattr(follow_up, "_PAUSE_SECONDS", 0.0)
    made = Claims(market, tmp_path)
    yield made
    for follower in made.followers:
        follower.close()
    made.db.close()


def test_what_is_due_is_queued_once_however_often_it_is_asked_for(claims: Claims) -> None:
    claims.add(JOB, claims.operator, claims.market.terms())
    for _ in range(2):  # the second time after a restart
        follower = claims.follower(Due())
        claims.look(follower)
        claims.look(follower)
    assert [row.key for row in claims.sent()] == [call_key(FOLLOW, JOB, c.data, 1) for c in CALLS]
    assert [(row.to, row.data, row.value) for row in claims.sent()] == [
        (call.to, call.data, call.value) for call in CALLS
    ]


def test_a_method_is_asked_once_a_block(claims: Claims) -> None:
    claims.add(JOB, claims.operator, claims.market.terms())
    claims.block()
    method = Due()
    follower = claims.follower(method)
    for _ in range(3):
        claims.settle(follower)
    assert len(method.asked) == 1


def test_only_our_own_pending_claims_are_asked_about(claims: Claims) -> None:
    terms, method = claims.market.terms(), Due()
    claims.add(b"\x02" * 32, claims.market.operators[1].address, terms)
    claims.add(b"\x03" * 32, claims.operator, terms)
    with claims.db.session() as session:
        session.get_one(JobRow, b"\x03" * 32).status = Status.OPEN
    claims.look(claims.follower(method))
    assert method.asked == []


class Excused(Due):
    """Frees its operator of what it owes."""

    def excuses(self, job: Assignment) -> Sequence[Call]:
        return CALLS[:1]


def test_what_we_owe_is_asked_about_while_nothing_is_on_its_way(claims: Claims) -> None:
    """Not what others owe, nor what nobody does; and of methods that excuse alone."""
    terms = claims.market.terms()
    owed = {"status": Status.OPEN, "pledge": 1, "mine": terms.primary, "stage": Stage.NEW}
    changes: list[dict[str, object]] = [
        {}, {"pledge": 0}, {"mine": terms.primary + 1}, {"stage": Stage.DELIVERING}
    ]  # fmt: skip
    for number, change in enumerate(changes):
        job_id = bytes(31) + bytes([number])
        claims.add(job_id, claims.operator, terms)
        with claims.db.session() as session:
            for name, value in (owed | change).items():
                setattr(session.get_one(JobRow, job_id), name, value)
    claims.look(claims.follower(Due()))
    assert claims.sent() == []
    claims.look(claims.follower(Excused()))
    assert [row.key for row in claims.sent()] == [call_key(FOLLOW, bytes(32), CALLS[0].data, 1)]


@pytest.mark.parametrize("state", FAILED)
def test_a_refused_call_is_tried_a_few_times(claims: Claims, state: State) -> None:
    claims.add(JOB, claims.operator, claims.market.terms())
    follower = claims.follower(Due())
    for _ in range(8):
        claims.look(follower)
        claims.decide(state)
    keys = [row.key for row in claims.sent() if row.data == b"first"]
    assert keys == [call_key(FOLLOW, JOB, b"first", attempt) for attempt in range(1, 6)]
    assert keys[1] == keys[0] + "#2"


def test_a_call_that_was_mined_is_not_sent_again(claims: Claims) -> None:
    claims.add(JOB, claims.operator, claims.market.terms())
    follower = claims.follower(Due())
    claims.look(follower)
    claims.decide(State.MINED_OK)
    claims.look(follower)
    assert len(claims.sent()) == len(CALLS)


def test_a_call_that_was_mined_for_good_and_had_no_effect_is_sent_again(claims: Claims) -> None:
    claims.add(JOB, claims.operator, claims.market.terms())
    follower = claims.follower(Due())
    for _ in range(8):
        claims.look(follower)
        claims.decide(State.MINED_OK, settled=True)
    keys = [row.key for row in claims.sent() if row.data == b"first"]
    assert keys == [call_key(FOLLOW, JOB, b"first", attempt) for attempt in range(1, 6)]


@pytest.mark.parametrize("status", [Status.PAID, Status.REFUNDED])
def test_what_was_not_sent_when_others_closed_the_job_is_withdrawn(
    claims: Claims, status: Status
) -> None:
    """What was sent is not, nor what other jobs need; should a reorg open it again, it goes out."""
    other = b"\x02" * 32
    for job_id in (JOB, other):
        claims.add(job_id, claims.operator, claims.market.terms())
    follower = claims.follower(Due())
    claims.look(follower)
    claims.decide(State.PENDING, data=CALLS[1].data)
    claims.close(JOB, status)
    claims.look(follower)
    gone = [row.key for row in claims.sent() if row.state == State.CANCELLED]
    assert gone == [call_key(FOLLOW, JOB, CALLS[0].data, 1)]
    claims.close(JOB, Status.PENDING)
    claims.look(follower)
    keys = [row.key for row in claims.sent()]
    assert keys.count(call_key(FOLLOW, JOB, CALLS[0].data, 2)) == 1


def test_how_long_a_call_waits_for_company_is_the_methods_to_say(claims: Claims) -> None:
    claims.add(JOB, claims.operator, claims.market.terms())
    claims.look(claims.follower(Due(patience=77)))
    with claims.db.read() as session:
        rows = claims.outbox.queued(session)
        assert patience(session, rows) == {rows[0].id: 77}


def test_a_method_that_fails_is_asked_again_without_another_block(claims: Claims) -> None:
    claims.add(JOB, claims.operator, claims.market.terms())
    claims.block()
    method = Due(fails=True)
    follower = claims.follower(method)
    follower.run()
    until(lambda: len(method.asked) > 1 or follower.run())
    assert claims.sent() == []
    method.fails = False
    claims.settle(follower)
    assert len(claims.sent()) == len(CALLS)


def test_a_claim_of_a_method_that_is_gone_keeps_no_other_from_its_calls(claims: Claims) -> None:
    claims.add(b"\x02" * 32, claims.operator, claims.market.terms(selector=b"gone"))
    claims.add(JOB, claims.operator, claims.market.terms())
    claims.look(claims.follower(Due()))
    assert len(claims.sent()) == len(CALLS)


def test_a_method_that_takes_long_holds_nobody_up_and_is_not_asked_twice(claims: Claims) -> None:
    terms, method = claims.market.terms(), Due()
    claims.add(JOB, claims.operator, terms)
    follower = claims.follower(method)
    with method.thinks:
        for _ in range(3):
            claims.block()
            follower.run()
        assert claims.sent() == []
    claims.settle(follower)
    assert len(method.asked) == 1
    assert len(claims.sent()) == len(CALLS)


def test_many_claims_are_each_asked_about(claims: Claims) -> None:
    terms, method = claims.market.terms(), Due()
    for number in range(1, 41):
        claims.add(number.to_bytes(32, "big"), claims.operator, terms)
    claims.look(claims.follower(method))
    assert len(method.asked) == 40
