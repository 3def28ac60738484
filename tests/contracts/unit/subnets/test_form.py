# SPDX-License-Identifier: Apache-2.0
"""SubnetRegistry: form. That the draw itself is right, tests/routing shows by replaying it."""

from __future__ import annotations

import boa
import pytest
from eth_utils.crypto import keccak

from offchain_workers.chain.events import Event
from tests.contracts.actors import wallet
from tests.contracts.parts import block_hash
from tests.contracts.unit.subnets.books import book_id
from tests.contracts.world import World


def form(world: World, spec: tuple[object, ...]) -> None:
    """Form now, in this block."""
    world.subnets.form(spec, sender=wallet("keeper").address)


def test_the_keeper_earns_the_tip_and_the_subnet_lives(world: World, events: list[Event]) -> None:
    spec = world.spec(3)
    subnet_id = world.request(spec)
    seed_block = world.block + 1
    formed = world.form(spec, by="keeper")
    expires = world.now + world.config.subnet_ttl
    assert world.subnets.credit(wallet("keeper").address) == world.config.formation_tip
    assert world.subnets.latest_subnet(spec) == (subnet_id, expires)
    assert sorted(m.address for m in formed.members) == sorted(o.address for o in world.operators)
    args = events[-1].args
    spec_id = world.subnets.spec_id_of(spec)
    assert (args["subnet_id"], args["spec_id"]) == (subnet_id, spec_id)
    assert args["seed"] == keccak(block_hash(seed_block) + spec_id)
    assert (args["epoch"], args["expires"]) == (world.subnets.epoch(), expires)
    drawn = [world.subnets.operator_at(half >> 96) for half in args["members"] if half]
    assert drawn == [m.address for m in formed.members]
    assert args["members"][3:] == [0] * 5


def test_what_was_never_requested_is_not_formed(world: World) -> None:
    with boa.reverts("not requested"):
        form(world, world.spec())


def test_a_subnet_is_formed_once(world: World) -> None:
    spec = world.spec()
    world.request(spec)
    world.form(spec)
    with boa.reverts("already formed"):
        form(world, spec)
    assert world.subnets.credit(wallet("keeper").address) == world.config.formation_tip


def test_forming_begins_with_the_block_after_the_seed_block(world: World) -> None:
    spec = world.spec()
    world.request(spec)
    for _ in range(2):
        with boa.reverts("too early"):
            form(world, spec)
        world.roll()
    form(world, spec)


def test_forming_ends_with_the_epoch(world: World) -> None:
    spec = world.spec()
    world.request(spec)
    world.next_epoch()
    with boa.env.anchor():
        boa.env.evm.patch.block_number -= 1
        form(world, spec)
    with boa.reverts("stale request"):
        form(world, spec)


def test_too_few_candidates_form_nothing(world: World) -> None:
    spec = world.spec(4)
    world.request(spec)
    with boa.reverts("too few candidates"):
        world.form(spec)
    world.add_operator("fourth")
    world.offer(world.operators[3])
    world.next_epoch()
    world.request(spec)
    assert len(world.form(spec).members) == 4


@pytest.mark.parametrize("k", range(1, 9))
def test_every_size_up_to_eight_is_stored_whole(empty_world: World, k: int) -> None:
    empty_world.staff(k)
    formed = empty_world.form_subnet(k)
    assert len({m.address for m in formed.members}) == k
    with boa.reverts("no such member"):
        empty_world.subnets.member(formed.id, k)


def test_candidates_fit_tiers_region_and_band(empty_world: World) -> None:
    fits, dear, far, other_tier, borderless = (
        empty_world.add_operator(n) for n in ("fits", "dear", "far", "tier", "borderless")
    )
    empty_world.offer(fits, 2**20, tier=1, region=3)
    empty_world.offer(dear, 2**20 + 1, tier=1, region=3)
    empty_world.offer(far, 1, tier=1, region=4)
    empty_world.offer(other_tier, 1, tier=2, region=3)
    empty_world.offer(borderless, 1, tier=1, region=0)
    empty_world.next_epoch()
    narrow = empty_world.spec(1, tiers=2, region=3, band=20)
    empty_world.request(narrow)
    assert empty_world.form(narrow).members == [fits]
    for changes, k in (({"band": 21}, 2), ({"region": 0}, 3), ({"tiers": 6}, 2)):
        for size, fine in ((k, True), (k + 1, False)):
            spec = narrow._replace(k=size, **changes)
            empty_world.request(spec)
            if fine:
                empty_world.form(spec)
            else:
                with boa.reverts("too few candidates"):
                    empty_world.form(spec)


def test_members_keep_the_price_they_were_drawn_with(world: World) -> None:
    spec = world.spec(3)
    world.request(spec)
    for operator in world.operators:
        world.offer(operator, price=10**18)
    formed = world.form(spec)
    assert formed.prices == [10**15] * 3
    world.next_epoch()
    assert world.subnets.member(formed.id, 0)[1] == 10**15


def test_a_price_of_zero_is_a_price(empty_world: World) -> None:
    empty_world.staff(2, prices=[0, 2**96 - 1])
    formed = empty_world.form_subnet(2, band=96)
    assert sorted(formed.prices) == [0, 2**96 - 1]


def test_the_members_of_one_book_serve_no_other(world: World) -> None:
    spec = world.spec(3)
    world.request(spec)
    formed = world.form(spec)
    other = world.publish("other")
    with boa.reverts("subnet of another book"):
        world.subnets.admits(formed.id, other, *spec[1:3], 0, 5_000)
    assert world.subnets.header(formed.id) >> 96 == int.from_bytes(book_id(world)[:20], "big")
