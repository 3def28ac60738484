# SPDX-License-Identifier: Apache-2.0
"""`deliver` by a plug-in: what it may say, about whom, and when; bonds of claims."""

from __future__ import annotations

import boa
import pytest
from eth_utils.crypto import keccak

from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER, FINAL, PAID, PENDING, Job, by
from tests.contracts.terms import NATIVE
from tests.contracts.unit.market.conftest import REWARDEE, Plugs


def test_paid_settles_at_once(plugs: Plugs, members: list[str]) -> None:
    plugs.world.post(plugs.plug_terms)
    plugs.paid(plugs.plug_terms, members[0])
    assert plugs.world.job(plugs.plug_terms).status == PAID
    assert plugs.world.job(plugs.plug_terms).operator == members[0]
    assert plugs.world.market.balance_of(NATIVE, members[0]) > 0


def test_a_claim_waits_for_its_verdict(plugs: Plugs, members: list[str]) -> None:
    world, terms = plugs.world, plugs.plug_terms
    world.post(terms)
    plugs.pending(terms, members[0])
    delivered = world.market.get_logs(include_child_logs=False)[0]
    assert (delivered.status, delivered.output) == (PENDING, b"claim")
    assert world.job(terms) == Job(PENDING, members[0], 0, 0, 1)
    assert world.market.balance_of(NATIVE, members[0]) == 0
    plugs.final(terms, ok=True)
    assert world.job(terms) == Job(PAID, members[0], 0, 0, 0)
    assert world.market.balance_of(NATIVE, members[0]) > 0


@pytest.mark.parametrize("verb", [PAID, PENDING, FINAL])
def test_only_the_methods_plugin_has_verbs(plugs: Plugs, members: list[str], verb: int) -> None:
    world, terms = plugs.world, plugs.plug_terms
    world.post(terms)
    callers = [wallet(role).address for role in ("owner", "requester", "stranger")]
    for caller in (*callers, members[0], str(plugs.toy.address), str(world.market.address)):
        with boa.env.prank(caller), boa.reverts("not the plug-in"):
            world.market.deliver(terms.abi, members[0], b"", verb, 0)
        with boa.env.prank(caller), boa.reverts("not the plug-in"):
            world.market.refuted(terms.abi, caller)


@pytest.mark.parametrize("verb", [0, 1, 4, 6, 2**255])
def test_there_are_three_verbs(plugs: Plugs, members: list[str], verb: int) -> None:
    plugs.world.post(plugs.plug_terms)
    with by("plugin"), boa.reverts("verb"):
        plugs.world.market.deliver(plugs.plug_terms.abi, members[0], b"", verb, 0)


@pytest.mark.parametrize("verb", [PAID, FINAL])
def test_only_a_claim_has_a_bond(plugs: Plugs, members: list[str], verb: int) -> None:
    plugs.world.post(plugs.plug_terms)
    with by("plugin"), boa.reverts("bond"):
        plugs.world.market.deliver(plugs.plug_terms.abi, members[0], b"", verb, ETHER)


@pytest.mark.parametrize("bond", [1, 10**12 - 1, 10**12 + 1, 2**38 * 10**12, 2**255])
def test_a_bond_has_whole_units_and_fits(plugs: Plugs, members: list[str], bond: int) -> None:
    plugs.world.post(plugs.plug_terms)
    with boa.reverts("bond"):
        plugs.pending(plugs.plug_terms, members[0], bond=bond)


def test_a_bond_is_reserved_until_the_claim_is_paid(plugs: Plugs, members: list[str]) -> None:
    world, terms = plugs.world, plugs.plug_terms
    world.post(terms)
    with boa.reverts("stake not free"):
        plugs.pending(terms, members[0], bond=10 * ETHER + 10**12)
    plugs.pending(terms, members[0], bond=10 * ETHER)
    assert world.job(terms).bond == world.subnets.operators(members[0]).reserved == 10 * ETHER
    plugs.final(terms, ok=True)
    assert world.job(terms).bond == world.subnets.operators(members[0]).reserved == 0
    assert world.subnets.stake_of(members[0]) == 10 * ETHER


def test_half_of_a_fallen_claims_bond_is_the_rewardees(plugs: Plugs, members: list[str]) -> None:
    world, terms = plugs.world, plugs.plug_terms
    world.post(terms)
    plugs.pending(terms, members[0], bond=3 * 10**12)
    plugs.final(terms, ok=False)
    assert world.job(terms).bond == world.subnets.operators(members[0]).reserved == 0
    assert world.subnets.stake_of(members[0]) == 10 * ETHER - 3 * 10**12
    assert world.subnets.credit(REWARDEE) == 15 * 10**11
    assert world.subnets.to_burn() == 15 * 10**11
    assert world.subnets.penalty_of(members[0]) == 2_000


