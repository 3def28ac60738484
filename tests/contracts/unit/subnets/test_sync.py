# SPDX-License-Identifier: Apache-2.0
"""SubnetRegistry: sync."""

from __future__ import annotations

import boa
import pytest

from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER
from tests.contracts.unit.subnets.books import book_id, seat, seat_of
from tests.contracts.world import World

JOB = b"\x01" * 32
GWEI = 10**9


@pytest.fixture
def plugin(world: World) -> str:
    """A plug-in that the first operator opted in to."""
    address = boa.env.generate_address("plugin")
    selector = world.add_method("method", address)
    world.subnets.opt_in(selector, sender=world.operators[0].address)
    return str(address)


def slash(world: World, plugin: str, amount: int) -> None:
    world.subnets.lock(JOB, world.operators[0].address, amount, sender=plugin)
    world.subnets.slash(JOB, 0, plugin, sender=plugin)


def test_a_stranger_brings_a_topped_up_seat_up_to_date(world: World) -> None:
    operator = world.operators[0].address
    world.subnets.add_stake(operator, value=5 * ETHER, sender=operator)
    assert seat(world, 0).weight == 10 * GWEI
    before = seat(world, 0)
    world.subnets.sync(operator, book_id(world), sender=wallet("keeper").address)
    after = seat(world, 0)
    assert after.weight == 15 * GWEI
    assert (after.operator, after.price, after.region) == (
        before.operator,
        before.price,
        before.region,
    )
    assert after.since == world.subnets.epoch() + 1


def test_a_fault_costs_weight_only_once_synced(world: World, plugin: str) -> None:
    slash(world, plugin, 2 * ETHER)
    assert seat(world, 0).weight == 10 * GWEI
    world.subnets.sync(world.operators[0].address, book_id(world), sender=wallet("keeper").address)
    # 8 ether are left, and reputation takes a fifth of their weight.
    assert seat(world, 0).weight == 6_400_000_000


def test_an_operator_slashed_below_the_least_stake_loses_its_seat(
    world: World, plugin: str
) -> None:
    operator = world.operators[0]
    slash(world, plugin, 9 * ETHER + 1)
    world.subnets.sync(operator.address, book_id(world), sender=wallet("keeper").address)
    assert seat(world, 0).weight == 0
    assert seat_of(world, operator) is None
    assert world.subnets.operators(operator.address).offers == 0


def test_a_slashed_operator_keeps_as_many_offers_as_its_stake_covers(
    world: World, plugin: str
) -> None:
    operator = world.operators[0]
    world.offer(operator, token=operator.address)
    slash(world, plugin, 8 * ETHER + 1)
    other_book = book_id(world, token=operator.address)
    world.subnets.sync(operator.address, other_book)
    world.subnets.sync(operator.address, book_id(world))
    assert seat_of(world, operator) == 0
    assert world.subnets.operators(operator.address).offers == 1
    with boa.reverts("no offer"):
        world.subnets.sync(operator.address, other_book)


def test_the_weight_is_never_zero(world: World, plugin: str) -> None:
    slash(world, plugin, 10 * ETHER)
    world.offer(world.operators[0])
    assert seat(world, 0).weight == 1


def test_there_must_be_an_offer_to_sync(world: World) -> None:
    with boa.reverts("no offer"):
        world.subnets.sync(wallet("keeper").address, book_id(world))
    with boa.reverts("no offer"):
        world.subnets.sync(world.operators[0].address, b"\x01" * 32)


def test_syncing_again_changes_nothing_in_the_running_epoch(world: World) -> None:
    spec = world.spec(3)
    world.request(spec)
    for operator in world.operators:
        world.subnets.add_stake(operator.address, value=500 * ETHER, sender=operator.address)
        world.subnets.sync(operator.address, book_id(world))
        world.subnets.sync(operator.address, book_id(world))
    row = world.subnets.row_of(book_id(world), 1)
    weights = [(world.subnets.seats_before(row, i) >> 64) & (2**64 - 1) for i in range(3)]
    assert weights == [10 * GWEI] * 3
