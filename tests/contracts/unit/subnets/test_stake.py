# SPDX-License-Identifier: Apache-2.0
"""SubnetRegistry: add_stake, unbond, withdraw_stake."""

from __future__ import annotations

import boa
import pytest

from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER
from tests.contracts.world import World


@pytest.fixture
def idle(empty_world: World) -> str:
    """An operator with 10 ether and no offer."""
    return str(empty_world.add_operator("idle").address)


def test_anyone_may_add_stake_to_an_operator(empty_world: World, idle: str) -> None:
    empty_world.subnets.add_stake(idle, value=ETHER, sender=wallet("keeper").address)
    assert empty_world.subnets.stake_of(idle) == 11 * ETHER


def test_stake_of_a_stranger_is_refused(empty_world: World) -> None:
    keeper = wallet("keeper").address
    with boa.reverts("not registered"):
        empty_world.subnets.add_stake(keeper, value=ETHER, sender=keeper)


def test_unbonding_takes_stake_out_of_use_at_once(empty_world: World, idle: str) -> None:
    empty_world.subnets.unbond(4 * ETHER, sender=idle)
    record = empty_world.subnets.operators(idle)
    assert (record.stake, record.unbonding) == (6 * ETHER, 4 * ETHER)
    assert record.unbonded_at == empty_world.now + empty_world.config.unbond_seconds


def test_unbonding_waits_until_all_offers_have_ended(world: World) -> None:
    operator = world.operators[0].address
    with boa.reverts("end offers first"):
        world.subnets.unbond(1, sender=operator)
    world.subnets.end_offer(world.subnets.book_id_of(*world.spec()[:3]), sender=operator)
    world.subnets.unbond(10 * ETHER, sender=operator)


@pytest.mark.parametrize("amount", [0, 10 * ETHER + 1, 2**256 - 1])
def test_only_an_amount_that_is_there_unbonds(empty_world: World, idle: str, amount: int) -> None:
    with boa.reverts("stake not free"):
        empty_world.subnets.unbond(amount, sender=idle)


def test_locked_stake_does_not_unbond(empty_world: World, idle: str) -> None:
    plugin = boa.env.generate_address("plugin")
    selector = empty_world.add_method("method", plugin)
    empty_world.subnets.opt_in(selector, sender=idle)
    empty_world.subnets.lock(b"\x01" * 32, idle, 3 * ETHER, sender=plugin)
    with boa.reverts("stake not free"):
        empty_world.subnets.unbond(7 * ETHER + 1, sender=idle)
    empty_world.subnets.unbond(7 * ETHER, sender=idle)


def test_stake_that_unbonds_can_not_be_locked(empty_world: World, idle: str) -> None:
    plugin = boa.env.generate_address("plugin")
    selector = empty_world.add_method("method", plugin)
    empty_world.subnets.opt_in(selector, sender=idle)
    empty_world.subnets.unbond(10 * ETHER, sender=idle)
    with boa.reverts("stake not free"):
        empty_world.subnets.lock(b"\x01" * 32, idle, 1, sender=plugin)


def test_the_delay_is_kept_to_the_second(empty_world: World, idle: str) -> None:
    empty_world.subnets.unbond(4 * ETHER, sender=idle)
    ready_at = empty_world.now + empty_world.config.unbond_seconds
    empty_world.warp(ready_at - 1)
    with boa.reverts("still unbonding"):
        empty_world.subnets.withdraw_stake(idle, sender=idle)
    empty_world.warp(ready_at)
    heir = boa.env.generate_address("heir")
    empty_world.subnets.withdraw_stake(heir, sender=idle)
    assert boa.env.get_balance(heir) == 4 * ETHER
    with boa.reverts("nothing unbonding"):
        empty_world.subnets.withdraw_stake(heir, sender=idle)


def test_a_second_unbonding_starts_the_clock_again(empty_world: World, idle: str) -> None:
    delay = empty_world.config.unbond_seconds
    start = empty_world.now
    empty_world.subnets.unbond(ETHER, sender=idle)
    empty_world.warp(start + delay - 10)
    empty_world.subnets.unbond(ETHER, sender=idle)
    empty_world.warp(start + delay)
    with boa.reverts("still unbonding"):
        empty_world.subnets.withdraw_stake(idle, sender=idle)
    empty_world.warp(start + 2 * delay - 10)
    empty_world.subnets.withdraw_stake(idle, sender=idle)
    assert empty_world.subnets.operators(idle).unbonding == 0


def test_who_has_nothing_withdraws_nothing(empty_world: World) -> None:
    keeper = wallet("keeper").address
    with boa.reverts("nothing unbonding"):
        empty_world.subnets.withdraw_stake(keeper, sender=keeper)


def test_a_recipient_that_refuses_coins_costs_nothing(empty_world: World, idle: str) -> None:
    empty_world.subnets.unbond(ETHER, sender=idle)
    empty_world.warp(empty_world.now + empty_world.config.unbond_seconds)
    with boa.reverts():
        empty_world.subnets.withdraw_stake(empty_world.models.address, sender=idle)
    assert empty_world.subnets.operators(idle).unbonding == ETHER
