# SPDX-License-Identifier: Apache-2.0
"""SubnetRegistry against those who want a draw, a seat or a tip that isn't theirs.

That splitting a stake gains no first picks, tests/routing/test_odds.py shows.
"""

from __future__ import annotations

import boa
import pytest
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from offchain_workers.routing.books import Seat
from offchain_workers.routing.books import Spec as RoutingSpec
from offchain_workers.routing.replay import draw
from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER, Spec, block_hash
from tests.contracts.unit.subnets.books import SEATS, TIER, book_id, fill, seat, seat_of
from tests.contracts.world import World

EPOCH = 100


@pytest.fixture
def eight(empty_world: World) -> World:
    """Eight equal operators with offers in force."""
    empty_world.staff(8)
    empty_world.next_epoch()
    return empty_world


def mine_to_last_block(world: World) -> None:
    world.roll(EPOCH - 1 - world.block % EPOCH)


# ---- the requester ----


def test_the_same_spec_is_drawn_once_however_often_it_is_asked(eight: World) -> None:
    """Sender and time are no part of a spec: there is no salt to grind."""
    spec = eight.spec(1)
    first = eight.request(spec)
    for role in ("requester", "challenger", "publisher"):
        eight.roll(3)
        with boa.reverts("request is pending"):
            eight.request(spec, by=role)
    assert eight.form(spec).id == first


def test_neighbouring_specs_are_new_draws_for_a_tip_each_and_move_nobody_elses(
    eight: World,
) -> None:
    """What grinding gains: a requester picks the subnet for its own jobs anyway, and by asking for
    bands 60, 61, ... that all admit the same eight it gets one independent draw a tip, of which it
    keeps the one that begins with its friend. Who forms gets the tip back, so the price is gas.
    It moves no other requester's subnet: those asked for another spec, drawn with its own seed.
    So a result is worth what its own spec's draw is worth, never "some subnet was formed".
    """
    honest = eight.spec(1, band=96)
    eight.request(honest)
    before = eight.form(honest)
    friend = eight.operators[3]
    lucky = []
    for band in range(60, 90):
        spec = eight.spec(1, band=band)
        eight.request(spec, by="challenger")
        lucky.append(eight.form(spec, by="challenger").members == [friend])
    # 30 draws with a chance of one in eight each.
    assert 1 <= sum(lucky) <= 10
    assert eight.subnets.credit(wallet("challenger").address) == 30 * eight.config.formation_tip
    assert eight.subnet(eight.subnets.latest_subnet(honest)[0]) == before


def test_who_dislikes_a_seed_must_outwait_every_keeper(eight: World) -> None:
    """The least time others have to form is LEAD - 1 blocks (10 - 1 here): a deployment whose lead
    is short lets a requester ask late, look at the seed, and hope that nobody forms.
    """
    eight.roll(EPOCH - eight.config.lead_blocks - 1)
    spec = eight.spec(1)
    eight.request(spec, by="challenger")
    eight.roll(2)
    assert EPOCH - eight.block % EPOCH == eight.config.lead_blocks - 1
    assert eight.form(spec, by="keeper").members


def test_a_blocked_spec_is_free_again_within_the_next_epoch_at_the_blockers_cost(
    empty_world: World,
) -> None:
    """Ask before the operators are there: the draw can't be made, nor renewed in this epoch."""
    empty_world.next_epoch()
    spec = empty_world.spec(3)
    empty_world.request(spec, by="challenger")
    empty_world.staff(3)
    with boa.reverts("request is pending"):
        empty_world.request(spec)
    empty_world.next_epoch()
    with boa.env.anchor():
        neighbour = spec._replace(band=95)
        empty_world.request(neighbour)
        assert empty_world.form(neighbour).members
    assert empty_world.subnets.request_cost(spec) == 0
    empty_world.request(spec)
    assert empty_world.form(spec).members
    assert empty_world.subnets.credit(wallet("keeper").address) == empty_world.config.formation_tip


# ---- the operator who knows the seed ----


def seats_with(world: World, number: int, weight: int) -> list[Seat]:
    """The book, one seat's weight replaced."""
    found = [seat(world, i) for i in range(len(world.operators))]
    found[number] = Seat(**(found[number].__dict__ | {"weight": weight}))
    return found


def loser(world: World, spec: Spec) -> tuple[LocalAccount, int]:
    """An operator that is not drawn now, though it would be with 100,000 ether."""
    seed = keccak(block_hash(world.block - 1) + world.subnets.spec_id_of(spec))
    mine = RoutingSpec(**spec._asdict())
    for number, operator in enumerate(world.operators):
        index = world.subnets.operators(operator.address).index
        now = draw(mine, seed, seats_with(world, number, 10 * 10**9), 1)
        then = draw(mine, seed, seats_with(world, number, 10**5 * 10**9), 1)
        if now[0].operator != index == then[0].operator:
            return operator, number
    raise AssertionError("pick another block")


def test_stake_that_comes_once_the_seed_is_known_wins_nothing(eight: World) -> None:
    spec = eight.spec(1)
    eight.request(spec)
    eight.roll(2)
    operator, number = loser(eight, spec)
    boa.env.set_balance(operator.address, 10**6 * ETHER)
    eight.subnets.add_stake(operator.address, value=99_990 * ETHER, sender=operator.address)
    eight.subnets.sync(operator.address, book_id(eight))
    assert seat(eight, number).weight == 10**5 * 10**9
    assert eight.form(spec).members != [operator]


