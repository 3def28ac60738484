# SPDX-License-Identifier: Apache-2.0
"""Callbacks: who hears what, with how much gas, and that no consumer can hold up a payout."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest
from boa.contracts.vyper.vyper_contract import VyperContract
from eth_utils.crypto import keccak

from tests.contracts.parts import FINAL, OPEN, PAID, PENDING, REFUNDED, Subnet, by, deploy
from tests.contracts.terms import NATIVE, Terms
from tests.contracts.unit.market.conftest import Plugs
from tests.contracts.world import World

GAS = 200_000


@pytest.fixture
def consumer(world: World) -> VyperContract:
    return deploy("tests/contracts/mocks/Consumer.vy")


@pytest.fixture
def plug_consumer(plugs: Plugs) -> VyperContract:
    return deploy("tests/contracts/mocks/Consumer.vy")


def failures(world: World) -> int:
    logs = world.market.get_logs(include_child_logs=False)
    return sum(type(log).__name__ == "CallbackFailed" for log in logs)


def heard(world: World, consumer: VyperContract, terms: Terms) -> tuple[int, int]:
    """Results and revocations."""
    note = consumer.heard(world.domain.job_id(terms))
    return note.results, note.revocations


def test_a_consumer_hears_the_result(world: World, subnet: Subnet, consumer: VyperContract) -> None:
    terms = world.terms(subnet, callback_target=consumer.address, callback_gas=GAS)
    job_id = world.post(terms)
    world.deliver(terms, subnet.members[0], b"the answer")
    note = consumer.heard(job_id)
    assert (note.results, note.is_final, note.output_hash) == (1, True, keccak(b"the answer"))
    assert note.sender == world.market.address
    assert failures(world) == 0


def test_a_patient_consumer_hears_nothing_before_the_verdict(
    plugs: Plugs, plug_consumer: VyperContract
) -> None:
    world = plugs.world
    terms = plugs.plug_terms.with_(callback_target=plug_consumer.address, callback_gas=GAS)
    world.post(terms)
    plugs.pending(terms, plugs.subnet.members[0].address)
    assert heard(world, plug_consumer, terms) == (0, 0)
    with boa.env.anchor():
        plugs.final(terms, ok=False)
        assert heard(world, plug_consumer, terms) == (0, 0)
    plugs.final(terms, ok=True, output=b"claim")
    note = plug_consumer.heard(world.domain.job_id(terms))
    assert (note.results, note.is_final, note.output_hash) == (1, True, keccak(b"claim"))


def test_an_eager_consumer_hears_the_claim_and_its_fall(
    plugs: Plugs, plug_consumer: VyperContract
) -> None:
    world = plugs.world
    terms = plugs.plug_terms.with_(callback_target=plug_consumer.address, callback_gas=GAS, eager=1)
    world.post(terms)
    plugs.pending(terms, plugs.subnet.members[0].address)
    assert not plug_consumer.heard(world.domain.job_id(terms)).is_final
    assert heard(world, plug_consumer, terms) == (1, 0)
    plugs.final(terms, ok=False)
    assert heard(world, plug_consumer, terms) == (1, 1)
    plugs.pending(terms, plugs.subnet.members[1].address)
    plugs.final(terms, ok=True)
    assert heard(world, plug_consumer, terms) == (2, 1)


@pytest.mark.parametrize("late", [3_601, 3_600 + 86_400 + 7 * 86_400 + 1])
def test_an_eager_consumer_hears_of_a_refund_too(
    plugs: Plugs, plug_consumer: VyperContract, late: int
) -> None:
    world = plugs.world
    terms = plugs.plug_terms.with_(callback_target=plug_consumer.address, callback_gas=GAS, eager=1)
    world.post(terms)
    plugs.pending(terms, plugs.subnet.members[0].address)
    world.warp(terms.deliver_by - 3_600 + late)
    if late == 3_601:
        plugs.final(terms, ok=False)
    else:
        world.refund(terms)
    assert world.job(terms).status == REFUNDED
    assert heard(world, plug_consumer, terms) == (1, 1)


def test_an_eager_job_paid_at_once_is_final(plugs: Plugs, plug_consumer: VyperContract) -> None:
    terms = plugs.plug_terms.with_(
        callback_target=plug_consumer.address, callback_gas=GAS, eager=255
    )
    job_id = plugs.world.post(terms)
    plugs.paid(terms, plugs.subnet.members[0].address)
    assert plug_consumer.heard(job_id).is_final


def test_an_expired_job_calls_nobody(world: World, subnet: Subnet, consumer: VyperContract) -> None:
    terms = world.terms(subnet, callback_target=consumer.address, callback_gas=GAS, eager=1)
    world.post(terms)
    world.warp(terms.deliver_by + 1)
    world.refund(terms)
    assert heard(world, consumer, terms) == (0, 0)


def bomb(reverts: bool) -> str:
    """A contract that answers with a megabyte: PUSH3 size, PUSH0, RETURN or REVERT."""
    address = str(boa.env.generate_address())
    boa.env.set_code(address, bytes.fromhex("620f42405f" + ("fd" if reverts else "f3")))
    return address


@pytest.fixture(params=["refuses", "burns", "bomb", "reverting bomb", "market", "precompile"])
def hostile(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    kind = request.param
    if kind in ("refuses", "burns"):
        path = "tests/contracts/mocks/RevertingConsumer.vy"
        yield kind, str(deploy(path, kind == "burns").address)
    elif kind == "precompile":
        yield kind, "0x" + "00" * 19 + "04"
    elif kind == "market":
        yield kind, ""
    else:
        yield kind, bomb(reverts=kind == "reverting bomb")


def test_no_consumer_holds_up_a_payout(
    world: World, subnet: Subnet, hostile: tuple[str, str]
) -> None:
    kind, target = hostile
    terms = world.terms(
        subnet, callback_target=target or str(world.market.address), callback_gas=3_000_000
    )
    world.post(terms)
    world.deliver(terms, subnet.members[0])
    assert failures(world) == (0 if kind in ("bomb", "precompile") else 1)
    assert world.market._computation.get_gas_used() < 3_400_000
    assert world.job(terms).status == PAID


def test_no_eager_consumer_holds_up_a_refutation(plugs: Plugs, hostile: tuple[str, str]) -> None:
    world = plugs.world
    target = hostile[1] or str(world.market.address)
    terms = plugs.plug_terms.with_(callback_target=target, callback_gas=3_000_000, eager=1)
    world.post(terms)
    plugs.pending(terms, plugs.subnet.members[0].address)
    plugs.final(terms, ok=False)
    assert world.job(terms).status == OPEN


def test_a_wallet_as_a_target_is_called_and_that_is_all(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet, callback_target=str(boa.env.generate_address()))
    world.post(terms)
    world.deliver(terms, subnet.members[0])
    assert failures(world) == 0


def test_a_callback_without_gas_fails_and_the_job_is_paid(
    world: World, subnet: Subnet, consumer: VyperContract
) -> None:
    terms = world.terms(subnet, callback_target=consumer.address, callback_gas=0)
    world.post(terms)
    world.deliver(terms, subnet.members[0])
    assert failures(world) == 1
    assert world.job(terms).status == PAID
    assert heard(world, consumer, terms) == (0, 0)


def test_more_callback_gas_than_a_transaction_can_carry_is_refused_at_post(plugs: Plugs) -> None:
    """Else `pending` would go through and `final` never could: the answer would be free and the
    bond held until the plug-in counts as dead; or an eager job's refutation would not fit."""
    world = plugs.world
    target = str(boa.env.generate_address())
    for gas in (5_000_001, 16_777_216, 2**32 - 1):
        terms = plugs.plug_terms.with_(callback_target=target, callback_gas=gas)
        with boa.reverts("callback gas"):
            world.post(terms)
    world.post(plugs.plug_terms.with_(callback_target=target, callback_gas=5_000_000))


