# SPDX-License-Identifier: Apache-2.0
"""SubnetRegistry: admits, eligible, member and the ids."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from offchain_workers.routing.books import Spec
from tests.contracts.parts import Subnet
from tests.contracts.world import World


@pytest.fixture
def formed(world: World) -> Subnet:
    spec = world.spec(3)
    world.request(spec)
    return world.form(spec)


def admits(world: World, formed: Subnet, **changes: Any) -> bool:
    spec = world.spec()
    start = {
        "subnet_id": formed.id,
        "model_id": spec.model_id,
        "selector": spec.selector,
        "token": spec.token,
        "primary": 2,
        "royalty_cap": world.config.royalty_bps,
    }
    answer: bool = world.subnets.admits(*(start | changes).values())
    return answer


def test_a_live_subnet_admits_jobs_of_its_book(world: World, formed: Subnet) -> None:
    assert admits(world, formed)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("subnet_id", b"\x01" * 32, "subnet not live"),
        ("model_id", b"\x01" * 32, "subnet of another book"),
        ("selector", b"\x01\x02\x03\x04", "subnet of another book"),
        ("token", "0x" + "11" * 20, "subnet of another book"),
        ("primary", 3, "no such member"),
        ("royalty_cap", 499, "royalty cap too low"),
    ],
)
def test_it_admits_no_others(
    world: World, formed: Subnet, field: str, value: Any, reason: str
) -> None:
    with boa.reverts(reason):
        admits(world, formed, **{field: value})


def test_it_admits_until_the_second_it_expires(world: World, formed: Subnet) -> None:
    expires = world.now + world.config.subnet_ttl
    world.warp(expires - 1)
    assert admits(world, formed)
    world.warp(expires)
    with boa.reverts("subnet not live"):
        admits(world, formed)


def test_a_requested_subnet_admits_nothing_yet(world: World) -> None:
    subnet_id = world.request(world.spec(3))
    with boa.reverts("subnet not live"):
        admits(world, Subnet(subnet_id, [], []))


def turns_of(world: World, formed: Subnet, first: int, turns: int) -> list[int | None]:
    """For each member: the index that `eligible` finds, None where it is not its turn."""
    found: list[int | None] = []
    for member in formed.members:
        try:
            price, index = world.subnets.eligible(
                formed.id, member.address, first, turns, world.market.address
            )
        except boa.BoaError:
            found.append(None)
        else:
            assert price == formed.prices[index]
            found.append(index)
    return found


@pytest.mark.parametrize(
    ("first", "turns", "expected"),
    [
        (0, 0, [0, None, None]),
        (1, 0, [None, 1, None]),
        (1, 1, [None, 1, 2]),
        (2, 1, [0, None, 2]),
        (3, 0, [0, None, None]),
        (0, 2, [0, 1, 2]),
        (2, 2**256 - 1, [0, 1, 2]),
    ],
)
def test_turns_pass_from_member_to_member_and_start_over(
    world: World, formed: Subnet, first: int, turns: int, expected: list[int | None]
) -> None:
    assert turns_of(world, formed, first, turns) == expected


def test_all_eight_members_have_a_turn(empty_world: World) -> None:
    empty_world.staff(8)
    formed = empty_world.form_subnet(8)
    assert turns_of(empty_world, formed, 5, 7) == list(range(8))
    assert turns_of(empty_world, formed, 7, 1) == [0, *[None] * 6, 7]


def test_who_did_not_opt_in_has_no_turn(world: World, formed: Subnet) -> None:
    member = formed.members[0].address
    with boa.reverts("not opted in"):
        world.subnets.eligible(formed.id, member, 0, 7, "0x" + "11" * 20)
    world.subnets.opt_out(world.spec().selector, sender=member)
    with boa.reverts("not opted in"):
        world.subnets.eligible(formed.id, member, 0, 7, world.market.address)


def test_who_is_no_member_has_no_turn(world: World, formed: Subnet) -> None:
    outsider = world.add_operator("outsider")
    world.offer(outsider)
    for subnet_id in (formed.id, b"\x01" * 32):
        with boa.reverts("not your turn"):
            world.subnets.eligible(subnet_id, outsider.address, 0, 7, world.market.address)


def test_members_are_listed_in_turn_order(world: World, formed: Subnet) -> None:
    for i, member in enumerate(formed.members):
        assert world.subnets.member(formed.id, i) == (member.address, formed.prices[i])
    assert world.subnets.members(b"\x01" * 32) == []
    for index in (3, 8, 2**256 - 1):
        with boa.reverts("no such member"):
            world.subnets.member(formed.id, index)


def test_python_derives_the_same_ids(world: World) -> None:
    spec = world.spec(5, tiers=3, region=8, band=70, token=world.models.address)
    mine = Spec(**(spec._asdict() | {"token": str(spec.token)}))
    assert mine.spec_id == world.subnets.spec_id_of(spec)
    assert mine.book_id == world.subnets.book_id_of(*spec[:3])


def test_the_latest_subnet_of_a_spec_never_requested_is_zero(world: World) -> None:
    assert world.subnets.latest_subnet(world.spec(2)) == (bytes(32), 0)
