# SPDX-License-Identifier: Apache-2.0
"""`excused`: a primary that can't answer is free, and the next member is first."""

from __future__ import annotations

import boa
import pytest

from tests.contracts import ledger
from tests.contracts.parts import ETHER, OPEN, Job, by
from tests.contracts.terms import NATIVE, Terms
from tests.contracts.unit.market.conftest import Plugs


@pytest.fixture
def owed(plugs: Plugs) -> Terms:
    """A job of `plug` that its primary, member 0, owes."""
    terms = plugs.plug_terms
    plugs.world.post_accepted(terms, plugs.world.accept(terms, plugs.subnet.members[0], ETHER))
    return terms


def excused(plugs: Plugs, terms: Terms) -> None:
    with by("plugin"):
        plugs.world.market.excused(terms.abi)


def test_the_pledge_is_free_and_the_next_member_first(
    plugs: Plugs, members: list[str], owed: Terms
) -> None:
    world = plugs.world
    world.warp(world.now + 30)
    excused(plugs, owed)
    (event,) = world.market.get_logs(include_child_logs=False)
    assert (type(event).__name__, event.operator) == ("JobExcused", members[0])
    assert world.job(owed) == Job(OPEN, NATIVE, world.now, 0, 1)
    assert world.subnets.operators(members[0]).reserved == 0
    assert ledger.escrow(world) == world.due(owed)
    with boa.reverts("not your turn"):
        plugs.paid(owed, members[0])
    plugs.paid(owed, members[1])
    assert world.subnets.to_burn() == 0


def test_the_fee_of_the_post_stays(plugs: Plugs, members: list[str], owed: Terms) -> None:
    excused(plugs, owed)
    plugs.paid(owed, members[1])
    *_, closed = plugs.world.market.get_logs(include_child_logs=False)
    assert closed.fee == closed.price * plugs.world.config.fee_bps // 10_000 != 0


def test_after_the_deadline_the_job_expires_without_slash(plugs: Plugs, owed: Terms) -> None:
    world = plugs.world
    world.warp(owed.deliver_by + 1)
    excused(plugs, owed)
    world.refund(owed)
    assert world.subnets.to_burn() == 0


def test_only_the_methods_plugin_excuses(plugs: Plugs, members: list[str], owed: Terms) -> None:
    for caller in (plugs.toy.address, members[0], owed.requester, plugs.world.market.address):
        with boa.env.prank(caller), boa.reverts("not the plug-in"):
            plugs.world.market.excused(owed.abi)


def test_only_what_is_owed_is_forgiven_and_once(
    plugs: Plugs, members: list[str], owed: Terms
) -> None:
    best_effort = owed.with_(salt=b"\1" * 32)
    with boa.reverts("nothing owed"):
        excused(plugs, best_effort)
    plugs.world.post(best_effort)
    with boa.reverts("nothing owed"):
        excused(plugs, best_effort)
    excused(plugs, owed)
    with boa.reverts("nothing owed"):
        excused(plugs, owed)


def test_a_claim_in_the_primarys_stead_leaves_nothing_to_excuse(
    plugs: Plugs, members: list[str], owed: Terms
) -> None:
    world = plugs.world
    world.warp(world.now + owed.turn_length)
    plugs.pending(owed, members[1])
    assert world.job(owed).pledge == ETHER
    with boa.reverts("nothing owed"):
        excused(plugs, owed)
    plugs.final(owed, ok=True)
    assert world.subnets.to_burn() == ETHER // 2


@pytest.mark.parametrize("k", [1, 2, 8])
def test_after_the_last_member_comes_the_first(plugs: Plugs, k: int) -> None:
    """`first` is then one past the end, also where the subnet is as large as can be."""
    world = plugs.world
    selector = plugs.plug_terms.selector
    world.staff(k, selector=selector)
    subnet = world.form_subnet(k, selector=selector)
    terms = world.terms(
        subnet, selector=selector, artifact_id=plugs.plug_terms.artifact_id, primary=k - 1
    )
    world.post_accepted(terms, world.accept(terms, subnet.members[-1], ETHER))
    excused(plugs, terms)
    assert world.job(terms) == Job(OPEN, NATIVE, world.now, 0, k)
    if k > 1:
        with boa.reverts("not your turn"):
            plugs.paid(terms, subnet.members[-1].address)
        world.warp(world.now + terms.turn_length * (k - 1) - 1)
        with boa.reverts("not your turn"):
            plugs.paid(terms, subnet.members[-1].address)
    plugs.pending(terms, subnet.members[0].address)
    plugs.final(terms, ok=False)
    assert world.job(terms) == Job(OPEN, NATIVE, world.now, 0, 1)
    plugs.paid(terms, subnet.members[1 % k].address)


def test_a_retired_methods_jobs_can_still_be_excused(plugs: Plugs, owed: Terms) -> None:
    with by("owner"):
        plugs.world.market.retire_method(owed.selector)
    excused(plugs, owed)
    assert plugs.world.job(owed).pledge == 0


def test_a_plugin_reaches_no_other_methods_job(plugs: Plugs, owed: Terms) -> None:
    """The same plug-in under another selector names another job."""
    with boa.reverts("nothing owed"):
        excused(plugs, owed.with_(selector=plugs.hedge_terms.selector))
    assert plugs.world.job(owed).pledge == ETHER


def test_one_refuted_is_not_first_again_by_an_excuse(
    plugs: Plugs, members: list[str], owed: Terms
) -> None:
    world = plugs.world
    world.warp(world.now + owed.turn_length)
    plugs.pending(owed, members[1])
    plugs.final(owed, ok=False)
    excused(plugs, owed)
    with boa.reverts("not your turn"):
        plugs.paid(owed, members[1])
    plugs.paid(owed, members[2])
    assert world.subnets.to_burn() == 0
