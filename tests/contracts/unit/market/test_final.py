# SPDX-License-Identifier: Apache-2.0
"""`final`: verdicts, who comes after a claim that fell, what becomes of a pledge."""

from __future__ import annotations

import boa
import pytest

from tests.contracts import ledger
from tests.contracts.parts import (
    ETHER,
    FINAL,
    OPEN,
    REFUNDED,
    Job,
)
from tests.contracts.terms import NATIVE
from tests.contracts.unit.market.conftest import Plugs


def test_a_verdict_may_come_after_every_deadline(plugs: Plugs, members: list[str]) -> None:
    world, terms = plugs.world, plugs.plug_terms
    world.post(terms)
    world.warp(terms.deliver_by)
    plugs.pending(terms, members[2])
    world.warp(terms.resolve_by + 30 * 86_400)
    plugs.final(terms, ok=True)
    assert world.job(terms).operator == members[2]


def test_only_the_methods_plugin_gives_verdicts(plugs: Plugs, members: list[str]) -> None:
    world, terms = plugs.world, plugs.plug_terms
    world.post(terms)
    plugs.pending(terms, members[0])
    for caller in (plugs.toy.address, members[0], terms.requester, world.market.address):
        with boa.env.prank(caller), boa.reverts("not the plug-in"):
            world.market.deliver(terms.abi, members[0], b"", FINAL, 0)
        with boa.env.prank(caller), boa.reverts("not the plug-in"):
            world.market.refuted(terms.abi, caller)


@pytest.mark.parametrize("ok", [True, False])
def test_a_verdict_needs_a_pending_claim_and_is_given_once(
    plugs: Plugs, members: list[str], ok: bool
) -> None:
    terms = plugs.plug_terms
    with boa.reverts("not pending"):
        plugs.final(terms, ok)
    plugs.world.post(terms)
    with boa.reverts("not pending"):
        plugs.final(terms, ok)
    plugs.pending(terms, members[0])
    plugs.final(terms, ok)
    for again in (True, False):
        with boa.reverts("not pending"):
            plugs.final(terms, again)


def test_a_refuted_claim_reopens_the_job_at_the_next_member(
    plugs: Plugs, members: list[str]
) -> None:
    world, terms = plugs.world, plugs.plug_terms
    world.post(terms)
    plugs.pending(terms, members[0])
    world.warp(world.now + 200)
    plugs.final(terms, ok=False)
    (reopened,) = world.market.get_logs(include_child_logs=False)
    assert reopened.refuted == members[0]
    assert world.job(terms) == Job(OPEN, NATIVE, world.now, 0, 1)
    assert ledger.escrow(world) == world.due(terms)


def test_turns_start_again_after_a_refutation(plugs: Plugs, members: list[str]) -> None:
    world, terms = plugs.world, plugs.plug_terms
    world.post(terms)
    world.warp(world.now + 60)
    plugs.pending(terms, members[1])
    world.warp(world.now + 500)
    plugs.final(terms, ok=False)
    reopened = world.now
    order = [members[2], members[0], members[1]]
    for late, open_to in ((0, 1), (59, 1), (60, 2), (119, 2), (120, 3)):
        world.warp(reopened + late)
        for i, member in enumerate(order):
            with boa.env.anchor():
                if i < open_to:
                    plugs.paid(terms, member)
                else:
                    with boa.reverts("not your turn"):
                        plugs.paid(terms, member)


def test_the_list_of_members_is_a_ring(plugs: Plugs, members: list[str]) -> None:
    world, terms = plugs.world, plugs.plug_terms.with_(primary=2)
    world.post(terms)
    for at in (2, 0, 1, 2):
        assert world.job(terms).first % 3 == at
        plugs.pending(terms, members[at])
        plugs.final(terms, ok=False)
    plugs.paid(terms, members[0])
    assert world.job(terms).operator == members[0]


def test_every_member_refuted_and_nobody_left_refunds(plugs: Plugs, members: list[str]) -> None:
    world, terms = plugs.world, plugs.plug_terms
    world.post(terms)
    for at in range(6):
        plugs.pending(terms, members[at % 3])
        plugs.final(terms, ok=False)
    world.warp(terms.deliver_by + 1)
    world.refund(terms)
    assert world.balance("requester") == terms.max_price


def test_a_refutation_on_the_last_second_still_reopens(plugs: Plugs, members: list[str]) -> None:
    world, terms = plugs.world, plugs.plug_terms
    world.post(terms)
    plugs.pending(terms, members[0])
    world.warp(terms.deliver_by)
    with boa.env.anchor():
        plugs.final(terms, ok=False)
        assert world.job(terms).status == OPEN
        plugs.paid(terms, members[1])
    world.warp(terms.deliver_by + 1)
    plugs.final(terms, ok=False)
    assert world.job(terms).status == REFUNDED


def test_a_refutation_after_deliver_by_gives_all_back(plugs: Plugs, members: list[str]) -> None:
    world, terms = plugs.world, plugs.plug_terms
    world.post(terms)
    plugs.pending(terms, members[0])
    world.warp(terms.deliver_by + 1)
    plugs.final(terms, ok=False)
    (closed,) = world.market.get_logs(include_child_logs=False)
    assert (closed.reason, closed.operator) == (3, members[0])
    assert world.balance("requester") == world.due(terms)
    with boa.reverts("not open"):
        world.refund(terms)


def test_a_primary_that_claims_in_time_has_shown_up(plugs: Plugs, members: list[str]) -> None:
    world, terms = plugs.world, plugs.plug_terms
    primary = plugs.subnet.members[0]
    world.post_accepted(terms, world.accept(terms, primary))
    plugs.pending(terms, primary.address)
    assert world.job(terms).pledge == 0
    assert world.subnets.operators(primary.address).reserved == 0
    plugs.final(terms, ok=False)
    plugs.paid(terms, members[1])
    assert world.subnets.stake_of(primary.address) == 10 * ETHER


def test_a_backups_claim_that_stands_costs_the_primary_its_pledge(
    plugs: Plugs, members: list[str]
) -> None:
    world, terms = plugs.world, plugs.plug_terms
    primary = plugs.subnet.members[0]
    world.post_accepted(terms, world.accept(terms, primary))
    world.warp(world.now + 60)
    plugs.pending(terms, members[1])
    assert world.job(terms).pledge == ETHER
    plugs.final(terms, ok=True)
    assert world.subnets.stake_of(primary.address) == 9 * ETHER
    assert world.subnets.credit(members[1]) == ETHER // 2


def test_a_backups_false_claim_lets_the_primary_make_good(plugs: Plugs, members: list[str]) -> None:
    world, terms = plugs.world, plugs.plug_terms
    primary = plugs.subnet.members[0]
    world.post_accepted(terms, world.accept(terms, primary))
    world.warp(world.now + 60)
    plugs.pending(terms, members[1])
    plugs.final(terms, ok=False)
    world.warp(world.now + 60)
    plugs.paid(terms, primary.address)
    assert world.subnets.stake_of(primary.address) == 10 * ETHER
    assert world.subnets.operators(primary.address).reserved == 0
