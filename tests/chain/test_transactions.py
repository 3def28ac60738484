# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from web3.contract import Contract

from offchain_workers.chain.db import Database
from offchain_workers.chain.errors import (
    EndpointsDisagreeError,
    GasLimitTooHighError,
    RpcUnavailableError,
)
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.chain.transactions import State, TxManager, TxPolicy
from offchain_workers.devnet import Devnet
from tests.chain.hands import GWEI, POLICY, Hands
from tests.chain.world import JOB, Proxy, deploy, fund

Start = Callable[[str], Proxy]


# --- the plain course of things -----------------------------------------------------------------


def test_a_wish_is_mined_once(hands: Hands) -> None:
    assert hands.touch().state == State.QUEUED
    row = hands.until(State.MINED_OK)
    assert (hands.touches, hands.nonce) == (1, 1)
    assert row.confirmations == 1
    hands.chain.mine(2)
    assert hands.step().confirmations == 3


def test_a_key_is_a_wish_only_once(hands: Hands) -> None:
    first = hands.touch()
    again = hands.enqueue(hands.contract.functions.touch(bytes(32)))
    assert (again.id, again.data) == (first.id, first.data)
    hands.until(State.MINED_OK)
    assert hands.touch().state == State.MINED_OK
    hands.step(3)
    assert hands.touches == 1


def test_a_wish_is_committed_with_the_callers_rows_or_not_at_all(hands: Hands) -> None:
    with pytest.raises(RuntimeError, match="crash"):
        enqueue_and_crash(hands)
    hands.manager.step()
    assert (hands.outcomes(), hands.nonce) == ([], 0)


def enqueue_and_crash(hands: Hands) -> None:
    with hands.db.session() as session:
        hands.manager.enqueue(session, "key", hands.contract.address, b"")
        raise RuntimeError("crash")


def test_many_wishes_take_their_nonces_in_order(hands: Hands) -> None:
    for number in range(5):
        hands.touch(f"key{number}")
    rows = [hands.until(State.MINED_OK, f"key{number}") for number in range(5)]
    assert [row.nonce for row in rows] == [0, 1, 2, 3, 4]
    assert hands.touches == 5


def test_outcomes_are_listed_until_acknowledged(hands: Hands) -> None:
    hands.touch()
    hands.until(State.MINED_OK)
    assert hands.outcomes() == ["key"]
    assert hands.outcomes(depth=3) == []
    hands.chain.mine(2)
    hands.step()
    assert hands.outcomes(depth=3) == ["key"]
    with hands.db.session() as session:
        hands.manager.acknowledge(session, hands.row())
    assert hands.outcomes() == []


def test_value_is_sent(hands: Hands) -> None:
    hands.touch(value=10**18)
    hands.until(State.MINED_OK)
    balance = hands.chain.rpc("eth_getBalance", hands.contract.address, "latest")
    assert int(balance, 16) == 10**18


# --- what is never sent ---------------------------------------------------------------------


def test_a_revert_is_found_before_a_nonce_is_spent(hands: Hands) -> None:
    hands.enqueue(hands.contract.functions.before(0))
    row = hands.step()
    assert row.state == State.REJECTED
    assert row.reason == "MN-TX-004: it would revert: too late"
    assert (row.nonce, hands.nonce) == (None, 0)
    assert hands.outcomes() == ["key"]


@pytest.mark.anvil
def test_a_call_that_needs_what_is_still_in_flight_waits(slow: Hands) -> None:
    """``once`` reverts after ``touch``; until touch is mined nobody can tell."""
    slow.touch("first")
    slow.manager.step()
    slow.enqueue(slow.contract.functions.before(0), "second")
    slow.manager.step()
    assert slow.row("second").state == State.QUEUED
    slow.chain.mine()
    slow.manager.step()
    assert slow.row("second").state == State.REJECTED


def test_a_call_too_big_for_any_transaction_is_rejected(hands: Hands) -> None:
    hands.enqueue(hands.contract.functions.burn(900))
    row = hands.step()
    assert row.state == State.REJECTED
    assert str(row.reason).startswith(("MN-TX-004", "MN-TX-009"))
    assert (row.nonce, hands.nonce) == (None, 0)
    with pytest.raises(GasLimitTooHighError):
        hands.touch("huge", gas_limit=16_777_217)


def test_an_empty_account_waits_for_coins(hands: Hands) -> None:
    hands.chain.rpc("anvil_setBalance", hands.account.address, "0x0")
    hands.touch()
    row = hands.step()
    assert row.state == State.QUEUED
    assert str(row.reason).startswith("MN-TX-002")
    fund(hands.chain, hands.account)
    hands.until(State.MINED_OK)


