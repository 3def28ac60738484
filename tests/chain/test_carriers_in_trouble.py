# SPDX-License-Identifier: Apache-2.0
"""Transactions of several wishes that are stuck, front-run or dropped: each wish is done once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from offchain_workers.chain.transactions import State, TxManager
from tests.chain.hands import POLICY, Hands
from tests.chain.riders import (
    KEYS,
    carriers,
    counted,
    foreign_first,
    in_flight,
    states,
    wish,
    wish_all,
)


@pytest.mark.anvil
def test_a_front_run_splits_a_carrier_and_costs_nobody_else_the_wish(slow_riders: Hands) -> None:
    in_flight(slow_riders)
    foreign_first(slow_riders, "b")
    slow_riders.chain.mine()
    slow_riders.manager.step()
    [carrier] = carriers(slow_riders)
    assert carrier.state == State.MINED_REVERTED
    assert carrier.reason == "MN-TX-007: it reverted: already done"
    # Not before a reorg is unlikely to make the carrier succeed after all.
    assert (states(slow_riders), slow_riders.outcomes()) == ([State.PENDING] * 4, [])
    slow_riders.chain.mine()
    slow_riders.manager.step()
    slow_riders.chain.mine()
    slow_riders.manager.step()
    assert states(slow_riders) == [State.MINED_OK, State.REJECTED, State.MINED_OK, State.MINED_OK]
    assert str(slow_riders.row("b").reason) == "MN-TX-004: it would revert: already done"
    assert (counted(slow_riders), slow_riders.nonce) == ([1, 1, 1, 1], 4)
    assert sorted(slow_riders.outcomes()) == KEYS
    assert len(carriers(slow_riders)) == 1


@pytest.mark.anvil
@pytest.mark.parametrize("point", ["mined", "recorded", "signed", "persisted", "broadcast"])
def test_a_split_survives_a_crash(slow_riders: Hands, point: str) -> None:
    in_flight(slow_riders)
    foreign_first(slow_riders, "b")
    slow_riders.chain.mine(3)
    with pytest.raises(CrashError):
        TxManager(
            slow_riders.pool,
            slow_riders.db,
            slow_riders.account,
            POLICY,
            lambda: slow_riders.now,
            crash(point),
        ).step()
    slow_riders.manager.step()
    slow_riders.chain.mine()
    slow_riders.manager.step()
    assert states(slow_riders) == [State.MINED_OK, State.REJECTED, State.MINED_OK, State.MINED_OK]
    assert (counted(slow_riders), slow_riders.nonce) == ([1, 1, 1, 1], 4)


class CrashError(Exception):
    """The daemon ends here."""


def crash(at: str) -> Callable[[str], None]:
    def hook(point: str) -> None:
        if point == at:
            raise CrashError

    return hook


# --- what sticks in the mempool -----------------------------------------------------------------


@pytest.mark.anvil
def test_a_stuck_carrier_is_replaced_by_a_dearer_one(slow_riders: Hands) -> None:
    in_flight(slow_riders)
    slow_riders.now += 31
    slow_riders.manager.step()
    [carrier] = carriers(slow_riders)
    first, second = carrier.attempts
    assert second.cap > first.cap
    slow_riders.chain.mine()
    slow_riders.manager.step()
    assert {slow_riders.row(key).tx_hash for key in KEYS} == {second.hash}
    assert (counted(slow_riders), slow_riders.nonce) == ([1, 1, 1, 1], 1)


@pytest.mark.anvil
def test_the_first_deadline_cancels_a_carrier_and_the_others_go_on(slow_riders: Hands) -> None:
    wish(slow_riders, "a", deadline=int(slow_riders.now) + 10**6)
    wish_all(slow_riders, KEYS[1:])
    slow_riders.manager.step()
    slow_riders.now += 10**6 + 1
    slow_riders.manager.step()
    assert states(slow_riders) == [State.CANCELLING] * 4
    slow_riders.chain.mine(2)
    slow_riders.manager.step()
    assert states(slow_riders) == [State.CANCELLED] + [State.PENDING] * 3
    slow_riders.chain.mine()
    slow_riders.manager.step()
    assert (counted(slow_riders), slow_riders.nonce) == ([0, 1, 1, 1], 4)
    assert str(slow_riders.row("a").reason).startswith("MN-TX-005")


# --- reorgs and other users of the key ----------------------------------------------------------


@pytest.mark.anvil
def test_a_reorg_that_drops_a_carrier_gets_it_mined_again_once(slow_riders: Hands) -> None:
    in_flight(slow_riders)
    slow_riders.chain.mine()
    slow_riders.manager.step()
    with slow_riders.db.session() as session:
        for key in KEYS:
            slow_riders.manager.acknowledge(session, slow_riders.row(key))
    slow_riders.chain.rpc("anvil_reorg", 1, [])
    slow_riders.chain.rpc("anvil_dropAllTransactions")
    slow_riders.manager.step()
    assert states(slow_riders) == [State.PENDING] * 4
    assert {(slow_riders.row(k).tx_hash, slow_riders.row(k).gas_used) for k in KEYS} == {
        (None, None)
    }
    assert slow_riders.outcomes() == []
    slow_riders.chain.mine()
    slow_riders.manager.step()
    assert slow_riders.outcomes() == KEYS
    assert (counted(slow_riders), slow_riders.nonce) == ([1, 1, 1, 1], 1)


@pytest.mark.anvil
def test_a_reorg_that_mines_a_carrier_in_another_block_is_followed(slow_riders: Hands) -> None:
    carrier = in_flight(slow_riders)
    slow_riders.chain.mine()
    slow_riders.manager.step()
    before = slow_riders.row("a").block_hash
    slow_riders.chain.rpc("anvil_reorg", 1, [["0x" + carrier.attempts[0].raw.hex(), 0]])
    slow_riders.manager.step()
    blocks = {slow_riders.row(key).block_hash for key in KEYS}
    assert blocks == {carriers(slow_riders)[0].block_hash}
    assert blocks != {before}


@pytest.mark.anvil
def test_a_reorg_that_undoes_the_front_run_lets_the_carrier_succeed(slow_riders: Hands) -> None:
    carrier = in_flight(slow_riders)
    foreign_first(slow_riders, "b")
    slow_riders.chain.mine()
    slow_riders.manager.step()
    assert carriers(slow_riders)[0].state == State.MINED_REVERTED
    slow_riders.chain.rpc("anvil_reorg", 1, [["0x" + carrier.attempts[0].raw.hex(), 0]])
    slow_riders.chain.rpc("anvil_dropAllTransactions")
    slow_riders.manager.step()
    assert states(slow_riders) == [State.MINED_OK] * 4
    slow_riders.chain.mine(3)
    slow_riders.manager.step()
    assert (counted(slow_riders), slow_riders.nonce) == ([1, 1, 1, 1], 1)


@pytest.mark.anvil
def test_a_carrier_whose_nonce_went_to_a_foreign_transaction_lets_its_riders_go(
    slow_riders: Hands,
) -> None:
    in_flight(slow_riders)
    slow_riders.chain.rpc("anvil_dropAllTransactions")
    slow_riders.send_foreign(nonce=0)
    slow_riders.chain.mine(2)
    slow_riders.manager.step()
    assert carriers(slow_riders)[0].state == State.SUPERSEDED
    slow_riders.chain.mine()
    slow_riders.manager.step()
    assert states(slow_riders) == [State.MINED_OK] * 4
    assert (counted(slow_riders), slow_riders.nonce) == ([1, 1, 1, 1], 5)
    assert slow_riders.outcomes() == KEYS
