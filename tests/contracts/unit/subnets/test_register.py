# SPDX-License-Identifier: Apache-2.0
"""SubnetRegistry: register, set_manifest."""

from __future__ import annotations

import boa

from offchain_workers.chain.events import Event
from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER
from tests.contracts.world import World

MANIFEST = b"\x11" * 32


def test_operators_are_numbered_from_one(empty_world: World, events: list[Event]) -> None:
    first, second = empty_world.add_operator("first"), empty_world.add_operator("second", 0)
    assert empty_world.subnets.operators(first.address).index == 1
    assert empty_world.subnets.operators(second.address).index == 2
    assert empty_world.subnets.operator_at(2) == second.address
    assert empty_world.subnets.operator_count() == 2
    registered = [e.args for e in events if e.name == "OperatorRegistered"]
    assert registered == [
        {"operator": first.address, "index": 1},
        {"operator": second.address, "index": 2},
    ]


def test_the_value_sent_is_stake(empty_world: World) -> None:
    operator = empty_world.add_operator("operator", 3 * ETHER)
    assert empty_world.subnets.stake_of(operator.address) == 3 * ETHER
    assert boa.env.get_balance(empty_world.subnets.address) == 3 * ETHER


def test_nobody_registers_twice(world: World) -> None:
    with boa.reverts("already registered"):
        world.subnets.register(MANIFEST, "", sender=world.operators[0].address)


def test_an_operator_announces_a_new_manifest(world: World, events: list[Event]) -> None:
    operator = world.operators[0].address
    world.subnets.set_manifest(MANIFEST, "http://moved", sender=operator)
    assert events[-1].args == {
        "operator": operator,
        "manifest_hash": MANIFEST,
        "endpoint": "http://moved",
    }


def test_a_stranger_has_no_manifest(world: World) -> None:
    with boa.reverts("not registered"):
        world.subnets.set_manifest(MANIFEST, "", sender=wallet("keeper").address)