@pytest.mark.anvil
def test_a_base_fee_above_the_limit_is_waited_out(slow: Hands) -> None:
    slow.touch(max_fee=50 * GWEI)
    set_base_fee(slow, 60 * GWEI)
    row = slow.step()
    assert row.state == State.QUEUED
    assert str(row.reason).startswith("MN-TX-003")
    set_base_fee(slow, 10 * GWEI)
    assert slow.step().state == State.PENDING


def test_a_deadline_that_passed_in_the_queue_cancels_for_free(hands: Hands) -> None:
    hands.touch(deadline=int(hands.now) - 10**9)
    row = hands.step()
    assert row.state == State.CANCELLED
    assert str(row.reason).startswith("MN-TX-005")
    assert hands.nonce == 0
    assert hands.outcomes() == ["key"]


# --- what sticks in the mempool ---------------------------------------------------------------


@pytest.mark.anvil
def test_a_stuck_transaction_is_replaced_by_a_dearer_one(slow: Hands) -> None:
    slow.touch()
    slow.step()
    set_base_fee(slow, 40 * GWEI)
    slow.chain.mine()
    slow.step()
    assert len(slow.row().attempts) == 1
    slow.now += 31
    slow.step()
    first, second = slow.row().attempts
    assert first.nonce == second.nonce == 0
    assert second.tip * 100 >= first.tip * 111
    assert second.cap * 100 >= first.cap * 111
    assert second.cap >= 80 * GWEI
    slow.chain.mine()
    row = slow.step()
    assert (row.state, row.tx_hash) == (State.MINED_OK, second.hash)
    assert (slow.touches, slow.nonce) == (1, 1)


@pytest.mark.anvil
def test_blocks_without_inclusion_count_as_well_as_seconds(
    manual_mining: Devnet, anvil_counter: Contract, db: Database
) -> None:
    policy = TxPolicy(bump_seconds=10**9, bump_blocks=2)
    slow = Hands(manual_mining, anvil_counter, db, policy=policy)
    slow.touch()
    slow.step()
    for _ in range(2):
        set_base_fee(slow, 40 * GWEI)
        slow.chain.mine()
    slow.step()
    assert len(slow.row().attempts) == 2


@pytest.mark.anvil
def test_the_limit_stops_the_bidding(slow: Hands) -> None:
    slow.touch(max_fee=5 * GWEI)
    set_base_fee(slow, GWEI)
    for _ in range(20):
        slow.step()
        slow.now += 31
    caps = [attempt.cap for attempt in slow.row().attempts]
    assert len(caps) < 12
    assert max(caps) <= 5 * GWEI


@pytest.mark.anvil
def test_the_first_of_two_bids_may_win(slow: Hands) -> None:
    """The node mines the hash that we had already replaced."""
    slow.touch()
    slow.step()
    slow.now += 31
    slow.step()
    first, _ = slow.row().attempts
    slow.chain.rpc("anvil_dropAllTransactions")
    slow.chain.rpc("eth_sendRawTransaction", "0x" + first.raw.hex())
    slow.chain.mine()
    row = slow.step()
    assert (row.state, row.tx_hash) == (State.MINED_OK, first.hash)
    slow.chain.mine(3)
    slow.step(2)
    assert (slow.touches, slow.nonce) == (1, 1)


@pytest.mark.anvil
def test_a_transaction_that_the_node_forgot_is_sent_again(slow: Hands) -> None:
    slow.touch()
    slow.step()
    slow.chain.rpc("anvil_dropAllTransactions")
    assert slow.pooled() == 0
    slow.step()
    assert slow.pooled() == 1
    assert len(slow.row().attempts) == 1


@pytest.mark.anvil
def test_a_deadline_cancels_what_is_stuck(slow: Hands) -> None:
    slow.touch(deadline=int(slow.now) + 10**6)
    slow.step()
    slow.now += 10**6 + 1
    row = slow.step()
    assert row.state == State.CANCELLING
    slow.chain.mine()
    row = slow.step()
    assert row.state == State.CANCELLED
    assert str(row.reason).startswith("MN-TX-005")
    assert (slow.touches, slow.nonce) == (0, 1)
    assert row.gas_used == 21_000


@pytest.mark.anvil
def test_a_cancellation_outbids_even_at_the_limit(slow: Hands) -> None:
    set_base_fee(slow, GWEI)
    slow.touch(deadline=int(slow.now) + 10**6, max_fee=2 * GWEI)
    slow.step()
    assert slow.row().attempts[0].cap == 2 * GWEI
    slow.now += 10**6 + 1
    slow.step()
    assert slow.pooled() == 1
    slow.chain.mine()
    assert slow.step().state == State.CANCELLED


