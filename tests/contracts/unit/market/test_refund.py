# SPDX-License-Identifier: Apache-2.0
"""`refund`: after which second, to whom, and never beside a payout."""

from __future__ import annotations

import boa
import pytest

from tests.contracts.parts import DEAD_PLUGIN, ETHER, EXPIRED, REFUNDED, Job, Subnet
from tests.contracts.terms import NATIVE
from tests.contracts.unit.market.conftest import Plugs
from tests.contracts.world import World

WEEK = 7 * 86_400


def test_anyone_closes_an_expired_job_and_earns_the_tip(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    world.post(terms)
    world.warp(terms.deliver_by + 1)
    world.refund(terms, by="keeper")
    (closed,) = world.market.get_logs(include_child_logs=False)
    assert (closed.reason, closed.operator, closed.price) == (EXPIRED, NATIVE, 0)
    assert world.job(terms) == Job(REFUNDED, NATIVE, 0, 0, 0)
    assert world.balance("keeper") == world.config.keeper_tip
    assert world.balance("requester") == terms.max_price
    assert world.market.fees(NATIVE) == 0
    assert world.balance("publisher") == 0


def test_a_requester_may_keep_its_own_tip(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    world.post(terms)
    world.warp(terms.deliver_by + 1)
    world.refund(terms, by="requester")
    assert world.balance("requester") == world.due(terms)


def test_no_job_is_refunded_twice(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    world.post(terms)
    world.warp(terms.deliver_by + 1)
    world.refund(terms)
    with boa.reverts("not open"):
        world.refund(terms)


def test_what_was_never_posted_is_not_refunded(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    world.warp(terms.deliver_by + 1)
    with boa.reverts("not open"):
        world.refund(terms)


def test_an_open_job_waits_for_deliver_by(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet)
    world.post(terms)
    with boa.reverts("still deliverable"):
        world.refund(terms)
    world.warp(terms.deliver_by)
    with boa.reverts("still deliverable"):
        world.refund(terms)


@pytest.mark.parametrize("late", [0, 1, 3_601, 90_000, 90_000 + WEEK])
def test_a_pending_claim_blocks_the_refund(plugs: Plugs, late: int) -> None:
    world, terms = plugs.world, plugs.plug_terms
    world.post(terms)
    plugs.pending(terms, plugs.subnet.members[0].address)
    world.warp(min(world.now + late, terms.resolve_by + WEEK))
    with boa.reverts("claim is pending"):
        world.refund(terms)


def test_a_dead_plugin_gives_price_bond_and_pledge_back(plugs: Plugs) -> None:
    world, terms = plugs.world, plugs.plug_terms
    primary, backup, _ = plugs.subnet.members
    world.post_accepted(terms, world.accept(terms, primary))
    world.warp(world.now + 60)
    plugs.pending(terms, backup.address, bond=3 * ETHER)
    world.warp(terms.resolve_by + WEEK)
    with boa.reverts("claim is pending"):
        world.refund(terms)
    world.warp(terms.resolve_by + WEEK + 1)
    world.refund(terms)
    closed = world.market.get_logs(include_child_logs=False)[-1]
    assert (closed.reason, closed.operator) == (DEAD_PLUGIN, backup.address)
    for operator in (primary, backup):
        assert world.subnets.stake_of(operator.address) == 10 * ETHER
        assert world.subnets.operators(operator.address).reserved == 0
        assert world.subnets.penalty_of(operator.address) == 0
    assert world.balance("requester") == terms.max_price
    assert world.balance("keeper") == world.config.keeper_tip


def test_a_dead_plugin_that_asked_for_no_bond_refunds_too(plugs: Plugs) -> None:
    world, terms = plugs.world, plugs.plug_terms
    world.post(terms)
    plugs.pending(terms, plugs.subnet.members[0].address)
    world.warp(terms.resolve_by + WEEK + 1)
    world.refund(terms)
    assert world.job(terms).status == REFUNDED


def test_a_plugin_back_from_the_dead_pays_and_slashes_nobody(plugs: Plugs) -> None:
    world, terms = plugs.world, plugs.plug_terms
    operator = plugs.subnet.members[0].address
    world.post(terms)
    plugs.pending(terms, operator, bond=ETHER)
    world.warp(terms.resolve_by + WEEK + 1)
    world.refund(terms)
    for ok in (True, False):
        with boa.reverts("not pending"):
            plugs.final(terms, ok)
    assert world.subnets.stake_of(operator) == 10 * ETHER


def test_bonds_of_other_jobs_stay_when_one_is_freed(plugs: Plugs) -> None:
    world, terms = plugs.world, plugs.plug_terms
    operator = plugs.subnet.members[0].address
    other = terms.with_(salt=b"\1" * 32)
    for each in (terms, other):
        world.post(each)
        plugs.pending(each, operator, bond=ETHER)
    world.warp(terms.resolve_by + WEEK + 1)
    world.refund(terms)
    assert world.subnets.operators(operator).reserved == ETHER


def test_a_reopened_job_expires_like_any_other(plugs: Plugs) -> None:
    world, terms = plugs.world, plugs.plug_terms
    world.post(terms)
    plugs.pending(terms, plugs.subnet.members[0].address)
    plugs.final(terms, ok=False)
    with boa.reverts("still deliverable"):
        world.refund(terms)
    world.warp(terms.deliver_by + 1)
    world.refund(terms)
    assert world.job(terms).status == REFUNDED
