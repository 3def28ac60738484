# SPDX-License-Identifier: Apache-2.0
"""SubnetRegistry: lock, unlock, slash, which are the plug-ins'."""

from __future__ import annotations

import boa
import pytest

from offchain_workers.chain.events import Event
from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER
from tests.contracts.world import World

JOB, OTHER_JOB = b"\x01" * 32, b"\x02" * 32


@pytest.fixture
def operator(empty_world: World) -> str:
    """10 ether, no offer."""
    return str(empty_world.add_operator("operator").address)


@pytest.fixture
def plugins(empty_world: World, operator: str) -> list[str]:
    """Two plug-ins that the operator opted in to."""
    found = []
    for name in ("first", "second"):
        found.append(str(boa.env.generate_address(name)))
        selector = empty_world.add_method(name, found[-1])
        empty_world.subnets.opt_in(selector, sender=operator)
    return found


def reserved(world: World, operator: str) -> int:
    return int(world.subnets.operators(operator).reserved)


def test_a_lock_reserves_stake_until_it_is_given_back(
    empty_world: World, operator: str, plugins: list[str], events: list[Event]
) -> None:
    plugin = plugins[0]
    empty_world.subnets.lock(JOB, operator, 4 * ETHER, sender=plugin)
    named = {"plugin": plugin, "job_id": JOB, "operator": operator, "amount": 4 * ETHER}
    assert (events[-1].name, events[-1].args) == ("Locked", named)
    assert reserved(empty_world, operator) == 4 * ETHER
    empty_world.subnets.unlock(JOB, sender=plugin)
    assert (events[-1].name, events[-1].args) == ("Unlocked", named)
    assert reserved(empty_world, operator) == 0
    assert empty_world.subnets.stake_of(operator) == 10 * ETHER


@pytest.mark.parametrize("amount", [0, 2**96])
def test_an_amount_out_of_bounds_is_refused(
    empty_world: World, operator: str, plugins: list[str], amount: int
) -> None:
    with boa.reverts("amount"):
        empty_world.subnets.lock(JOB, operator, amount, sender=plugins[0])


def test_no_more_is_locked_than_is_free(
    empty_world: World, operator: str, plugins: list[str]
) -> None:
    empty_world.subnets.lock(JOB, operator, 6 * ETHER, sender=plugins[0])
    with boa.reverts("stake not free"):
        empty_world.subnets.lock(JOB, operator, 4 * ETHER + 1, sender=plugins[1])
    empty_world.subnets.lock(JOB, operator, 4 * ETHER, sender=plugins[1])
    assert reserved(empty_world, operator) == 10 * ETHER


def test_a_job_is_locked_once_by_each_plugin(
    empty_world: World, operator: str, plugins: list[str]
) -> None:
    empty_world.subnets.lock(JOB, operator, 1, sender=plugins[0])
    with boa.reverts("already locked"):
        empty_world.subnets.lock(JOB, operator, 1, sender=plugins[0])
    empty_world.subnets.lock(JOB, operator, 2, sender=plugins[1])
    empty_world.subnets.unlock(JOB, sender=plugins[0])
    assert reserved(empty_world, operator) == 2


def test_only_who_the_operator_opted_in_to_locks(
    empty_world: World, operator: str, plugins: list[str]
) -> None:
    for sender in (operator, wallet("keeper").address, empty_world.market.address):
        with boa.reverts("not opted in"):
            empty_world.subnets.lock(JOB, operator, 1, sender=sender)
    with boa.reverts("not opted in"):
        empty_world.subnets.lock(JOB, wallet("keeper").address, 1, sender=plugins[0])


def test_only_the_plugin_that_locked_unlocks_or_slashes(
    empty_world: World, operator: str, plugins: list[str]
) -> None:
    empty_world.subnets.lock(JOB, operator, 10, sender=plugins[0])
    for sender in (operator, plugins[1], empty_world.market.address):
        with boa.reverts("not locked"):
            empty_world.subnets.unlock(JOB, sender=sender)
        with boa.reverts("not locked"):
            empty_world.subnets.slash(JOB, 0, sender, sender=sender)
    with boa.reverts("not locked"):
        empty_world.subnets.unlock(OTHER_JOB, sender=plugins[0])


def test_a_slash_takes_the_whole_lock_and_rewards_at_most_half(
    empty_world: World, operator: str, plugins: list[str], events: list[Event]
) -> None:
    challenger = wallet("challenger").address
    empty_world.subnets.lock(JOB, operator, 11, sender=plugins[0])
    with boa.reverts("reward above half"):
        empty_world.subnets.slash(JOB, 6, challenger, sender=plugins[0])
    empty_world.subnets.slash(JOB, 5, challenger, sender=plugins[0])
    assert empty_world.subnets.stake_of(operator) == 10 * ETHER - 11
    assert reserved(empty_world, operator) == 0
    assert empty_world.subnets.credit(challenger) == 5
    assert empty_world.subnets.to_burn() == 6
    assert events[-1].args == {
        "operator": operator,
        "by": plugins[0],
        "job_id": JOB,
        "amount": 11,
        "rewarded": 5,
        "rewardee": challenger,
    }


@pytest.mark.parametrize("first", ["unlock", "slash"])
@pytest.mark.parametrize("second", ["unlock", "slash"])
def test_a_lock_ends_once(
    empty_world: World, operator: str, plugins: list[str], first: str, second: str
) -> None:
    arguments = {"unlock": (JOB,), "slash": (JOB, 0, plugins[0])}
    empty_world.subnets.lock(JOB, operator, 10, sender=plugins[0])
    empty_world.subnets.lock(OTHER_JOB, operator, 20, sender=plugins[0])
    getattr(empty_world.subnets, first)(*arguments[first], sender=plugins[0])
    with boa.reverts("not locked"):
        getattr(empty_world.subnets, second)(*arguments[second], sender=plugins[0])
    assert reserved(empty_world, operator) == 20


def test_a_lock_can_be_made_again_once_it_ended(
    empty_world: World, operator: str, plugins: list[str]
) -> None:
    for _ in range(2):
        empty_world.subnets.lock(JOB, operator, 10, sender=plugins[0])
        empty_world.subnets.unlock(JOB, sender=plugins[0])


def test_a_slash_without_reward_burns_it_all(
    empty_world: World, operator: str, plugins: list[str]
) -> None:
    empty_world.subnets.lock(JOB, operator, ETHER, sender=plugins[0])
    empty_world.subnets.slash(JOB, 0, operator, sender=plugins[0])
    assert (empty_world.subnets.to_burn(), empty_world.subnets.credit(operator)) == (ETHER, 0)