@pytest.mark.anvil
def test_the_original_may_still_beat_its_cancellation(slow: Hands) -> None:
    slow.touch(deadline=int(slow.now) + 10**6)
    slow.step()
    original = slow.row().attempts[0]
    slow.now += 10**6 + 1
    slow.step()
    slow.chain.rpc("anvil_dropAllTransactions")
    slow.chain.rpc("eth_sendRawTransaction", "0x" + original.raw.hex())
    slow.chain.mine()
    assert slow.step().state == State.MINED_OK
    assert slow.touches == 1


@pytest.mark.anvil
def test_a_late_revert_says_why(slow: Hands) -> None:
    block = int(slow.chain.rpc("eth_blockNumber"), 16)
    slow.enqueue(slow.contract.functions.before(block + 1), "late")
    slow.manager.step()
    held = slow.row("late").attempts[0]
    slow.chain.rpc("anvil_dropAllTransactions")
    slow.chain.mine(3)
    slow.chain.rpc("eth_sendRawTransaction", "0x" + held.raw.hex())
    slow.chain.mine()
    slow.manager.step()
    row = slow.row("late")
    assert row.state == State.MINED_REVERTED
    assert row.reason == "MN-TX-007: it reverted: too late"


# --- reorgs and other users of the key --------------------------------------------------------


@pytest.mark.anvil
def test_a_reorg_that_drops_ours_gets_it_mined_again_once(slow: Hands) -> None:
    slow.touch()
    slow.step()
    slow.chain.mine()
    assert slow.step().state == State.MINED_OK
    with slow.db.session() as session:
        slow.manager.acknowledge(session, slow.row())
    slow.chain.rpc("anvil_reorg", 1, [])
    slow.chain.rpc("anvil_dropAllTransactions")
    assert (slow.touches, slow.nonce) == (0, 0)
    row = slow.step()
    assert (row.state, row.confirmations) == (State.PENDING, 0)
    assert slow.outcomes() == []
    slow.chain.mine()
    row = slow.step()
    assert row.state == State.MINED_OK
    assert len(row.attempts) == 1
    assert slow.outcomes() == ["key"]
    slow.chain.mine(10)
    slow.step(2)
    assert (slow.touches, slow.nonce) == (1, 1)
    assert slow.row().settled


@pytest.mark.anvil
def test_a_reorg_is_followed_up_although_the_first_step_after_it_fails(
    slow: Hands, make_proxy: Start
) -> None:
    proxy = make_proxy(slow.chain.url)
    hands = replace(slow, urls=[proxy.url])
    hands.touch("first")
    hands.touch("second")
    hands.manager.step()
    hands.chain.mine()
    hands.manager.step()
    hands.chain.rpc("anvil_reorg", 1, [])
    hands.chain.rpc("anvil_dropAllTransactions")
    proxy.refused = "eth_getTransactionByHash"
    with pytest.raises(RpcUnavailableError):
        hands.manager.step()
    proxy.refused = ""
    hands.await_endpoint()
    hands.until(State.PENDING, "second")
    hands.chain.mine()
    hands.until(State.MINED_OK, "second")
    assert (hands.row("first").state, hands.touches) == (State.MINED_OK, 2)


@pytest.mark.anvil
def test_a_reorg_that_mines_ours_in_another_block_is_followed(slow: Hands) -> None:
    slow.touch()
    slow.step()
    slow.chain.mine()
    before = slow.step()
    slow.chain.rpc("anvil_reorg", 1, [["0x" + before.attempts[0].raw.hex(), 0]])
    after = slow.step()
    assert after.state == State.MINED_OK
    assert after.block_hash != before.block_hash
    assert slow.touches == 1


@pytest.mark.anvil
def test_a_nonce_taken_by_a_foreign_transaction_is_leased_again(slow: Hands) -> None:
    slow.touch()
    slow.step()
    slow.chain.rpc("anvil_dropAllTransactions")
    slow.send_foreign(nonce=0)
    slow.chain.mine()
    assert slow.step().state == State.PENDING  # a reorg may still undo the foreign one
    slow.chain.mine()
    row = slow.step()
    assert (row.state, row.nonce) == (State.PENDING, 1)
    slow.chain.mine()
    assert slow.step().state == State.MINED_OK
    assert (slow.touches, slow.nonce) == (1, 2)


@pytest.mark.anvil
def test_what_is_leased_again_keeps_nothing_of_a_block_that_a_reorg_dropped(slow: Hands) -> None:
    slow.touch()
    slow.step()
    slow.chain.mine()
    slow.step()
    with slow.db.session() as session:
        slow.manager.acknowledge(session, slow.row())
    slow.chain.rpc("anvil_setBalance", slow.account.address, hex(10**18))
    slow.chain.rpc("anvil_reorg", 1, [])
    slow.chain.rpc("anvil_dropAllTransactions")
    slow.send_foreign(nonce=0)
    slow.chain.mine(3)
    slow.chain.rpc("anvil_setBalance", slow.account.address, "0x0")
    row = slow.step()
    assert (row.state, row.nonce, row.tx_hash, row.block_hash) == (State.QUEUED, None, None, None)
    assert (row.gas_used, row.confirmations, row.acknowledged) == (None, 0, False)