def test_who_leaves_once_the_seed_is_known_is_drawn_and_can_pledge_nothing(eight: World) -> None:
    """Its place is lost to the requester, not its coins: nobody owes a job without a pledge."""
    spec = eight.spec(8)
    eight.request(spec)
    eight.roll(2)
    leaver = eight.operators[0]
    eight.subnets.end_offer(book_id(eight), sender=leaver.address)
    eight.subnets.unbond(10 * ETHER, sender=leaver.address)
    formed = eight.form(spec)
    assert leaver in formed.members
    with boa.reverts("stake not free"):
        eight.subnets.reserve(leaver.address, 1, sender=eight.market.address)


def test_the_same_stake_is_not_in_one_draw_twice(eight: World) -> None:
    """Out with the old offer and in with a new operator takes the unbonding delay, or new coins."""
    leaver = eight.operators[0].address
    eight.subnets.end_offer(book_id(eight), sender=leaver)
    eight.subnets.unbond(10 * ETHER, sender=leaver)
    with boa.reverts("still unbonding"):
        eight.subnets.withdraw_stake(leaver, sender=leaver)


def test_a_fresh_name_costs_the_unbonding_delay(eight: World) -> None:
    """A known limit: reputation is a name's, so its loss weighs at most as long as coins take to
    move. The burnt stake is the punishment that can't be walked away from.
    """
    plugin = boa.env.generate_address("plugin")
    sinner = eight.operators[0].address
    eight.subnets.opt_in(eight.add_method("method", plugin), sender=sinner)
    eight.subnets.lock(bytes(32), sinner, ETHER, sender=plugin)
    eight.subnets.slash(bytes(32), 0, plugin, sender=plugin)
    eight.subnets.end_offer(book_id(eight), sender=sinner)
    eight.subnets.unbond(9 * ETHER, sender=sinner)
    eight.warp(eight.now + eight.config.unbond_seconds)
    eight.subnets.withdraw_stake(sinner, sender=sinner)
    fresh = eight.add_operator("fresh", 9 * ETHER).address
    assert eight.subnets.penalty_of(fresh) == 0
    assert eight.subnets.penalty_of(sinner) == 2_000 - 10_000 * 7 // 90


# ---- the operator who wants a competitor's seat ----


@pytest.fixture
def full(empty_world: World) -> World:
    """Seat i is held by operator i with 10 + i ether, all in force."""
    fill(empty_world)
    empty_world.next_epoch()
    return empty_world


def test_an_eviction_does_not_reach_the_running_epoch(full: World) -> None:
    spec = full.spec(8)
    full.request(spec)
    with boa.env.anchor():
        before = full.form(spec).members
    for i in range(8):
        full.offer(full.add_operator(f"evictor {i}", 500 * ETHER))
    assert full.form(spec).members == before


def test_evicting_and_leaving_costs_the_victim_an_epoch_at_most(full: World) -> None:
    """In an epoch's last block it can't answer in time; its seat waits for it after that. For each
    victim the attacker needs a larger stake than the victim's, and has it unbonding for days.
    """
    victim = full.operators[0]
    attacker = full.add_operator("attacker", 11 * ETHER)
    mine_to_last_block(full)
    full.offer(attacker)
    full.subnets.end_offer(book_id(full), sender=attacker.address)
    full.subnets.unbond(11 * ETHER, sender=attacker.address)
    full.roll()
    assert in_force(full) == set(full.operators[1:SEATS])
    full.offer(victim)
    full.next_epoch()
    assert in_force(full) == set(full.operators[:SEATS])


def test_one_stake_evicts_one_seat_of_a_row_at_a_time(full: World) -> None:
    """Leaving and coming back finds the seat that it left, not another victim."""
    attacker = full.add_operator("attacker", 500 * ETHER)
    for _ in range(4):
        full.offer(attacker)
        full.subnets.end_offer(book_id(full), sender=attacker.address)
    held = [seat_of(full, operator) for operator in full.operators[:SEATS]]
    assert held == [None, *range(1, SEATS)]


def in_force(world: World) -> set[LocalAccount]:
    """Operators with a seat in the running epoch, read as the contract reads it."""
    row = world.subnets.row_of(book_id(world), TIER)
    words = [
        word
        if (word := world.subnets.seats(row, i)) & (2**56 - 1) <= world.subnets.epoch()
        else world.subnets.seats_before(row, i)
        for i in range(SEATS)
    ]
    addresses = {world.subnets.operator_at(word >> 224) for word in words if word >> 224}
    return {operator for operator in world.operators if operator.address in addresses}


# ---- the keeper ----


def test_a_request_pays_one_tip_however_many_form(eight: World) -> None:
    spec = eight.spec(3)
    eight.request(spec)
    eight.form(spec, by="keeper")
    with boa.reverts("already formed"):
        eight.form(spec, by="challenger")
    assert eight.subnets.credit(wallet("challenger").address) == 0


def test_a_tip_carried_through_stale_requests_is_paid_once(eight: World) -> None:
    spec = eight.spec(3)
    for _ in range(4):
        eight.request(spec)
        eight.next_epoch()
    eight.request(spec)
    eight.form(spec)
    assert eight.subnets.credit(wallet("keeper").address) == eight.config.formation_tip
