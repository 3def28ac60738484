# SPDX-License-Identifier: Apache-2.0
"""`paid` and `pending`: what a plug-in may say, about whom, and when."""

from __future__ import annotations

import boa
import pytest
from eth_utils.crypto import keccak

from tests.contracts.parts import (
    ETHER,
    NONE,
    PAID,
    PENDING,
    Job,
    by,
)
from tests.contracts.terms import NATIVE
from tests.contracts.unit.market.conftest import Plugs


def test_paid_settles_at_once(plugs: Plugs, members: list[str]) -> None:
    plugs.world.post(plugs.plug_terms)
    plugs.paid(plugs.plug_terms, members[0])
    assert plugs.world.job(plugs.plug_terms).status == PAID
    assert plugs.world.job(plugs.plug_terms).operator == members[0]
    assert plugs.world.market.balance_of(NATIVE, members[0]) > 0


def test_a_claim_waits_for_its_verdict(plugs: Plugs, members: list[str]) -> None:
    world, terms = plugs.world, plugs.plug_terms
    world.post(terms)
    posted_at = world.now
    plugs.pending(terms, members[0])
    delivered = world.market.get_logs(include_child_logs=False)[0]
    assert (delivered.status, delivered.output) == (PENDING, b"claim")
    assert world.job(terms) == Job(PENDING, members[0], posted_at, 0, 1)
    assert world.market.balance_of(NATIVE, members[0]) == 0
    plugs.final(terms, ok=True)
    assert world.job(terms) == Job(PAID, members[0], posted_at, 0, 0)
    assert world.market.balance_of(NATIVE, members[0]) > 0


@pytest.mark.parametrize("name", ["paid", "pending"])
def test_only_the_methods_plugin_has_verbs(plugs: Plugs, members: list[str], name: str) -> None:
    world, terms = plugs.world, plugs.plug_terms
    world.post(terms)
    verb = getattr(world.market, name)
    for role in ("owner", "requester", "stranger"):
        with by(role), boa.reverts("not the plug-in"):
            verb(terms.abi, members[0], b"")
    with boa.env.prank(plugs.toy.address), boa.reverts("not the plug-in"):
        verb(terms.abi, members[0], b"")
    with boa.env.prank(world.market.address), boa.reverts("not the plug-in"):
        verb(terms.with_(selector=NONE).abi, members[0], b"")


def test_a_plugin_cannot_act_for_another_selector(plugs: Plugs, members: list[str]) -> None:
    world, terms = plugs.world, plugs.toy_terms
    world.post(terms)
    with by("plugin"), boa.reverts("not the plug-in"):
        world.market.paid(terms.abi, members[0], b"")
    # Nor by naming its own selector: those terms are another job.
    with by("plugin"), boa.reverts("not open"):
        world.market.paid(terms.with_(selector=plugs.plug_terms.selector).abi, members[0], b"")


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
