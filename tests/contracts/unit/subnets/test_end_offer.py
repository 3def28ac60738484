# SPDX-License-Identifier: Apache-2.0
"""SubnetRegistry: end_offer."""

from __future__ import annotations

import boa

from offchain_workers.chain.events import Event
from tests.contracts.actors import wallet
from tests.contracts.unit.subnets.books import book_id, seat
from tests.contracts.world import World


def test_an_offer_ends_with_the_epoch(world: World, events: list[Event]) -> None:
    leaver = world.operators[0].address
    world.subnets.end_offer(book_id(world), sender=leaver)
    assert events[-1].args == {"operator": leaver, "book_id": book_id(world)}
    assert world.subnets.operators(leaver).offers == 0
    assert (seat(world, 0).operator, seat(world, 0).since) == (0, world.subnets.epoch() + 1)
    spec = world.spec(3)
    world.request(spec)
    assert len(world.form(spec).members) == 3
    world.next_epoch()
    spec = world.spec(3, band=95)
    world.request(spec)
    with boa.reverts("too few candidates"):
        world.form(spec)


def test_who_has_no_offer_ends_none(world: World) -> None:
    with boa.reverts("no offer"):
        world.subnets.end_offer(book_id(world), sender=wallet("keeper").address)
    leaver = world.operators[0].address
    world.subnets.end_offer(book_id(world), sender=leaver)
    with boa.reverts("no offer"):
        world.subnets.end_offer(book_id(world), sender=leaver)
