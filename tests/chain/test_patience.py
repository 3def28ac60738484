# SPDX-License-Identifier: Apache-2.0
"""Wishes that wait for company: they go with others, or by themselves when their time is over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from offchain_workers.chain.db import Database
from offchain_workers.chain.transactions import State
from tests.chain.hands import POLICY, Hands
from tests.chain.riders import carriers, counted, foreign_first, place, states, wish
from tests.chain.world import multicall_of

# More than any test takes.
LONG = 10_000


def now(hands: Hands) -> int:
    """As the manager has it: by its clock or the chain's, whichever is ahead."""
    head = hands.chain.rpc("eth_getBlockByNumber", "latest", False)
    return max(int(hands.now), int(head["timestamp"], 16))


def patient(hands: Hands, key: str, seconds: int = LONG, **options: int) -> None:
    wish(hands, key, patience=now(hands) + seconds, **options)


def waits(hands: Hands, *keys: str) -> bool:
    for _ in range(3):
        hands.manager.step()
    return states(hands, keys) == [State.QUEUED] * len(keys)


def test_the_next_one_takes_it_along(riders: Hands) -> None:
    patient(riders, "a")
    assert waits(riders, "a")
    wish(riders, "b")
    rows = [riders.until(State.MINED_OK, key) for key in ("a", "b")]
    [carrier] = carriers(riders)
    assert {row.tx_hash for row in rows} == {carrier.tx_hash}
    assert (counted(riders), riders.nonce) == ([1, 1, 0, 0], 1)


def test_it_goes_alone_when_nobody_came(riders: Hands) -> None:
    patient(riders, "a")
    assert waits(riders, "a")
    riders.now = now(riders) + LONG
    riders.until(State.MINED_OK, "a")
    assert (carriers(riders), counted(riders), riders.nonce) == ([], [1, 0, 0, 0], 1)


def test_those_who_wait_are_no_company_until_one_would_go_alone(riders: Hands) -> None:
    patient(riders, "a", LONG)
    patient(riders, "b", 2 * LONG)
    assert waits(riders, "a", "b")
    riders.now = now(riders) + LONG
    assert {riders.until(State.MINED_OK, key).nonce for key in ("a", "b")} == {None}
    assert (len(carriers(riders)), riders.nonce) == (1, 1)


def test_it_waits_on_after_a_restart(riders: Hands) -> None:
    patient(riders, "a")
    assert waits(riders, "a")
    again = replace(riders)
    assert waits(again, "a")
    wish(again, "b")
    again.until(State.MINED_OK, "a")
    assert (len(carriers(again)), again.nonce) == (1, 1)


def test_it_waits_for_nobody_when_the_daemon_ends(riders: Hands) -> None:
    patient(riders, "a")
    assert waits(riders, "a")
    riders.manager.step(patient=False)
    assert riders.row("a").nonce == 0


def test_it_waits_for_nobody_when_its_deadline_is_near(riders: Hands) -> None:
    patient(riders, "a", deadline=now(riders) + int(POLICY.alone) - 20)
    assert riders.until(State.MINED_OK, "a").nonce == 0


@pytest.mark.anvil
def test_it_takes_no_place_while_it_waits(slow_riders: Hands) -> None:
    few = replace(slow_riders, policy=replace(POLICY, max_in_flight=1))
    patient(few, "a")
    few.touch("coins", value=1)
    few.manager.step()
    assert (few.row("coins").state, few.row("a").state) == (State.PENDING, State.QUEUED)
    few.chain.mine()
    wish(few, "b")
    few.manager.step()
    assert states(few, ["a", "b"]) == [State.PENDING] * 2


def test_it_rides_where_there_is_room(riders: Hands) -> None:
    few = replace(riders, multicalls=lambda: [multicall_of(riders.contract, most=2)])
    for key in ("a", "b"):
        patient(few, key)
    assert waits(few, "a", "b")
    wish(few, "c")
    for key in ("a", "c"):
        few.until(State.MINED_OK, key)
    assert waits(few, "b")


def test_what_goes_alone_takes_nobody_along(riders: Hands) -> None:
    """With coins, another limit on fees, or a deadline near."""
    patient(riders, "a")
    riders.touch("coins", value=1)
    wish(riders, "fees", max_fee=POLICY.max_fee // 2)
    wish(riders, "urgent", deadline=now(riders) + int(POLICY.alone) - 20)
    for key in ("coins", "fees", "urgent"):
        riders.until(State.MINED_OK, key)
    assert waits(riders, "a")
    assert carriers(riders) == []


def test_one_that_would_sink_the_others_is_left_behind(riders: Hands) -> None:
    """Each of two would go through by itself, but not the second; in the end neither that one."""
    patient(riders, "a")
    riders.enqueue(riders.contract.functions.once(place("a")), "twin", patience=now(riders) + LONG)
    wish(riders, "b")
    assert {riders.until(State.MINED_OK, key).nonce for key in ("a", "b")} == {None}
    assert waits(riders, "twin")
    riders.now = now(riders) + LONG
    riders.until(State.REJECTED, "twin")
    assert (counted(riders), riders.nonce) == ([1, 1, 0, 0], 1)


def test_those_who_would_sink_the_only_one_that_goes_stay_behind(riders: Hands) -> None:
    """They go before it, and are no company by themselves."""
    until = now(riders) + LONG
    for key in ("a", "b"):
        riders.enqueue(riders.contract.functions.touch(place(key)), key, patience=until)
    riders.enqueue(riders.contract.functions.once(place("a")), "again")
    assert riders.until(State.MINED_OK, "again").nonce == 0
    assert waits(riders, "a", "b")
    assert (counted(riders), riders.nonce) == ([1, 0, 0, 0], 1)


def test_one_that_can_not_be_sent_now_holds_nobody_up(riders: Hands) -> None:
    patient(riders, "a")
    riders.enqueue(riders.contract.functions.before(0), "bad", patience=now(riders) + LONG)
    wish(riders, "b")
    for key in ("a", "b"):
        riders.until(State.MINED_OK, key)
    assert waits(riders, "bad")


@pytest.mark.anvil
def test_after_its_carrier_failed_it_goes_alone_at_once(slow_riders: Hands) -> None:
    patient(slow_riders, "a")
    wish(slow_riders, "b")
    slow_riders.manager.step()
    foreign_first(slow_riders, "b")
    for _ in range(4):
        slow_riders.chain.mine()
        slow_riders.manager.step()
    assert states(slow_riders, ["a", "b"]) == [State.MINED_OK, State.REJECTED]
    assert counted(slow_riders) == [1, 1, 0, 0]


def test_what_is_withdrawn_is_not_sent(riders: Hands) -> None:
    patient(riders, "a")
    wish(riders, "b")
    riders.until(State.MINED_OK, "b")
    assert riders.row("a").state == State.MINED_OK
    patient(riders, "c")
    with riders.db.session() as session:
        for key in ("a", "c"):
            riders.manager.withdraw(session, riders.row(key), "because")
    riders.now = now(riders) + LONG
    riders.manager.step()
    assert (riders.row("a").state, riders.row("c").state) == (State.MINED_OK, State.CANCELLED)
    assert (counted(riders), riders.nonce) == ([1, 1, 0, 0], 1)


def test_a_database_from_before_wishes_were_patient_goes_on(tmp_path: Path, riders: Hands) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    old = Database(url)
    with old.session() as session:
        session.execute(text("DROP TABLE outbox_patience"))
    old.close()
    new = replace(riders, db=Database(url))
    patient(new, "a")
    assert waits(new, "a")
    new.db.close()