@pytest.mark.anvil
def test_superseded_by_a_foreign_transaction_that_did_the_same(slow: Hands) -> None:
    slow.enqueue(slow.contract.functions.once(JOB))
    slow.step()
    slow.chain.rpc("anvil_dropAllTransactions")
    twin = slow.contract.functions.once(JOB).build_transaction(
        {
            "from": slow.account.address,
            "nonce": 0,
            "gas": 200_000,
            "maxFeePerGas": 50 * GWEI,
            "maxPriorityFeePerGas": 3 * GWEI,
            "chainId": slow.chain.chain_id,
        }
    )
    raw = slow.account.sign_transaction(twin).raw_transaction
    slow.chain.rpc("eth_sendRawTransaction", "0x" + raw.hex())
    slow.chain.mine(2)
    row = slow.step(2)
    assert row.state == State.SUPERSEDED
    assert (slow.touches, slow.nonce) == (1, 1)
    assert slow.outcomes() == ["key"]


@pytest.mark.anvil
def test_a_hole_below_our_nonces_is_filled(slow: Hands) -> None:
    """A reorg drops the foreign transaction that ours was stacked on."""
    slow.send_foreign(nonce=0)
    slow.chain.mine()
    slow.touch()
    slow.step()
    slow.chain.mine()
    assert slow.step().nonce == 1
    slow.chain.rpc("anvil_reorg", 2, [])
    slow.chain.rpc("anvil_dropAllTransactions")
    assert slow.nonce == 0
    slow.step()
    slow.now += 31
    slow.step(2)
    slow.chain.mine(2)
    row = slow.step()
    assert row.state == State.MINED_OK
    assert (slow.touches, slow.nonce) == (1, 2)
    assert slow.outcomes() == ["key"]
    slow.chain.rpc("anvil_reorg", 2, [])  # what fills holes is nobody's wish after a reorg, either
    slow.step()
    slow.chain.mine()
    slow.step()
    assert slow.outcomes() == ["key"]


# --- several endpoints ------------------------------------------------------------------------


def test_a_signed_transaction_goes_to_every_endpoint(
    embedded: Devnet, counter_code: dict[str, Any], db: Database, make_proxy: Start
) -> None:
    first, second = make_proxy(embedded.url), make_proxy(embedded.url)
    contract = deploy(embedded, counter_code)
    hands = Hands(embedded, contract, db, urls=[first.url, second.url])
    hands.touch()
    assert hands.step(2).state == State.MINED_OK
    assert first.methods.count("eth_sendRawTransaction") == 1
    assert second.methods.count("eth_sendRawTransaction") == 1
    assert [row.state for row in hands.pool.health()] == ["ok", "ok"]


def test_one_endpoint_that_claims_a_revert_cannot_reject_our_work(
    embedded: Devnet, counter_code: dict[str, Any], db: Database, make_proxy: Start
) -> None:
    liar = make_proxy(embedded.url)
    liar.rewrite = lambda request, answer: (
        {**without_result(answer), "error": {"code": 3, "message": "execution reverted"}}
        if request["method"] in ("eth_call", "eth_estimateGas")
        else answer
    )
    hands = Hands(embedded, deploy(embedded, counter_code), db, urls=[liar.url, embedded.url])
    hands.touch()
    with pytest.raises(EndpointsDisagreeError):
        hands.manager.step()
    assert hands.row().state == State.QUEUED
    assert hands.nonce == 0


@pytest.mark.anvil
def test_one_endpoint_that_overstates_the_nonce_cannot_make_us_pay_twice(
    slow: Hands, make_proxy: Start
) -> None:
    slow.touch()
    slow.step()
    liar = make_proxy(slow.chain.url)
    liar.rewrite = lambda request, answer: (
        {**answer, "result": "0x5"} if request["method"] == "eth_getTransactionCount" else answer
    )
    both = TxManager(
        RpcPool([liar.url, slow.chain.url]), slow.db, slow.account, POLICY, lambda: slow.now
    )
    with pytest.raises(EndpointsDisagreeError):
        both.step()
    assert slow.row().nonce == 0


def without_result(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key != "result"}


def set_base_fee(hands: Hands, wei: int) -> None:
    """For the next block; mines one so that the head has it too."""
    hands.chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(wei))
    pool = hands.chain.rpc("txpool_content")["pending"]
    if not pool:
        hands.chain.mine()