# ---- re-entering ----


def puppet(world: World, *calls: tuple[object, tuple[object, ...]]) -> VyperContract:
    """A consumer that makes these calls of the market when it is called."""
    made = deploy("tests/contracts/mocks/Puppet.vy")
    for function, args in calls:
        made.add_call(world.market.address, function.prepare_calldata(*args))
    world.accounts.add(str(made.address))
    return made


def test_a_callback_can_post_the_next_job_and_nothing_else(world: World, subnet: Subnet) -> None:
    market = world.market
    open_job = world.terms(subnet, salt=keccak(b"open"))
    world.post(open_job)
    made = puppet(world)
    mine = {"requester": str(made.address)}
    expired = world.terms(subnet, deliver_by=world.now + 1, resolve_by=world.now + 1, **mine)
    next_job = world.terms(subnet, salt=keccak(b"next"), **mine)
    first = world.terms(subnet, callback_target=str(made.address), callback_gas=3_000_000)
    with by("requester"):
        for terms in (expired, next_job):
            boa.env.set_balance(made.address, world.due(terms))
            data = market.deposit.prepare_calldata(NATIVE, world.due(terms))
            made.make_call(market.address, data, value=world.due(terms))
        made.make_call(market.address, market.post.prepare_calldata(expired.abi, b""))
    world.posted[world.domain.job_id(expired)] = expired
    world.posted[world.domain.job_id(next_job)] = next_job
    world.post(first)
    world.warp(world.now + 2)
    for function, args in (
        (market.post, (next_job.abi, b"")),
        (market.deliver, (open_job.abi, str(made.address), b"stolen", PAID, 0)),
        (market.withdraw, (NATIVE, 1, str(made.address))),
        (market.refund, (expired.abi,)),
        (market.deposit, (NATIVE, 0)),
        (market.collect_fees, (NATIVE, str(made.address))),
        (market.refuted, (first.abi, str(made.address))),
    ):
        made.add_call(market.address, function.prepare_calldata(*args))
    world.deliver(first, subnet.members[0])
    assert [made.worked(i) for i in range(7)] == [True] + [False] * 6
    assert world.job(next_job).status == OPEN
    assert world.job(open_job).status == OPEN


def test_a_member_as_consumer_cannot_be_paid_twice_for_a_job(plugs: Plugs) -> None:
    """The plug-in's verb again, from inside the callback of the first."""
    world = plugs.world
    operator = plugs.subnet.members[0].address
    made = deploy("tests/contracts/mocks/Puppet.vy")
    selector = world.add_method("puppet", str(made.address), max_n=1)
    world.staff(3, selector=selector)
    subnet = world.form_subnet(3, selector=selector)
    terms = world.terms(
        subnet,
        selector=selector,
        callback_target=str(made.address),
        callback_gas=1_000_000,
        eager=1,
        turn_length=1,
    )
    world.post(terms)
    world.roll()
    for function, args in (
        (world.market.deliver, (terms.abi, operator, b"", PAID, 0)),
        (world.market.deliver, (terms.abi, operator, b"", PENDING, 0)),
        (world.market.deliver, (terms.abi, operator, b"", FINAL, 0)),
        (world.market.refuted, (terms.abi, operator)),
    ):
        made.add_call(world.market.address, function.prepare_calldata(*args))
    made.make_call(
        world.market.address,
        world.market.deliver.prepare_calldata(terms.abi, operator, b"", PAID, 0),
    )
    assert [made.worked(i) for i in range(4)] == [False] * 4
    assert world.job(terms).status == PAID
