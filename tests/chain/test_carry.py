# SPDX-License-Identifier: Apache-2.0
"""Wishes that share a transaction: who goes with whom, and none is sunk by another."""

from __future__ import annotations

from dataclasses import replace

from offchain_workers.chain.call import Call, Multicall
from offchain_workers.chain.outbox import CARRIER
from offchain_workers.chain.transactions import State
from tests.chain.hands import GWEI, Hands
from tests.chain.riders import KEYS, carriers, counted, place, wish, wish_all
from tests.chain.world import MOST, multicall_of

# --- the plain course of things -----------------------------------------------------------------


def test_what_is_ready_at_once_shares_one_transaction(riders: Hands) -> None:
    wish_all(riders)
    rows = [riders.until(State.MINED_OK, key) for key in KEYS]
    assert (counted(riders), riders.nonce) == ([1, 1, 1, 1], 1)
    assert riders.outcomes() == KEYS
    [carrier] = carriers(riders)
    assert {row.tx_hash for row in rows} == {carrier.tx_hash}
    assert [row.nonce for row in rows] == [None] * 4


def test_what_a_transaction_used_is_shared_out(riders: Hands) -> None:
    wish_all(riders)
    used = [riders.until(State.MINED_OK, key).gas_used or 0 for key in KEYS]
    [carrier] = carriers(riders)
    assert carrier.gas_used is not None
    assert 0 <= carrier.gas_used - sum(used) < len(KEYS)
    assert max(used) - min(used) <= 1
    wish(riders, "alone")
    assert max(used) < (riders.until(State.MINED_OK, "alone").gas_used or 0)


def test_nobody_is_waited_for(riders: Hands) -> None:
    wish(riders, "a")
    riders.until(State.MINED_OK, "a")
    wish(riders, "b")
    riders.until(State.MINED_OK, "b")
    assert (carriers(riders), riders.nonce) == ([], 2)


def test_riders_get_confirmations_and_are_settled_with_their_carrier(riders: Hands) -> None:
    wish_all(riders)
    riders.until(State.MINED_OK, "a")
    riders.chain.mine(2)
    riders.manager.step()
    assert {riders.row(key).confirmations for key in KEYS} == {3}
    riders.chain.mine(6)
    riders.manager.step()
    assert all(row.settled for row in [*carriers(riders), *map(riders.row, KEYS)])


def test_who_must_go_alone_does(riders: Hands) -> None:
    """With coins, a gas limit, another limit on fees, little time left, or as it was wished."""
    now = max(
        int(riders.now),
        int(riders.chain.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16),
    )
    riders.touch("coins", value=1)
    wish(riders, "gas", gas_limit=100_000)
    wish(riders, "fees", max_fee=90 * GWEI)
    wish(riders, "urgent", deadline=now + 100)
    wish(riders, "wished", alone=True)
    wish(riders, "wished too", alone=True)
    wish_all(riders)
    for key in ("coins", "gas", "fees", "urgent", "wished", "wished too", *KEYS):
        riders.until(State.MINED_OK, key)
    assert len(carriers(riders)) == 1
    assert len(carriers(riders)[0].key.split(",")) == len(KEYS)
    assert riders.nonce == 7


def test_calls_of_different_functions_go_in_the_contracts_order(riders: Hands) -> None:
    """``touch`` leads, and does not do what ``once`` came first for."""
    wish_all(riders, KEYS[:2])
    riders.enqueue(riders.contract.functions.touch(place("c")), "touch c")
    wish(riders, "c")
    riders.touch("touch")
    for key in ("a", "b", "touch c", "touch"):
        riders.until(State.MINED_OK, key)
    riders.until(State.MINED_REVERTED, "c")
    [carrier] = carriers(riders)
    ids = [riders.row(key).id for key in ("touch c", "touch", "a", "b")]
    assert carrier.key == CARRIER + ",".join(map(str, ids))
    assert (riders.touches, counted(riders)) == (1, [1, 1, 1, 0])


def test_more_than_the_contract_takes_are_shared_out(riders: Hands) -> None:
    few = replace(riders, multicalls=lambda: [multicall_of(riders.contract, most=3)])
    keys = [*KEYS, "e", "f", "g"]
    wish_all(few, keys)
    for key in keys:
        few.until(State.MINED_OK, key)
    assert [len(carrier.key.split(",")) for carrier in carriers(few)] == [3, 3]
    assert (counted(few, keys), few.nonce) == ([1] * 7, 3)


def test_wishes_of_another_contract_are_not_taken(riders: Hands) -> None:
    elsewhere = "0x" + "11" * 20
    other = replace(riders, multicalls=lambda: [multicall_of(riders.contract, elsewhere)])
    wish_all(other)
    for key in KEYS:
        other.until(State.MINED_OK, key)
    assert (carriers(other), counted(other)) == ([], [1, 1, 1, 1])


# --- who would sink the others ------------------------------------------------------------------


def test_one_that_reverts_by_itself_stays_behind(riders: Hands) -> None:
    wish_all(riders, KEYS[:2])
    riders.enqueue(riders.contract.functions.before(0), "bad")
    wish_all(riders, KEYS[2:])
    riders.manager.step()
    assert riders.row("bad").state == State.QUEUED
    riders.until(State.REJECTED, "bad")
    assert (counted(riders), riders.nonce) == ([1, 1, 1, 1], 1)


def test_one_that_reverts_after_the_others_goes_alone_behind_them(riders: Hands) -> None:
    """Each of two would go through by itself."""
    wish_all(riders, KEYS[:2])
    riders.enqueue(riders.contract.functions.once(place("a")), "twin")
    wish_all(riders, KEYS[2:])
    for key in KEYS:
        riders.until(State.MINED_OK, key)
    riders.until(State.MINED_REVERTED, "twin")
    [carrier] = carriers(riders)
    assert (carrier.nonce, riders.row("twin").nonce) == (0, 1)
    assert counted(riders) == [1, 1, 1, 1]


def test_a_contract_that_takes_none_of_it_costs_nothing(riders: Hands) -> None:
    """A wrong multicall: all go alone, as without it."""
    at, wrong_call = riders.contract.address, Call(riders.contract.address, b"\1\2\3\4")
    wrong = Multicall(at, lambda data: True, lambda calls: wrong_call, MOST)
    other = replace(riders, multicalls=lambda: [wrong])
    wish_all(other)
    for key in KEYS:
        other.until(State.MINED_OK, key)
    assert (carriers(other), other.nonce) == ([], 4)
