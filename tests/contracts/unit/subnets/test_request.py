# SPDX-License-Identifier: Apache-2.0
"""SubnetRegistry: request, request_cost."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from eth_utils.crypto import keccak

from offchain_workers.chain.events import Event
from tests.contracts.actors import wallet
from tests.contracts.parts import Spec
from tests.contracts.unit.subnets.books import book_id
from tests.contracts.world import World


def request(world: World, spec: Spec, value: int) -> bytes:
    """A request with whatever value."""
    subnet_id: bytes = world.subnets.request(spec, value=value, sender=wallet("requester").address)
    return subnet_id


def test_a_request_fixes_book_royalty_size_and_seed_block(
    world: World, events: list[Event]
) -> None:
    world.roll(5)
    spec = world.spec(3, band=80)
    subnet_id = world.request(spec)
    spec_id = world.subnets.spec_id_of(spec)
    seed_block = world.block + 1
    assert world.subnets.seed_block(spec_id) == seed_block
    assert subnet_id == keccak(spec_id + seed_block.to_bytes(32, "big"))
    tag = int.from_bytes(book_id(world)[:20], "big")
    assert world.subnets.header(subnet_id) == tag << 96 | 500 << 80 | 3 << 72
    assert events[-1].args == {
        "subnet_id": subnet_id,
        "spec_id": spec_id,
        "spec": spec._asdict(),
        "seed_block": seed_block,
    }


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("k", 0, "k"),
        ("k", 9, "k"),
        ("tiers", 0, "tiers"),
        ("tiers", 8, "tiers"),
        ("region", 256, "region"),
        ("band", 97, "band"),
        ("selector", b"\x01\x02\x03\x04", "unknown method"),
        ("model_id", b"\x01" * 32, "unknown model"),
    ],
)
def test_a_spec_out_of_bounds_is_refused(world: World, field: str, value: Any, reason: str) -> None:
    spec = world.spec()._replace(**{field: value})
    with boa.reverts(reason):
        request(world, spec, world.config.formation_tip)


@pytest.mark.parametrize(
    "changes", [{"k": 1, "tiers": 1, "band": 0}, {"k": 8, "region": 255, "band": 96}]
)
def test_the_bounds_themselves_are_allowed(world: World, changes: dict[str, int]) -> None:
    world.request(world.spec(**changes))


@pytest.mark.parametrize("more", [-1, 1])
def test_the_tip_is_paid_to_the_wei(world: World, more: int) -> None:
    with boa.reverts("wrong tip"):
        request(world, world.spec(), world.config.formation_tip + more)


def test_nobody_draws_again_while_a_request_can_be_formed(world: World) -> None:
    """To the last block of the epoch that it draws from; salts or senders change nothing."""
    spec, tip = world.spec(), world.config.formation_tip
    world.request(spec)
    world.roll(world.config.epoch_blocks - 1)
    assert world.block % world.config.epoch_blocks == world.config.epoch_blocks - 1
    for role in ("requester", "challenger"):
        with boa.reverts("request is pending"):
            world.subnets.request(spec, value=tip, sender=wallet(role).address)
    with boa.reverts("request is pending"):
        world.subnets.request_cost(spec)
    assert len(world.form(spec).members) == 3


def test_a_stale_request_is_renewed_with_the_tip_already_paid(world: World) -> None:
    spec = world.spec()
    stale = world.request(spec)
    world.next_epoch()
    assert world.subnets.request_cost(spec) == 0
    with boa.reverts("wrong tip"):
        request(world, spec, world.config.formation_tip)
    fresh = request(world, spec, 0)
    assert fresh != stale
    assert world.form(spec).id == fresh
    assert world.subnets.credit(wallet("keeper").address) == world.config.formation_tip


def test_a_live_subnet_serves_until_its_last_quarter(world: World) -> None:
    spec = world.spec()
    world.request(spec)
    formed = world.form(spec)
    renewable_at = world.now + world.config.subnet_ttl * 3 // 4
    world.warp(renewable_at - 1)
    with boa.reverts("subnet is live"):
        world.subnets.request_cost(spec)
    with boa.reverts("subnet is live"):
        request(world, spec, world.config.formation_tip)
    world.warp(renewable_at)
    assert world.subnets.request_cost(spec) == world.config.formation_tip
    pending = world.request(spec)
    assert world.subnets.latest_subnet(spec) == (pending, 0)
    # The old one serves on beside the new one.
    assert world.subnets.admits(formed.id, *spec[:3], 0, 5_000)
    assert world.form(spec).id == pending


def test_an_expired_subnet_is_renewed_for_a_tip(world: World) -> None:
    spec = world.spec()
    world.request(spec)
    world.form(spec)
    world.warp(world.now + 2 * world.config.subnet_ttl)
    with boa.reverts("wrong tip"):
        request(world, spec, 0)
    world.request(spec)


def test_each_spec_waits_for_itself_alone(world: World) -> None:
    specs = [world.spec(band=band) for band in (90, 91)]
    ids = [world.request(spec) for spec in specs]
    assert len(set(ids)) == 2
    assert [world.form(spec).id for spec in specs] == ids
