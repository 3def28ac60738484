# SPDX-License-Identifier: Apache-2.0
"""SubnetRegistry: offer, when all 32 seats of a row are held."""

from __future__ import annotations

import boa
import pytest
from eth_account.signers.local import LocalAccount

from offchain_workers.chain.events import Event
from tests.contracts.parts import ETHER
from tests.contracts.unit.subnets.books import SEATS, TIER, book_id, fill, seat, seat_of
from tests.contracts.world import World


@pytest.fixture
def full(empty_world: World) -> World:
    """Seat i is held by operator i with 10 + i ether, all in force."""
    fill(empty_world)
    empty_world.next_epoch()
    return empty_world


def newcomer(world: World, ether: int, tier: int = TIER) -> LocalAccount:
    account = world.add_operator("newcomer", ether * ETHER)
    world.offer(account, tier=tier)
    return account


def test_the_smallest_makes_room_for_a_larger_stake(full: World, events: list[Event]) -> None:
    evicted, *others = full.operators
    larger = newcomer(full, 11)
    assert (seat_of(full, larger), seat_of(full, evicted)) == (0, None)
    assert [seat_of(full, other) for other in others] == list(range(1, SEATS))
    assert full.subnets.operators(evicted.address).offers == 0
    names = [event.name for event in events[-4:]]
    assert names == ["SeatChanged", "OfferEnded", "SeatChanged", "Offered"]
    assert events[-3].args == {"operator": evicted.address, "book_id": book_id(full)}


def test_an_evicted_operator_is_free_to_leave(full: World) -> None:
    evicted = full.operators[0].address
    newcomer(full, 11)
    full.subnets.unbond(10 * ETHER, sender=evicted)
    with boa.reverts("no offer"):
        full.subnets.end_offer(book_id(full), sender=evicted)


@pytest.mark.parametrize("ether", [9, 10])
def test_a_newcomer_that_is_not_larger_is_refused(full: World, ether: int) -> None:
    with boa.reverts("book full"):
        newcomer(full, ether)


def test_a_refused_newcomer_has_no_offer(full: World) -> None:
    small = full.add_operator("small", 10 * ETHER)
    with boa.reverts("book full"):
        full.offer(small)
    assert full.subnets.operators(small.address).offers == 0
    assert seat_of(full, small) is None


def test_the_other_tiers_have_seats_of_their_own(full: World) -> None:
    small = newcomer(full, 1, tier=TIER + 1)
    assert seat_of(full, small) == 0
    assert seat_of(full, full.operators[0]) == 0


def test_a_vacant_seat_comes_before_an_eviction(full: World) -> None:
    leaver = full.operators[20]
    full.subnets.end_offer(book_id(full), sender=leaver.address)
    assert seat_of(full, newcomer(full, 100)) == 20
    assert seat_of(full, full.operators[0]) == 0


def test_who_holds_a_seat_replaces_its_offer_in_a_full_book(full: World) -> None:
    smallest = full.operators[0]
    full.offer(smallest, price=77)
    assert seat(full, 0).price == 77


def test_stake_added_but_not_synced_does_not_defend_a_seat(full: World) -> None:
    """Top up and sync in one go: a seat is worth the weight written in it."""
    first, second = full.operators[:2]
    full.subnets.add_stake(first.address, value=100 * ETHER, sender=first.address)
    larger = newcomer(full, 11)
    assert (seat_of(full, larger), seat_of(full, first)) == (0, None)
    full.offer(first)
    assert [seat_of(full, operator) for operator in (first, second, larger)] == [0, 1, None]


def test_two_evictions_in_one_epoch_keep_the_word_in_force(full: World) -> None:
    evicted = full.operators[0]
    first = newcomer(full, 11)
    second = full.add_operator("second", 100 * ETHER)
    full.subnets.end_offer(book_id(full), sender=first.address)
    full.offer(second)
    row = full.subnets.row_of(book_id(full), TIER)
    index = full.subnets.operators(evicted.address).index
    assert full.subnets.seats_before(row, 0) >> 224 == index
    assert seat(full, 0).operator == full.subnets.operators(second.address).index
