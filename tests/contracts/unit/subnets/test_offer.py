# SPDX-License-Identifier: Apache-2.0
"""SubnetRegistry: offer, in a book with room."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from eth_account.signers.local import LocalAccount

from offchain_workers.chain.events import Event
from offchain_workers.routing.books import Seat
from tests.contracts.parts import ETHER, NONE
from tests.contracts.terms import NATIVE
from tests.contracts.unit.subnets.books import TIER, book_id, seat, seat_of
from tests.contracts.world import World


@pytest.fixture
def operator(empty_world: World) -> LocalAccount:
    """Opted in to `none`, 2 ether, no offer."""
    account = empty_world.add_operator("operator", 2 * ETHER)
    empty_world.subnets.opt_in(NONE, sender=account.address)
    return account


def offer(world: World, operator: LocalAccount, **changes: Any) -> None:
    """An offer without opting in first."""
    terms = {
        "model_id": world.model_id,
        "selector": NONE,
        "token": NATIVE,
        "tier": TIER,
        "region": 0,
        "price": 5,
        "limits": 0,
    }
    world.subnets.offer(*(terms | changes).values(), sender=operator.address)


def test_an_offer_takes_a_seat_from_the_next_epoch(
    empty_world: World, operator: LocalAccount, events: list[Event]
) -> None:
    offer(empty_world, operator, region=7, price=5, limits=99)
    epoch = empty_world.subnets.epoch()
    assert seat(empty_world, 0) == Seat(TIER, 0, 1, 5, 2 * 10**9, 7, epoch + 1)
    assert empty_world.subnets.operators(operator.address).offers == 1
    assert events[-2].name == "SeatChanged"
    assert events[-1].args == {
        "operator": operator.address,
        "book_id": book_id(empty_world),
        "model_id": empty_world.model_id,
        "selector": NONE,
        "token": NATIVE,
        "tier": TIER,
        "region": 7,
        "price": 5,
        "limits": 99,
    }


def test_an_offer_needs_consent_to_the_plugin(empty_world: World, operator: LocalAccount) -> None:
    empty_world.subnets.opt_out(NONE, sender=operator.address)
    with boa.reverts("not opted in"):
        offer(empty_world, operator)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("selector", b"\x01\x02\x03\x04", "not opted in"),
        ("model_id", b"\x01" * 32, "unknown model"),
        ("tier", 3, "unknown tier"),
        ("region", 256, "unknown region"),
        ("price", 2**96, "price too high"),
    ],
)
def test_an_offer_out_of_bounds_is_refused(
    empty_world: World, operator: LocalAccount, field: str, value: Any, reason: str
) -> None:
    with boa.reverts(reason):
        offer(empty_world, operator, **{field: value})


def test_the_bounds_themselves_are_allowed(empty_world: World, operator: LocalAccount) -> None:
    offer(empty_world, operator, tier=2, region=255, price=2**96 - 1)
    found = seat(empty_world, 0, tier=2)
    assert (found.region, found.price, found.operator) == (255, 2**96 - 1, 1)
    offer(empty_world, operator, tier=2, price=0)
    assert seat(empty_world, 0, tier=2).price == 0


def test_each_offer_needs_the_least_stake_once_more(
    empty_world: World, operator: LocalAccount
) -> None:
    models = [empty_world.publish(name) for name in ("second", "third")]
    offer(empty_world, operator)
    offer(empty_world, operator, model_id=models[0])
    with boa.reverts("stake too low"):
        offer(empty_world, operator, model_id=models[1])
    empty_world.subnets.add_stake(operator.address, value=ETHER - 1, sender=operator.address)
    with boa.reverts("stake too low"):
        offer(empty_world, operator, model_id=models[1])
    empty_world.subnets.add_stake(operator.address, value=1, sender=operator.address)
    offer(empty_world, operator, model_id=models[1])


def test_a_second_offer_in_a_book_replaces_the_first(
    empty_world: World, operator: LocalAccount
) -> None:
    offer(empty_world, operator, price=5, region=1)
    empty_world.subnets.add_stake(operator.address, value=ETHER, sender=operator.address)
    offer(empty_world, operator, price=6, region=2)
    found = seat(empty_world, 0)
    assert (found.price, found.region, found.weight) == (6, 2, 3 * 10**9)
    assert seat(empty_world, 1).since == 0
    assert empty_world.subnets.operators(operator.address).offers == 1


def test_an_operator_that_moves_tier_leaves_its_old_seat(
    empty_world: World, operator: LocalAccount
) -> None:
    offer(empty_world, operator, tier=1)
    empty_world.next_epoch()
    offer(empty_world, operator, tier=2)
    assert seat(empty_world, 0, tier=1).weight == 0
    assert seat(empty_world, 0, tier=2).operator == 1
    assert empty_world.subnets.operators(operator.address).offers == 1


def test_an_operator_that_moves_and_comes_back_is_in_each_epoch_once(empty_world: World) -> None:
    empty_world.staff(2)
    empty_world.next_epoch()
    mover = empty_world.operators[1]
    empty_world.offer(mover, tier=2)
    empty_world.offer(mover, tier=1)
    with boa.reverts("too few candidates"):
        empty_world.form_subnet(3)
    empty_world.next_epoch()
    assert len(empty_world.form_subnet(2, band=95).members) == 2


def test_a_vacant_seat_is_given_out_again(world: World) -> None:
    leaver, *_ = world.operators
    world.subnets.end_offer(book_id(world), sender=leaver.address)
    newcomer = world.add_operator("newcomer")
    world.offer(newcomer)
    assert seat_of(world, newcomer) == 0
    assert seat_of(world, leaver) is None


def test_the_same_model_in_another_coin_is_another_book(
    empty_world: World, operator: LocalAccount
) -> None:
    offer(empty_world, operator)
    offer(empty_world, operator, token=operator.address)
    assert empty_world.subnets.operators(operator.address).offers == 2
