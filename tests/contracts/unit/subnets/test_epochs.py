# SPDX-License-Identifier: Apache-2.0
"""SubnetRegistry: which epoch's books a request draws from, and that nothing written later matters.

Epochs have 100 blocks here; requests in the last 10 count for the next epoch.
"""

from __future__ import annotations

from collections.abc import Callable

import boa
import pytest

from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER, Subnet
from tests.contracts.unit.subnets.books import book_id
from tests.contracts.world import World

EPOCH, LEAD = 100, 10


def at(world: World, block_in_epoch: int) -> None:
    """Mine forward to a block of the running epoch."""
    ahead = block_in_epoch - world.block % EPOCH
    assert ahead >= 0
    world.roll(ahead)


def epoch_start(world: World, later: int = 0) -> int:
    return int((world.block // EPOCH + later) * EPOCH)


def test_the_configuration_is_what_these_tests_say(world: World) -> None:
    assert (world.subnets.EPOCH_BLOCKS(), world.subnets.LEAD_BLOCKS()) == (EPOCH, LEAD)


@pytest.mark.parametrize("block_in_epoch", [0, 1, EPOCH - LEAD - 1])
def test_a_request_draws_from_the_running_epoch(world: World, block_in_epoch: int) -> None:
    at(world, block_in_epoch)
    spec = world.spec()
    world.request(spec)
    assert world.subnets.seed_block(world.subnets.spec_id_of(spec)) == world.block + 1


@pytest.mark.parametrize("block_in_epoch", [EPOCH - LEAD, EPOCH - 2, EPOCH - 1])
def test_a_late_request_draws_from_the_next_epoch(world: World, block_in_epoch: int) -> None:
    at(world, block_in_epoch)
    start = epoch_start(world, 1)
    spec = world.spec()
    world.request(spec)
    assert world.subnets.seed_block(world.subnets.spec_id_of(spec)) == start
    world.roll(start - world.block)
    with boa.reverts("too early"):
        world.subnets.form(spec, sender=wallet("keeper").address)
    world.roll()
    world.subnets.form(spec, sender=wallet("keeper").address)


def test_the_shortest_time_to_form_is_one_block_less_than_the_lead(world: World) -> None:
    at(world, EPOCH - LEAD - 1)
    spec = world.spec()
    world.request(spec)
    world.roll(2)
    for _ in range(LEAD - 1):
        with boa.env.anchor():
            world.subnets.form(spec, sender=wallet("keeper").address)
        world.roll()
    with boa.reverts("stale request"):
        world.subnets.form(spec, sender=wallet("keeper").address)


def test_a_late_request_can_be_formed_all_through_the_next_epoch(world: World) -> None:
    at(world, EPOCH - LEAD)
    spec = world.spec()
    world.request(spec)
    world.next_epoch()
    at(world, EPOCH - 1)
    with boa.env.anchor():
        world.form(spec)
    with boa.reverts("request is pending"):
        world.subnets.request_cost(spec)
    world.roll()
    with boa.reverts("stale request"):
        world.form(spec)


def join(world: World) -> None:
    for i in range(3):
        world.offer(world.add_operator(f"late {i}", 500 * ETHER))


def test_the_last_block_of_an_epoch_still_writes_the_next_ones_books(world: World) -> None:
    at(world, EPOCH - 1)
    spec = world.spec(6)
    world.request(spec)
    join(world)
    assert len(world.form(spec).members) == 6


def test_the_first_block_of_an_epoch_is_too_late_for_it(world: World) -> None:
    at(world, EPOCH - 1)
    spec = world.spec(6)
    world.request(spec)
    world.roll()
    join(world)
    with boa.reverts("too few candidates"):
        world.form(spec)


def test_an_offer_waits_for_the_next_epoch(world: World) -> None:
    join(world)
    spec = world.spec(6)
    world.request(spec)
    with boa.reverts("too few candidates"):
        world.form(spec)


def raise_prices(world: World) -> None:
    for operator in world.operators:
        world.offer(operator, price=2**95)


def top_up(world: World) -> None:
    operator = world.operators[-1].address
    world.subnets.add_stake(operator, value=900 * ETHER, sender=operator)
    world.subnets.sync(operator, book_id(world))


def leave(world: World) -> None:
    for operator in world.operators[:4]:
        world.subnets.end_offer(book_id(world), sender=operator.address)


def move(world: World) -> None:
    for operator in world.operators[:4]:
        world.offer(operator, tier=2, region=9)


def move_and_come_back(world: World) -> None:
    move(world)
    for operator in world.operators[:4]:
        world.offer(operator, tier=1)


def slash(world: World) -> None:
    plugin = boa.env.generate_address("plugin")
    selector = world.add_method("method", plugin)
    operator = world.operators[0].address
    world.subnets.opt_in(selector, sender=operator)
    world.subnets.lock(b"\x01" * 32, operator, 10 * ETHER, sender=plugin)
    world.subnets.slash(b"\x01" * 32, 0, plugin, sender=plugin)
    world.subnets.sync(operator, book_id(world))


def leave_and_let_others_in(world: World) -> None:
    leave(world)
    join(world)


CHANGES = [raise_prices, top_up, leave, move, move_and_come_back, slash, join]
CHANGES += [leave_and_let_others_in]


def drawn(world: World, change: Callable[[World], None] | None) -> Subnet:
    """Request at once, change in the seed block, form later in the epoch."""
    spec = world.spec(3, tiers=2, region=0, band=90)
    with boa.env.anchor():
        world.request(spec)
        world.roll()
        if change is not None:
            change(world.copy())
        at(world, 50)
        return world.form(spec)


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_written_after_the_request_never_matters(
    empty_world: World, change: Callable[[World], None]
) -> None:
    empty_world.staff(8)
    empty_world.next_epoch()
    assert drawn(empty_world, change) == drawn(empty_world, None)


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_written_in_the_epoch_of_a_late_request_never_matters(
    empty_world: World, change: Callable[[World], None]
) -> None:
    empty_world.staff(8)
    spec = empty_world.spec(3, tiers=2, region=0, band=90)
    at(empty_world, EPOCH - 1)
    empty_world.request(spec)
    empty_world.roll()
    with boa.env.anchor():
        change(empty_world.copy())
        changed = empty_world.form(spec)
    assert changed == empty_world.form(spec)
