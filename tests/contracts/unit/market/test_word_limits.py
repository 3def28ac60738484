# SPDX-License-Identifier: Apache-2.0
"""Fields of a job's word at their limits: none spills into another, and each stake goes home."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest

from tests.contracts import ledger
from tests.contracts.conftest import isolated
from tests.contracts.parts import ETHER, OPEN, PAID, PENDING, REFUNDED, Job, by, deploy
from tests.contracts.terms import NATIVE, Terms
from tests.contracts.unit.market.conftest import REWARDEE, Plugs, selector_of
from tests.contracts.world import World

PLEDGE = (2**40 - 1) * 10**9
BOND = (2**38 - 1) * 10**12
STAKE = PLEDGE + BOND + ETHER


def _full() -> Plugs:
    """Eight members with stake for the largest pledge and bond, the highest fee."""
    world = World.create()
    plugin = world.fund("plugin").address
    world.add_method("plug", plugin, fee_bps=1_000)
    world.add_method("hedge", plugin, fee_bps=1_000, hedge=True)
    selector = selector_of("plug")
    for member in world.staff(8, selector=selector):
        boa.env.set_balance(member.address, STAKE)
        with boa.env.prank(member.address):
            world.subnets.add_stake(member.address, value=STAKE - 10 * ETHER)
    subnet = world.form_subnet(8, selector=selector)
    terms = world.terms(subnet, selector=selector, primary=7)
    return Plugs(world, world.market, terms, terms, terms, subnet)


@pytest.fixture(scope="module")
def built() -> Plugs:
    return _full()


@pytest.fixture
def full(built: Plugs, request: pytest.FixtureRequest) -> Iterator[Plugs]:
    with isolated(request):
        world = built.world.copy()
        terms = world.terms(built.subnet, selector=selector_of("plug"), primary=7)
        yield Plugs(world, built.toy, terms, terms, terms, built.subnet)
        ledger.check(world)


def reserved(plugs: Plugs, at: int) -> int:
    return int(plugs.world.subnets.operators(plugs.subnet.members[at].address).reserved)


def staked(plugs: Plugs, at: int) -> int:
    return int(plugs.world.subnets.stake_of(plugs.subnet.members[at].address))


def accepted(plugs: Plugs, terms: Terms) -> None:
    signer = plugs.subnet.members[terms.primary]
    plugs.world.post_accepted(terms, plugs.world.accept(terms, signer, PLEDGE))


def test_the_largest_pledge_bond_fee_and_index_stand_side_by_side(full: Plugs) -> None:
    world, terms = full.world, full.plug_terms
    first, last = full.subnet.members[0].address, full.subnet.members[7].address
    accepted(full, terms)
    assert world.job(terms) == Job(OPEN, NATIVE, world.now, PLEDGE, 7, 0)
    # The member after the last is the first.
    world.warp(world.now + 60)
    full.pending(terms, first, bond=BOND)
    assert world.job(terms) == Job(PENDING, first, 0, PLEDGE, 1, BOND)
    assert (reserved(full, 0), reserved(full, 7)) == (BOND, PLEDGE)
    full.final(terms, ok=False)
    assert world.job(terms) == Job(OPEN, NATIVE, world.now, PLEDGE, 1, 0)
    assert (staked(full, 0), staked(full, 7)) == (STAKE - BOND, STAKE)
    assert world.subnets.credit(REWARDEE) == BOND // 2
    # Its pledge is free before its bond is set aside; who comes after it is "the ninth".
    world.warp(world.now + 6 * 60)
    full.pending(terms, last, bond=BOND)
    assert world.job(terms) == Job(PENDING, last, 0, 0, 8, BOND)
    assert reserved(full, 7) == BOND
    full.final(terms, ok=False)
    assert world.job(terms) == Job(OPEN, NATIVE, world.now, 0, 8, 0)
    with by("plugin"), boa.reverts("nothing owed"):
        world.market.excused(terms.abi)
    with boa.reverts("not your turn"):
        full.pending(terms, full.subnet.members[1].address)
    full.pending(terms, first, bond=10**12)
    assert world.job(terms) == Job(PENDING, first, 0, 0, 1, 10**12)
    full.final(terms, ok=True)
    assert world.job(terms) == Job(PAID, first, 0, 0, 0, 0)
    assert reserved(full, 0) == 0
    assert world.market.fees(NATIVE) == terms.max_price // 10


def test_a_dead_plugin_frees_the_largest_pledge_and_bond(full: Plugs) -> None:
    world, terms = full.world, full.plug_terms
    accepted(full, terms)
    world.warp(world.now + 60)
    full.pending(terms, full.subnet.members[0].address, bond=BOND)
    world.warp(terms.resolve_by + 7 * 86_400 + 1)
    world.refund(terms)
    claimant = full.subnet.members[0].address
    assert world.job(terms) == Job(REFUNDED, claimant, 0, 0, 0, 0)
    assert [reserved(full, i) for i in range(8)] == [0] * 8
    assert [staked(full, i) for i in range(8)] == [STAKE] * 8


def test_a_no_show_pays_who_came_out_of_its_own_stake(full: Plugs) -> None:
    """The claimant's bond is free, the primary's pledge is not; neither is the other's."""
    world, terms = full.world, full.plug_terms
    rescuer = full.subnet.members[3].address
    accepted(full, terms)
    world.warp(world.now + 4 * 60)
    full.pending(terms, rescuer, bond=BOND)
    full.final(terms, ok=True)
    assert (staked(full, 3), staked(full, 7)) == (STAKE, STAKE - PLEDGE)
    assert [reserved(full, i) for i in range(8)] == [0] * 8
    assert world.subnets.credit(rescuer) == PLEDGE // 2


