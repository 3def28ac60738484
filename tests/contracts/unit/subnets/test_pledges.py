# SPDX-License-Identifier: Apache-2.0
"""SubnetRegistry: reserve, release, slash_reserved, which are the market's alone."""

from __future__ import annotations

import boa
import pytest

from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER
from tests.contracts.world import World

JOB = b"\x01" * 32
NOBODY = "0x" + "00" * 20


@pytest.fixture
def operator(empty_world: World) -> str:
    """10 ether, no offer."""
    return str(empty_world.add_operator("operator").address)


def reserve(world: World, operator: str, amount: int) -> None:
    world.subnets.reserve(operator, amount, sender=world.market.address)


def slash(world: World, operator: str, amount: int, reward: int, rewardee: str) -> None:
    market = world.market.address
    world.subnets.slash_reserved(JOB, operator, amount, reward, rewardee, sender=market)


def test_nobody_but_the_market_touches_them(empty_world: World, operator: str) -> None:
    keeper = wallet("keeper").address
    for sender in (keeper, operator, wallet("owner").address):
        with boa.reverts("only market"):
            empty_world.subnets.reserve(operator, 1, sender=sender)
        with boa.reverts("only market"):
            empty_world.subnets.release(operator, 1, sender=sender)
        with boa.reverts("only market"):
            empty_world.subnets.slash_reserved(JOB, operator, 1, 0, keeper, sender=sender)


def test_stake_is_reserved_and_released(empty_world: World, operator: str) -> None:
    reserve(empty_world, operator, 4 * ETHER)
    assert empty_world.subnets.operators(operator).reserved == 4 * ETHER
    empty_world.subnets.release(operator, 3 * ETHER, sender=empty_world.market.address)
    assert empty_world.subnets.operators(operator).reserved == ETHER
    assert empty_world.subnets.stake_of(operator) == 10 * ETHER


def test_nobody_pledges_more_than_it_can_answer_for(empty_world: World, operator: str) -> None:
    reserve(empty_world, operator, 6 * ETHER)
    for amount in (4 * ETHER + 1, 2**96, 2**160, 2**256 - 6 * ETHER):
        with boa.reverts():
            reserve(empty_world, operator, amount)
    reserve(empty_world, operator, 4 * ETHER)
    assert empty_world.subnets.operators(operator).reserved == 10 * ETHER


def test_no_more_is_released_or_slashed_than_is_reserved(empty_world: World, operator: str) -> None:
    reserve(empty_world, operator, 4 * ETHER)
    for amount in (4 * ETHER + 1, 2**96, 2**255):
        with boa.reverts("not reserved"):
            empty_world.subnets.release(operator, amount, sender=empty_world.market.address)
        with boa.reverts("not reserved"):
            slash(empty_world, operator, amount, 0, NOBODY)


def test_pledged_stake_can_not_leave(empty_world: World, operator: str) -> None:
    reserve(empty_world, operator, 4 * ETHER)
    with boa.reverts("stake not free"):
        empty_world.subnets.unbond(6 * ETHER + 1, sender=operator)
    empty_world.subnets.unbond(6 * ETHER, sender=operator)


def test_at_most_half_of_what_is_slashed_is_a_reward(empty_world: World, operator: str) -> None:
    rescuer = wallet("rescuer").address
    reserve(empty_world, operator, 4 * ETHER)
    with boa.reverts("reward above half"):
        slash(empty_world, operator, 3 * ETHER + 1, 3 * ETHER // 2 + 1, rescuer)
    slash(empty_world, operator, 3 * ETHER + 1, 3 * ETHER // 2, rescuer)
    record = empty_world.subnets.operators(operator)
    assert (record.stake, record.reserved) == (7 * ETHER - 1, ETHER - 1)
    assert empty_world.subnets.credit(rescuer) == 3 * ETHER // 2
    assert empty_world.subnets.to_burn() == 3 * ETHER // 2 + 1
    assert empty_world.subnets.penalty_of(operator) == 2_000


def test_without_a_reward_it_all_burns(empty_world: World, operator: str) -> None:
    reserve(empty_world, operator, ETHER)
    slash(empty_world, operator, ETHER, 0, NOBODY)
    assert empty_world.subnets.to_burn() == ETHER
    assert empty_world.subnets.credit(NOBODY) == 0


def test_a_slash_leaves_what_is_unbonding_alone(empty_world: World, operator: str) -> None:
    empty_world.subnets.unbond(2 * ETHER, sender=operator)
    before = empty_world.subnets.operators(operator)
    reserve(empty_world, operator, ETHER)
    slash(empty_world, operator, ETHER, 0, NOBODY)
    after = empty_world.subnets.operators(operator)
    assert (after.unbonding, after.unbonded_at) == (before.unbonding, before.unbonded_at)
    assert after.unbonding == 2 * ETHER
    assert (after.index, after.offers, after.stake) == (before.index, 0, 7 * ETHER)
