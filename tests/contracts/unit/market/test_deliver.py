# SPDX-License-Identifier: Apache-2.0
"""`deliver` under method `none`: whose turn, how the price is split, once only."""

from __future__ import annotations

import boa
import pytest
from eth_utils.crypto import keccak

from tests.contracts import ledger
from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER, FINAL, PAID, PENDING, REFUNDED, Job, Subnet, by
from tests.contracts.terms import NATIVE
from tests.contracts.unit.market.conftest import Plugs
from tests.contracts.world import World


def test_the_price_is_split_between_operator_publisher_and_protocol(
    world: World, subnet: Subnet
) -> None:
    terms = world.terms(subnet, max_price=3 * 10**15)
    world.post(terms)
    operator = subnet.members[0]
    world.deliver(terms, operator)
    price = 10**15
    fee, royalty = price * 250 // 10_000, price * 500 // 10_000
    assert world.market.fees(NATIVE) == fee
    assert world.balance("publisher") == royalty
    assert world.balance("requester") == 2 * 10**15
    gained = world.market.balance_of(NATIVE, operator.address)
    assert gained == price - fee - royalty + world.config.keeper_tip
    assert world.job(terms) == Job(PAID, operator.address, 0, 0, 0)


def test_delivery_tells_what_was_delivered_and_paid(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    world.post(terms)
    world.deliver(terms, subnet.members[0], b"the answer")
    delivered, closed = world.market.get_logs(include_child_logs=False)
    assert delivered.output == b"the answer"
    assert delivered.output_commitment == keccak(b"the answer")
    assert (delivered.status, closed.reason) == (PAID, 1)
    assert closed.price == 10**15
    assert (closed.fee, closed.royalty) == (10**15 // 40, 10**15 // 20)


def test_the_price_is_never_above_max_price(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet, max_price=10**15 - 7)
    world.post(terms)
    world.deliver(terms, subnet.members[0])
    assert world.balance("requester") == 0


def test_each_member_has_the_price_of_its_formation(empty_world: World) -> None:
    world = empty_world
    world.staff(3, prices=[10**15, 2 * 10**15, 3 * 10**15])
    subnet = world.form_subnet(3)
    for i, operator in enumerate(subnet.members):
        world.offer(operator, 9 * 10**15)
        terms = world.terms(subnet, primary=i)
        world.post(terms)
        world.deliver(terms, operator)
        logs = world.market.get_logs(include_child_logs=False)
        assert logs[-1].price == subnet.prices[i]
    assert set(subnet.prices) == {10**15, 2 * 10**15, 3 * 10**15}


def test_only_jobs_of_method_none_are_delivered_here(plugs: Plugs) -> None:
    terms = plugs.plug_terms
    plugs.world.post(terms)
    with boa.reverts("not the plug-in"):
        plugs.world.deliver(terms, plugs.subnet.members[0])


def test_nobody_delivers_in_anothers_name_nor_claims(world: World, subnet: Subnet) -> None:
    terms, (primary, backup, _) = world.terms(subnet), subnet.members
    world.post(terms)
    for sender, verb in ((backup, PAID), (primary, PENDING), (primary, FINAL), (primary, REFUNDED)):
        with boa.env.prank(sender.address), boa.reverts("not the operator"):
            world.market.deliver(terms.abi, primary.address, b"answer", verb, 0)
    with boa.env.prank(primary.address), boa.reverts("bond"):
        world.market.deliver(terms.abi, primary.address, b"answer", PAID, 10**12)
    with boa.env.prank(primary.address), boa.reverts("not the plug-in"):
        world.market.refuted(terms.abi, primary.address)


def test_an_unknown_job_is_not_open(world: World, subnet: Subnet) -> None:
    with boa.reverts("not open"):
        world.deliver(world.terms(subnet), subnet.members[0])


def test_no_job_is_paid_twice(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    world.post(terms)
    world.deliver(terms, subnet.members[0])
    world.warp(world.now + 300)
    for operator in subnet.members:
        with boa.reverts("not open"):
            world.deliver(terms, operator)


def test_a_paid_job_is_not_refunded(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    world.post(terms)
    world.deliver(terms, subnet.members[0])
    world.warp(terms.resolve_by + 30 * 86_400)
    with boa.reverts("not open"):
        world.refund(terms)


def test_a_refunded_job_is_not_paid(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    world.post(terms)
    world.warp(terms.deliver_by + 1)
    world.refund(terms)
    with boa.reverts("not open"):
        world.deliver(terms, subnet.members[0])


def test_delivery_ends_with_the_second_of_deliver_by(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    world.post(terms)
    world.warp(terms.deliver_by)
    with boa.env.anchor():
        world.deliver(terms, subnet.members[0])
    with boa.reverts("still deliverable"):
        world.refund(terms)
    world.warp(terms.deliver_by + 1)
    with boa.reverts("too late"):
        world.deliver(terms, subnet.members[0])


@pytest.mark.parametrize("primary", [0, 1, 2])
def test_turns_open_second_by_second(world: World, subnet: Subnet, primary: int) -> None:
    terms = world.terms(subnet, primary=primary, turn_length=10)
    world.post(terms)
    posted = world.now
    for late in (0, 1, 9, 10, 11, 19, 20, 21, 29, 30, 3_600):
        world.warp(posted + late)
        for i, operator in enumerate(subnet.members):
            place = (i - primary) % 3
            with boa.env.anchor():
                if place <= late // 10:
                    world.deliver(terms, operator)
                    assert world.job(terms).status == PAID
                else:
                    with boa.reverts("not your turn"):
                        world.deliver(terms, operator)


def test_strangers_and_operators_outside_the_subnet_never_deliver(
    world: World, subnet: Subnet
) -> None:
    terms = world.terms(subnet)
    world.post(terms)
    world.warp(world.now + 3_000)
    outsider = world.add_operator("outsider")
    with boa.reverts("not opted in"):
        world.deliver(terms, outsider)
    world.offer(outsider)
    with boa.reverts("not your turn"):
        world.deliver(terms, outsider)
    with boa.reverts("not opted in"):
        world.deliver(terms, wallet("requester"))


def test_a_member_that_opted_out_does_not_deliver(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    world.post(terms)
    operator = subnet.members[0]
    with boa.env.prank(operator.address):
        world.subnets.opt_out(terms.selector)
    with boa.reverts("not opted in"):
        world.deliver(terms, operator)


def test_terms_with_any_field_changed_are_another_job(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    world.post(terms)
    changes = [{"max_price": 2**200}, {"turn_length": 1}, {"artifact_id": keccak(b"swap")}]
    changes += [{"primary": 1}, {"deliver_by": terms.deliver_by + 9_999}, {"fee_cap": 0}]
    for change in changes:
        with boa.reverts("not open"):
            world.deliver(terms.with_(**change), subnet.members[0])


def test_fixed_size_outputs_have_their_size(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet, item_size=5)
    world.post(terms)
    for wrong in (b"", b"1234", b"123456"):
        with boa.reverts("output length"):
            world.deliver(terms, subnet.members[0], wrong)
    world.deliver(terms, subnet.members[0], b"12345")


def test_sixteen_kibibytes_and_not_a_byte_more(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    world.post(terms)
    with boa.reverts():
        world.deliver(terms, subnet.members[0], b"x" * 16_385)
    world.deliver(terms, subnet.members[0], b"x" * 16_384)
    delivered = world.market.get_logs(include_child_logs=False)[0]
    assert delivered.output_commitment == keccak(b"x" * 16_384)


def test_one_wallet_in_every_role_is_credited_for_each(empty_world: World) -> None:
    world = empty_world
    everyone = wallet("publisher")
    with by("publisher"):
        world.subnets.register(keccak(b"m"), "http://p", value=10 * ETHER)
    world.operators.append(everyone)
    world.offer(everyone)
    subnet = world.form_subnet(1)
    terms = world.terms(subnet, requester=everyone.address, max_price=2 * 10**15)
    world.post(terms)
    world.deliver(terms, everyone)
    assert world.balance("publisher") == world.due(terms) - 10**15 * 250 // 10_000
    assert ledger.owed(world) == ledger.held(world)


def test_a_subnet_outlives_its_expiry_for_jobs_already_posted(world: World, subnet: Subnet) -> None:
    deliver_by = world.now + 3 * 86_400
    terms = world.terms(subnet, deliver_by=deliver_by)
    world.post(terms)
    world.warp(world.now + 2 * 86_400)
    world.deliver(terms, subnet.members[1])
    assert world.job(terms).status == PAID