def test_without_a_rewardee_all_of_the_bond_burns(plugs: Plugs, members: list[str]) -> None:
    world, terms = plugs.world, plugs.plug_terms
    world.post(terms)
    plugs.pending(terms, members[0], bond=ETHER)
    with by("plugin"):
        world.market.refuted(terms.abi, NATIVE)
    assert (world.subnets.to_burn(), world.subnets.credit(NATIVE)) == (ETHER, 0)


def test_the_bond_of_a_dead_plugins_claim_is_free_again(plugs: Plugs, members: list[str]) -> None:
    world, terms = plugs.world, plugs.plug_terms
    world.post(terms)
    plugs.pending(terms, members[0], bond=ETHER)
    world.warp(terms.resolve_by + 7 * 86_400 + 1)
    world.refund(terms)
    assert world.job(terms).bond == world.subnets.operators(members[0]).reserved == 0
    assert world.subnets.stake_of(members[0]) == 10 * ETHER


def test_a_plugin_cannot_act_for_another_selector(plugs: Plugs, members: list[str]) -> None:
    world, terms = plugs.world, plugs.toy_terms
    world.post(terms)
    with by("plugin"), boa.reverts("not the plug-in"):
        world.market.deliver(terms.abi, members[0], b"", PAID, 0)
    # Nor by naming its own selector: those terms are another job.
    with by("plugin"), boa.reverts("not open"):
        other = terms.with_(selector=plugs.plug_terms.selector)
        world.market.deliver(other.abi, members[0], b"", PAID, 0)


def test_a_plugin_with_two_selectors_cannot_move_a_job_between_them(
    plugs: Plugs, members: list[str]
) -> None:
    world, terms = plugs.world, plugs.plug_terms
    world.post(terms)
    with boa.reverts("not open"):
        plugs.paid(terms.with_(selector=plugs.hedge_terms.selector), members[0])


@pytest.mark.parametrize("name", ["paid", "pending"])
def test_a_plugin_cannot_name_a_stranger(plugs: Plugs, members: list[str], name: str) -> None:
    world, terms = plugs.world, plugs.plug_terms
    world.post(terms)
    world.warp(world.now + 3_000)
    say = getattr(plugs, name)
    with boa.reverts("not opted in"):
        say(terms, terms.requester)
    with boa.reverts("not opted in"):
        say(terms, NATIVE)
    outsider = world.add_operator("outsider")
    with boa.reverts("not opted in"):
        say(terms, outsider.address)
    world.offer(outsider, selector=terms.selector)
    with boa.reverts("not your turn"):
        say(terms, outsider.address)
    with boa.env.prank(members[1]):
        world.subnets.opt_out(terms.selector)
    with boa.reverts("not opted in"):
        say(terms, members[1])
    say(terms, members[2])


@pytest.mark.parametrize("name", ["paid", "pending"])
def test_a_plugin_keeps_to_turns_and_deadline(plugs: Plugs, members: list[str], name: str) -> None:
    world, terms = plugs.world, plugs.plug_terms
    world.post(terms)
    say = getattr(plugs, name)
    posted = world.now
    for late, open_to in ((59, 1), (60, 2), (119, 2), (120, 3)):
        world.warp(posted + late)
        for i, member in enumerate(members):
            with boa.env.anchor():
                if i < open_to:
                    say(terms, member)
                else:
                    with boa.reverts("not your turn"):
                        say(terms, member)
    world.warp(terms.deliver_by + 1)
    with boa.reverts("too late"):
        say(terms, members[0])


def test_a_pending_job_takes_no_second_delivery(plugs: Plugs, members: list[str]) -> None:
    plugs.world.post(plugs.plug_terms)
    plugs.pending(plugs.plug_terms, members[0])
    plugs.world.warp(plugs.world.now + 300)
    for member in members:
        with boa.reverts("not open"):
            plugs.paid(plugs.plug_terms, member)
        with boa.reverts("not open"):
            plugs.pending(plugs.plug_terms, member)


def test_nobody_opted_in_means_nothing_locked(plugs: Plugs, members: list[str]) -> None:
    world = plugs.world
    with by("plugin"), boa.reverts("not opted in"):
        world.subnets.lock(keccak(b"job"), world.fund("stranger").address, ETHER)
    with by("stranger"), boa.reverts("not opted in"):
        world.subnets.lock(keccak(b"job"), members[0], ETHER)
