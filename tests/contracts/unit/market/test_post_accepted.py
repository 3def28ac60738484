# SPDX-License-Identifier: Apache-2.0
"""`post_accepted`: only the primary's own fresh word about this very job binds it."""

from __future__ import annotations

import boa
import pytest
from eth_utils.crypto import keccak

from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER, OPEN, PAID, REFUNDED, Subnet, by
from tests.contracts.terms import NATIVE, Domain
from tests.contracts.unit.market.conftest import Plugs
from tests.contracts.world import World

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def reserved(world: World, operator: str) -> int:
    return int(world.subnets.operators(operator).reserved)


def test_an_acceptance_reserves_the_pledge(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    primary = subnet.members[0]
    world.post_accepted(terms, world.accept(terms, primary, 2 * ETHER))
    posted, accepted = world.market.get_logs(include_child_logs=False)
    assert [type(e).__name__ for e in (posted, accepted)] == ["JobPosted", "JobAccepted"]
    assert (accepted.operator, accepted.pledge) == (primary.address, 2 * ETHER)
    assert world.job(terms).pledge == 2 * ETHER
    assert reserved(world, primary.address) == 2 * ETHER


def test_the_primary_is_free_again_when_it_delivers(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    primary = subnet.members[0]
    world.post_accepted(terms, world.accept(terms, primary))
    world.deliver(terms, primary)
    assert reserved(world, primary.address) == 0
    assert world.subnets.stake_of(primary.address) == 10 * ETHER


@pytest.mark.parametrize("pledge", [0, 1, 10**9 - 1, 10**9 + 1, 2**40 * 10**9, 2**255])
def test_a_pledge_is_a_whole_number_of_gwei(world: World, subnet: Subnet, pledge: int) -> None:
    terms = world.terms(subnet)
    with boa.reverts("pledge"):
        world.post_accepted(terms, world.accept(terms, subnet.members[0], pledge))


def test_an_operator_cannot_pledge_more_than_its_free_stake(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    primary = subnet.members[0]
    with boa.reverts("stake not free"):
        world.post_accepted(terms, world.accept(terms, primary, 10 * ETHER + 10**9))
    world.post_accepted(terms, world.accept(terms, primary, 10 * ETHER))
    other = terms.with_(salt=keccak(b"2"))
    with boa.reverts("stake not free"):
        world.post_accepted(other, world.accept(other, primary, 10**9))


def test_a_stale_acceptance_is_refused(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    acceptance = world.accept(terms, subnet.members[0], until=world.now + 30)
    world.warp(world.now + 30)
    with boa.env.anchor():
        world.post_accepted(terms, acceptance)
    world.warp(world.now + 1)
    with boa.reverts("acceptance is stale"):
        world.post_accepted(terms, acceptance)


def test_only_the_primarys_signature_counts(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet, primary=1)
    for signer in (subnet.members[0], subnet.members[2], wallet("requester")):
        with boa.reverts("not the primary's"):
            world.post_accepted(terms, world.accept(terms, signer))
    world.post_accepted(terms, world.accept(terms, subnet.members[1]))


@pytest.mark.parametrize(
    "change",
    [
        {"salt": keccak(b"2")},
        {"max_price": 1},
        {"input_commitment": keccak(b"harder input")},
        {"turn_length": 59},
        {"primary": 1},
        {"n": 2, "item_size": 4},
        {"callback_gas": 10**6},
    ],
)
def test_an_acceptance_is_for_one_job_only(
    world: World, subnet: Subnet, change: dict[str, object]
) -> None:
    terms = world.terms(subnet)
    acceptance = world.accept(terms, subnet.members[0])
    with boa.reverts("not the primary's"):
        world.post_accepted(terms.with_(**change), acceptance)


def test_an_earlier_deadline_voids_the_acceptance(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    acceptance = world.accept(terms, subnet.members[0])
    with boa.reverts("not the primary's"):
        world.post_accepted(terms.with_(deliver_by=terms.deliver_by - 1), acceptance)


@pytest.mark.parametrize("missing", [0, 1])
def test_a_promise_held_back_until_it_can_only_be_broken_is_void(
    world: World, subnet: Subnet, missing: int
) -> None:
    """The attack: post one second before deliver_by, refund in the next block, burn the pledge."""
    terms = world.terms(subnet)
    acceptance = world.accept(terms, subnet.members[0], until=terms.deliver_by)
    world.warp(terms.deliver_by - terms.turn_length + missing)
    if missing:
        with boa.reverts("turn after deliver_by"):
            world.post_accepted(terms, acceptance)
    else:
        world.post_accepted(terms, acceptance)


@pytest.mark.parametrize("at", [0, 1])
def test_until_and_pledge_are_signed(world: World, subnet: Subnet, at: int) -> None:
    terms = world.terms(subnet)
    forged = list(world.accept(terms, subnet.members[0]))
    forged[at] += 10**9
    with boa.reverts("not the primary's"):
        world.post_accepted(terms, tuple(forged))


def test_an_acceptance_for_another_market_or_chain_is_refused(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    here = world.domain
    job_id = here.job_id(terms)
    for domain in (Domain(NATIVE, here.chain_id), Domain(here.market, here.chain_id + 1)):
        forged = domain.acceptance(job_id, subnet.members[0], world.now + 60, ETHER)
        with boa.reverts("not the primary's"):
            world.post_accepted(terms, forged)


def test_a_malleated_signature_is_refused(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    until, pledge, v, r, s = world.accept(terms, subnet.members[0])
    with boa.reverts():
        world.post_accepted(terms, (until, pledge, 55 - v, r, ORDER - s))


@pytest.mark.parametrize(
    ("v", "r", "s"), [(0, 1, 1), (29, 1, 1), (27, 0, 0), (27, 0, 1), (2**256 - 1, 1, 1)]
)
def test_a_made_up_signature_is_refused(
    world: World, subnet: Subnet, v: int, r: int, s: int
) -> None:
    terms = world.terms(subnet)
    with boa.reverts():
        world.post_accepted(terms, (world.now + 60, ETHER, v, r, s))
    assert reserved(world, subnet.members[0].address) == 0


def test_an_acceptance_cannot_be_used_twice(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    acceptance = world.accept(terms, subnet.members[0])
    world.post_accepted(terms, acceptance)
    with boa.reverts("already posted"):
        world.post_accepted(terms, acceptance)
    world.deliver(terms, subnet.members[0])
    with boa.reverts("already posted"):
        world.post_accepted(terms, acceptance)


def test_a_best_effort_post_uses_no_acceptance_up(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    acceptance = world.accept(terms, subnet.members[0])
    world.post(terms)
    with boa.reverts("already posted"):
        world.post_accepted(terms, acceptance)
    assert reserved(world, subnet.members[0].address) == 0


def test_a_no_show_pays_half_to_the_rescuer_and_burns_half(world: World, subnet: Subnet) -> None:
    primary, backup, _ = subnet.members
    terms = world.terms(subnet)
    world.post_accepted(terms, world.accept(terms, primary, ETHER))
    world.warp(world.now + 60)
    world.deliver(terms, backup)
    assert world.subnets.stake_of(primary.address) == 9 * ETHER
    assert reserved(world, primary.address) == 0
    assert world.subnets.credit(backup.address) == ETHER // 2
    assert world.subnets.to_burn() == ETHER // 2
    assert world.subnets.penalty_of(primary.address) == 2_000
    assert world.subnets.credit(terms.requester) == 0


def test_a_late_primary_that_is_still_first_keeps_its_pledge(world: World, subnet: Subnet) -> None:
    primary = subnet.members[0]
    terms = world.terms(subnet)
    world.post_accepted(terms, world.accept(terms, primary))
    world.warp(world.now + 600)
    world.deliver(terms, primary)
    assert world.subnets.stake_of(primary.address) == 10 * ETHER


def test_an_accepted_job_that_nobody_serves_burns_the_whole_pledge(
    world: World, subnet: Subnet
) -> None:
    """Also where the input was never served: who accepts has fetched and checked it."""
    primary = subnet.members[0]
    terms = world.terms(subnet)
    world.post_accepted(terms, world.accept(terms, primary, ETHER))
    world.warp(terms.deliver_by + 1)
    world.refund(terms)
    assert world.job(terms).status == REFUNDED
    assert world.subnets.to_burn() == ETHER
    assert world.subnets.stake_of(primary.address) == 9 * ETHER
    assert world.balance("requester") == terms.max_price


def test_the_requester_gains_nothing_from_a_slash(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    before = boa.env.get_balance(terms.requester)
    world.post_accepted(terms, world.accept(terms, subnet.members[0]))
    world.warp(terms.deliver_by + 1)
    world.refund(terms, by="requester")
    with by("requester"):
        world.market.withdraw(NATIVE, world.balance("requester"), terms.requester)
    assert boa.env.get_balance(terms.requester) == before


def test_stake_under_a_pledge_cannot_leave(world: World, subnet: Subnet) -> None:
    primary = subnet.members[0]
    terms = world.terms(subnet)
    world.post_accepted(terms, world.accept(terms, primary, 4 * ETHER))
    book = world.subnets.book_id_of(terms.model_id, terms.selector, terms.token)
    with boa.env.prank(primary.address):
        world.subnets.end_offer(book)
        with boa.reverts("stake not free"):
            world.subnets.unbond(6 * ETHER + 1)
        world.subnets.unbond(6 * ETHER)
    world.warp(terms.deliver_by + 1)
    world.refund(terms)
    assert world.subnets.to_burn() == 4 * ETHER


def test_a_hedge_releases_the_primary_whoever_is_first(plugs: Plugs) -> None:
    world, terms = plugs.world, plugs.hedge_terms.with_(turn_length=0)
    members = world.subnet(terms.subnet_id).members
    world.post_accepted(terms, world.accept(terms, members[0]))
    plugs.paid(terms, members[2].address)
    assert world.job(terms).status == PAID
    assert world.subnets.stake_of(members[0].address) == 10 * ETHER


def test_a_hedge_that_another_blocked_with_a_false_claim_slashes_no_one(plugs: Plugs) -> None:
    """Without turns a backup could claim at once, wrongly, and keep the primary out."""
    world, terms = plugs.world, plugs.hedge_terms.with_(turn_length=0)
    members = world.subnet(terms.subnet_id).members
    world.post_accepted(terms, world.accept(terms, members[0]))
    plugs.pending(terms, members[1].address)
    with boa.reverts("not open"):
        plugs.pending(terms, members[0].address)
    world.warp(terms.deliver_by + 1)
    plugs.final(terms, ok=False)
    assert world.subnets.stake_of(members[0].address) == 10 * ETHER


def test_a_failed_post_reserves_nothing(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    with by("requester"), boa.reverts("balance too low"):
        world.market.post_accepted(terms.abi, b"", world.accept(terms, subnet.members[0]), value=1)
    assert reserved(world, subnet.members[0].address) == 0
    assert world.job(terms).status == 0
    world.post(terms)
    assert world.job(terms).status == OPEN