@pytest.mark.parametrize("ok", [True, False])
def test_without_turns_anothers_claim_frees_the_primary_and_binds_the_claimant(
    plugs: Plugs, members: list[str], ok: bool
) -> None:
    world, terms = plugs.world, plugs.hedge_terms.with_(turn_length=0, primary=1)
    subnet = world.subnet(terms.subnet_id)
    primary, other = subnet.members[1].address, subnet.members[2].address
    world.post_accepted(terms, world.accept(terms, subnet.members[1]))
    plugs.pending(terms, other, bond=2 * ETHER)
    records = [world.subnets.operators(who) for who in (primary, other)]
    assert [record.reserved for record in records] == [0, 2 * ETHER]
    plugs.final(terms, ok=ok)
    records = [world.subnets.operators(who) for who in (primary, other)]
    assert [record.reserved for record in records] == [0, 0]
    assert [record.stake for record in records] == [10 * ETHER, (10 if ok else 8) * ETHER]
    assert world.job(terms).status == (PAID if ok else OPEN)


def test_a_claim_that_stands_is_neither_excused_nor_refunded_nor_delivered(full: Plugs) -> None:
    """A bond in the place of posted-at must not be read as a time, nor a time as a bond."""
    world, terms = full.world, full.plug_terms
    accepted(full, terms)
    world.warp(world.now + 60)
    full.pending(terms, full.subnet.members[0].address, bond=10**12)
    with by("plugin"), boa.reverts("nothing owed"):
        world.market.excused(terms.abi)
    world.warp(terms.deliver_by)
    for member in full.subnet.members:
        with boa.reverts("not open"):
            full.paid(terms, member.address)
    world.warp(terms.resolve_by + 7 * 86_400)
    with boa.reverts("claim is pending"):
        world.refund(terms)
    full.final(terms, ok=False)
    assert world.job(terms).status == REFUNDED
    assert reserved(full, 0) == reserved(full, 7) == 0


def test_a_callback_finds_the_claim_made_and_its_bond_set_aside(
    plugs: Plugs, members: list[str]
) -> None:
    """It can't pay, refute, end or look at the job from within; posting is all it may do."""
    puppet = deploy("tests/contracts/mocks/Puppet.vy")
    world = plugs.world
    terms = plugs.plug_terms.with_(
        callback_target=str(puppet.address), callback_gas=2_000_000, eager=1
    )
    job_id = world.post(terms)
    market, member = world.market, members[0]
    none = terms.with_(selector=world.spec().selector)
    tries = [
        market.refund.prepare_calldata(terms.abi),
        market.refuted.prepare_calldata(terms.abi, str(puppet.address)),
        market.deliver.prepare_calldata(none.abi, str(puppet.address), b"x", PAID, 0),
        market.job.prepare_calldata(job_id),
        market.withdraw.prepare_calldata(NATIVE, 0, str(puppet.address)),
    ]
    for data in tries:
        puppet.add_call(market.address, data)
    reserve = world.subnets.reserve.prepare_calldata(member, 1)
    puppet.add_call(world.subnets.address, reserve)
    look = world.subnets.operators.prepare_calldata(member)
    puppet.add_call(world.subnets.address, look)
    plugs.pending(terms, member, bond=ETHER)
    assert [puppet.worked(i) for i in range(7)] == [False] * 6 + [True]
    assert world.job(terms) == Job(PENDING, member, 0, 0, 1, ETHER)
    assert world.subnets.operators(member).reserved == ETHER
