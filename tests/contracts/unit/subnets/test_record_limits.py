# SPDX-License-Identifier: Apache-2.0
"""Fields of an operator's two words at their limits: none spills into another."""

from __future__ import annotations

import boa
import pytest

from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER
from tests.contracts.terms import NATIVE
from tests.contracts.world import World

MOST = 2**96 - 1
JOB = b"\x01" * 32


@pytest.fixture
def rich(empty_world: World) -> str:
    """The second operator, with as much stake as fits and one offer."""
    empty_world.add_operator("first")
    account = str(empty_world.add_operator("rich").address)
    keeper = wallet("keeper").address
    boa.env.set_balance(keeper, MOST)
    empty_world.subnets.add_stake(account, value=MOST - 10 * ETHER, sender=keeper)
    empty_world.offer(empty_world.operators[1])
    return account


def record(world: World, account: str) -> tuple[int, ...]:
    """Index, stake, reserved, offers, penalty, penalty at, unbonding, unbonded at."""
    return tuple(world.subnets.operators(account))


def test_one_wei_more_than_fits_is_refused(empty_world: World, rich: str) -> None:
    keeper = wallet("keeper").address
    boa.env.set_balance(keeper, 2**200)
    for amount in (1, 2**96 - 1, 2**96, 2**160 + 1, 2**200):
        with boa.reverts("stake too large"):
            empty_world.subnets.add_stake(rich, value=amount, sender=keeper)
    assert record(empty_world, rich) == (2, MOST, 0, 1, 0, 0, 0, 0)


def test_all_stake_is_reserved_slashed_and_unbonded_beside_the_other_fields(
    empty_world: World, rich: str
) -> None:
    world, market = empty_world, empty_world.market.address
    registry = world.subnets
    registry.reserve(rich, MOST, sender=market)
    assert record(world, rich) == (2, MOST, MOST, 1, 0, 0, 0, 0)
    for amount in (1, MOST, 2**96, 2**160):
        with boa.reverts("stake not free"):
            registry.reserve(rich, amount, sender=market)
    with boa.env.anchor():
        registry.slash_reserved(JOB, rich, MOST, MOST // 2, rich, sender=market)
        assert record(world, rich) == (2, 0, 0, 1, 2_000, world.now, 0, 0)
        with boa.reverts("not reserved"):
            registry.release(rich, 1, sender=market)
    registry.release(rich, MOST, sender=market)
    registry.end_offer(registry.book_id_of(*world.spec()[:3]), sender=rich)
    registry.unbond(MOST, sender=rich)
    ready_at = world.now + world.config.unbond_seconds
    assert record(world, rich) == (2, 0, 0, 0, 0, 0, MOST, ready_at)
    # Without an offer there is none to take from; a borrow would reach into the index.
    with boa.reverts("no offer"):
        registry.end_offer(registry.book_id_of(*world.spec()[:3]), sender=rich)


def test_a_slash_leaves_what_is_unbonding_and_its_clock_alone(
    empty_world: World, rich: str
) -> None:
    world, market = empty_world, empty_world.market.address
    registry = world.subnets
    registry.end_offer(registry.book_id_of(*world.spec()[:3]), sender=rich)
    registry.unbond(MOST - 3, sender=rich)
    ready_at = world.now + world.config.unbond_seconds
    registry.reserve(rich, 3, sender=market)
    for times in range(1, 4):
        world.roll()
        registry.slash_reserved(JOB, rich, 1, 0, NATIVE, sender=market)
        penalty = record(world, rich)[4]
        assert 2_000 * times - 10 < penalty <= 2_000 * times
        assert record(world, rich) == (
            2,
            3 - times,
            3 - times,
            0,
            penalty,
            world.now,
            MOST - 3,
            ready_at,
        )
    world.warp(ready_at)
    registry.withdraw_stake(rich, sender=rich)
    assert record(world, rich)[4:] == (
        penalty,
        ready_at - world.config.unbond_seconds + 36,
        0,
        ready_at,
    )
