# SPDX-License-Identifier: Apache-2.0
"""SubnetRegistry: reserve, release, slash_no_show, which are the market's alone."""

from __future__ import annotations

import boa
import pytest
from eth_account.signers.local import LocalAccount

from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER, Subnet
from tests.contracts.world import World

JOB = b"\x01" * 32


@pytest.fixture
def formed(world: World) -> Subnet:
    spec = world.spec(3)
    world.request(spec)
    return world.form(spec)


def reserve(world: World, formed: Subnet, amount: int) -> LocalAccount:
    """A pledge of member 1, by the market."""
    operator = world.subnets.reserve(formed.id, 1, amount, sender=world.market.address)
    assert operator == formed.members[1].address
    return formed.members[1]


def test_nobody_but_the_market_touches_pledges(world: World, formed: Subnet) -> None:
    keeper = wallet("keeper").address
    for sender in (keeper, formed.members[0].address, wallet("owner").address):
        with boa.reverts("only market"):
            world.subnets.reserve(formed.id, 0, 1, sender=sender)
        with boa.reverts("only market"):
            world.subnets.release(formed.id, 0, 1, sender=sender)
        with boa.reverts("only market"):
            world.subnets.slash_no_show(JOB, formed.id, 0, 1, keeper, sender=sender)


def test_a_pledge_is_reserved_and_released(world: World, formed: Subnet) -> None:
    operator = reserve(world, formed, 4 * ETHER).address
    assert world.subnets.operators(operator).reserved == 4 * ETHER
    world.subnets.release(formed.id, 1, 4 * ETHER, sender=world.market.address)
    assert world.subnets.operators(operator).reserved == 0


def test_nobody_pledges_more_than_it_can_answer_for(world: World, formed: Subnet) -> None:
    reserve(world, formed, 6 * ETHER)
    with boa.reverts("stake not free"):
        reserve(world, formed, 4 * ETHER + 1)
    reserve(world, formed, 4 * ETHER)


def test_pledged_stake_can_not_leave(world: World, formed: Subnet) -> None:
    operator = reserve(world, formed, 4 * ETHER)
    book = world.subnets.book_id_of(*world.spec()[:3])
    world.subnets.end_offer(book, sender=operator.address)
    with boa.reverts("stake not free"):
        world.subnets.unbond(6 * ETHER + 1, sender=operator.address)


def test_a_subnet_has_only_its_members(world: World, formed: Subnet) -> None:
    market = world.market.address
    for subnet_id, index in ((formed.id, 3), (formed.id, 8), (formed.id, 2**255), (JOB, 0)):
        with boa.reverts("no such member"):
            world.subnets.reserve(subnet_id, index, 1, sender=market)
        with boa.reverts("no such member"):
            world.subnets.release(subnet_id, index, 1, sender=market)
        with boa.reverts("no such member"):
            world.subnets.slash_no_show(JOB, subnet_id, index, 1, market, sender=market)


def test_half_of_a_broken_pledge_goes_to_the_rescuer(world: World, formed: Subnet) -> None:
    operator = reserve(world, formed, 4 * ETHER).address
    rescuer = formed.members[2].address
    world.subnets.slash_no_show(
        JOB, formed.id, 1, 3 * ETHER + 1, rescuer, sender=world.market.address
    )
    record = world.subnets.operators(operator)
    assert (record.stake, record.reserved) == (7 * ETHER - 1, ETHER - 1)
    assert world.subnets.credit(rescuer) == 3 * ETHER // 2
    assert world.subnets.to_burn() == 3 * ETHER // 2 + 1
    assert world.subnets.penalty_of(operator) == 2_000


def test_without_a_rescuer_it_all_burns(world: World, formed: Subnet) -> None:
    reserve(world, formed, ETHER)
    nobody = "0x" + "00" * 20
    world.subnets.slash_no_show(JOB, formed.id, 1, ETHER, nobody, sender=world.market.address)
    assert (world.subnets.to_burn(), world.subnets.credit(nobody)) == (ETHER, 0)
