# SPDX-License-Identifier: Apache-2.0
"""`post`: who may, what the terms must say, what is taken."""

from __future__ import annotations

from collections.abc import Callable

import boa
import pytest
from eth_utils.crypto import keccak

from tests.contracts import ledger
from tests.contracts.actors import wallet
from tests.contracts.parts import NONE, OPEN, Job, Subnet, by
from tests.contracts.terms import NATIVE, Terms
from tests.contracts.unit.market.conftest import Plugs
from tests.contracts.world import World


def test_the_id_is_the_eip712_digest_of_the_terms(world: World, subnet: Subnet) -> None:
    terms = world.terms(
        subnet, salt=keccak(b"s"), n=3, item_size=4, primary=2, eager=1, callback_gas=9
    )
    assert world.market.job_id_of(terms.abi) == world.domain.job_id(terms)
    assert world.post(terms) == world.domain.job_id(terms)


def test_a_post_escrows_price_and_tip(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet, primary=1)
    before = boa.env.get_balance(terms.requester)
    world.post(terms)
    assert world.job(terms) == Job(OPEN, NATIVE, world.now, 0, 1)
    assert boa.env.get_balance(terms.requester) == before - world.due(terms)
    assert ledger.held(world) == world.due(terms)


def test_the_event_carries_terms_and_data(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    job_id = world.post(terms, b"the input")
    (event,) = world.market.get_logs(include_child_logs=False)
    assert type(event).__name__ == "JobPosted"
    assert event.job_id == job_id
    assert event.requester == terms.requester
    assert event.data == b"the input"
    assert tuple(event.terms)[-1] == terms.conditions


def test_data_has_room_for_four_kibibytes_and_a_header(world: World, subnet: Subnet) -> None:
    world.post(world.terms(subnet), b"\x01" * 4_224)
    with boa.reverts():
        world.post(world.terms(subnet, salt=keccak(b"2")), b"\x01" * 4_225)


def test_only_the_requester_posts_its_terms(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    world.fund("stranger")
    with by("stranger"), boa.reverts("not the requester"):
        world.market.post(terms.abi, b"", value=world.due(terms))


def test_a_front_runner_with_identical_terms_cannot_take_the_id(
    world: World, subnet: Subnet
) -> None:
    terms = world.terms(subnet)
    runner = world.fund("stranger")
    copied = terms.with_(requester=runner.address)
    assert world.post(copied) != world.domain.job_id(terms)
    world.post(terms)
    assert world.job(terms).status == OPEN


def test_the_same_terms_are_posted_once(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    world.post(terms)
    with boa.reverts("already posted"):
        world.post(terms)
    world.deliver(terms, subnet.members[0])
    with boa.reverts("already posted"):
        world.post(terms)


def test_a_refunded_job_cannot_be_posted_again(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet, deliver_by=world.now + 10, resolve_by=world.now + 10)
    world.post(terms)
    world.warp(world.now + 11)
    world.refund(terms)
    with boa.reverts("already posted"):
        world.post(terms)


BAD: list[tuple[Callable[[Terms], Terms], str]] = [
    (lambda t: t.with_(selector=b"\0\0\0\0"), "unknown method"),
    (lambda t: t.with_(n=0), "batch size"),
    (lambda t: t.with_(n=513, item_size=1), "batch size"),
    (lambda t: t.with_(n=2), "item size"),
    (lambda t: t.with_(n=2, item_size=8_193), "output size"),
    (lambda t: t.with_(item_size=16_385), "output size"),
    (lambda t: t.with_(n=512, item_size=65_535), "output size"),
    (lambda t: t.with_(turn_length=0), "turn length"),
    (lambda t: t.with_(deliver_by=t.deliver_by - 3_600), "deliver_by"),
    (lambda t: t.with_(deliver_by=0), "deliver_by"),
    (lambda t: t.with_(resolve_by=t.deliver_by - 1), "resolve_by"),
    (lambda t: t.with_(resolve_by=t.deliver_by + 30 * 86_400 + 1), "resolve_by"),
    (lambda t: t.with_(resolve_by=2**40 - 1), "resolve_by"),
    (lambda t: t.with_(fee_cap=249), "fee cap too low"),
    (lambda t: t.with_(royalty_cap=499), "royalty cap too low"),
    (lambda t: t.with_(primary=3), "no such member"),
    (lambda t: t.with_(primary=255), "no such member"),
    (lambda t: t.with_(subnet_id=keccak(b"none such")), "subnet not live"),
    (lambda t: t.with_(model_id=keccak(b"other model")), "subnet of another book"),
    (lambda t: t.with_(token="0x" + "11" * 20), "subnet of another book"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD)
def test_terms_that_nobody_could_serve_are_refused(
    world: World, subnet: Subnet, bad: Callable[[Terms], Terms], reason: str
) -> None:
    terms = bad(world.terms(subnet))
    with boa.reverts(reason):
        world.post(terms)
    assert ledger.held(world) == 0


def test_limits_on_the_edge_are_taken(world: World, subnet: Subnet) -> None:
    now = world.now
    edge = {"fee_cap": 250, "royalty_cap": 500, "primary": 2}
    world.post(world.terms(subnet, deliver_by=now + 1, resolve_by=now + 1, **edge))
    world.post(world.terms(subnet, n=512, item_size=32))
    world.post(world.terms(subnet, item_size=16_384))
    far = 2**40 - 1
    world.post(world.terms(subnet, deliver_by=far, resolve_by=far, turn_length=2**32 - 1))


def test_the_ignored_bits_make_another_job(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    word = list(terms.abi)
    word[-1] |= 1 << 224
    assert world.market.job_id_of(tuple(word)) != world.market.job_id_of(terms.abi)


def test_a_subnet_of_another_method_or_past_its_life_is_refused(plugs: Plugs) -> None:
    world = plugs.world
    with boa.reverts("subnet of another book"):
        world.post(plugs.plug_terms.with_(selector=plugs.hedge_terms.selector))
    with boa.reverts("subnet of another book"):
        world.post(plugs.plug_terms.with_(selector=NONE))
    expires = (world.subnets.header(plugs.plug_terms.subnet_id) >> 24) & (2**48 - 1)
    late = plugs.plug_terms.with_(deliver_by=expires + 60, resolve_by=expires + 6_000)
    world.warp(expires - 1)
    world.post(late)
    world.warp(expires)
    with boa.reverts("subnet not live"):
        world.post(late.with_(salt=keccak(b"2")))


def test_no_price_is_so_high_that_a_sum_of_balances_could_overflow(
    world: World, subnet: Subnet
) -> None:
    terms = world.terms(subnet, max_price=2**128)
    with by("requester"), boa.reverts("max price"):
        world.market.post(terms.abi, b"", value=0)


def test_resolve_by_leaves_the_plugin_its_longest_delay(plugs: Plugs) -> None:
    terms = plugs.plug_terms
    with boa.reverts("resolve_by"):
        plugs.world.post(terms.with_(resolve_by=terms.deliver_by + 599))
    plugs.world.post(terms.with_(resolve_by=terms.deliver_by + 600))


def test_turns_of_zero_only_where_the_evidence_names_the_worker(plugs: Plugs) -> None:
    with boa.reverts("turn length"):
        plugs.world.post(plugs.plug_terms.with_(turn_length=0))
    plugs.world.post(plugs.hedge_terms.with_(turn_length=0))


def test_a_batch_above_what_the_plugin_carries_is_refused(plugs: Plugs) -> None:
    with boa.reverts("batch size"):
        plugs.world.post(plugs.toy_terms.with_(n=2, item_size=32))


@pytest.mark.parametrize("excess", [-1, 1])
def test_the_value_must_be_what_is_due(world: World, subnet: Subnet, excess: int) -> None:
    terms = world.terms(subnet)
    reason = "balance too low" if excess < 0 else "value above what is due"
    with boa.reverts(reason):
        world.post(terms, value=world.due(terms) + excess)


def test_a_post_is_paid_from_the_balance(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    due = world.due(terms)
    with by("requester"):
        world.market.deposit(NATIVE, 2 * due, value=2 * due)
    world.post(terms, value=0)
    assert world.balance("requester") == due
    world.post(terms.with_(salt=keccak(b"2")), value=due - 1)
    assert world.balance("requester") == due - 1
    with boa.reverts("balance too low"):
        world.post(terms.with_(salt=keccak(b"3")), value=0)


def test_a_price_beyond_all_coins_is_refused(world: World, subnet: Subnet) -> None:
    for price in (2**256 - 1, 2**256 - world.config.keeper_tip, 2**255):
        terms = world.terms(subnet, max_price=price)
        with boa.reverts():
            world.post(terms, value=world.config.keeper_tip)


def test_a_price_of_nothing_still_tips_the_keeper(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet, max_price=0)
    world.post(terms)
    world.deliver(terms, subnet.members[0])
    assert world.market.balance_of(NATIVE, subnet.members[0].address) == world.config.keeper_tip


def test_a_flood_of_posts_reserves_nothing_and_costs_the_same_each(
    world: World, subnet: Subnet
) -> None:
    free = [world.subnets.operators(m.address).reserved for m in subnet.members]
    gas = []
    for i in range(60):
        world.post(world.terms(subnet, salt=i.to_bytes(32, "big")))
        gas.append(world.market._computation.get_gas_used())
    assert max(gas[1:]) - min(gas[1:]) < 600
    assert [world.subnets.operators(m.address).reserved for m in subnet.members] == free == [0] * 3
    world.deliver(world.posted[next(iter(world.posted))], subnet.members[0])


def test_grinding_the_salt_moves_neither_primary_nor_turns(world: World, subnet: Subnet) -> None:
    for i in range(20):
        terms = world.terms(subnet, salt=keccak(bytes([i])), primary=1)
        world.post(terms)
        assert world.job(terms).first == 1
        with boa.reverts("not your turn"):
            world.deliver(terms, subnet.members[0])


def test_a_best_effort_job_whose_input_never_came_expires_without_slash(
    world: World, subnet: Subnet
) -> None:
    terms = world.terms(subnet)
    world.post(terms, b"https://nowhere.example/input")
    stakes = [world.subnets.stake_of(m.address) for m in subnet.members]
    world.warp(terms.deliver_by + 1)
    world.refund(terms)
    assert [world.subnets.stake_of(m.address) for m in subnet.members] == stakes
    assert world.balance("requester") == terms.max_price
    assert world.subnets.penalty_of(wallet("operator 0").address) == 0
