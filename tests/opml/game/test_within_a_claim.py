# SPDX-License-Identifier: Apache-2.0
"""What a consumer can do while its job's claim is made or ends: the verifier has not stored the
claim yet, or has none any more, while the market's word says otherwise."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from boa.contracts.vyper.vyper_contract import VyperContract

from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER, OPEN, PAID, PENDING, deploy
from tests.contracts.terms import NATIVE, Terms
from tests.opml.game.arena import BOND, CLOCK, WINDOW, Arena
from tests.opml.game.duel import duel, truth_of
from tests.opml.game.models import GIVEN, alone
from tests.opml.game.zoo import LIARS

PLENTY = 4_000_000


@pytest.fixture
def puppet() -> VyperContract:
    return deploy("tests/contracts/mocks/Puppet.vy")


def hostile(arena: Arena, puppet: VyperContract, **changes: Any) -> Terms:
    return arena.post(GIVEN, callback_target=puppet.address, callback_gas=PLENTY, **changes)


def output_of(arena: Arena) -> bytes:
    return truth_of(arena).outputs[-1].data


def names(arena: Arena, terms: Terms) -> bytes:
    return arena.job_id(terms)


def the_word_to_be(arena: Arena, terms: Terms) -> int:
    """The claim's name, which anyone can work out before it is made."""
    with boa.env.anchor():
        member = arena.subnet.members[0].address
        arena.verifier.claim(terms.abi, arena.header, output_of(arena), GIVEN, sender=member)
        return int(arena.verifier.claim_of(arena.job_id(terms))[0])


def calls_into(arena: Arena, terms: Terms, word: int) -> list[bytes]:
    verifier, job_id = arena.verifier, arena.job_id(terms)
    due = verifier.finalise_due.prepare_calldata(terms.abi)
    claim = verifier.claim.prepare_calldata(terms.abi, arena.header, output_of(arena), GIVEN)
    return [
        due,
        claim,
        verifier.multicall.prepare_calldata([due]),
        verifier.multicall.prepare_calldata(
            [verifier.open.prepare_calldata(job_id, word), verifier.burn.prepare_calldata()]
        ),
        verifier.claim_of.prepare_calldata(job_id),
        verifier.close.prepare_calldata(job_id, word, wallet("challenger").address),
        verifier.claimant_timeout.prepare_calldata(terms.abi, word, wallet("challenger").address),
        verifier.commitment.prepare_calldata(b"pure"),
    ]


def test_while_a_claim_is_made_nothing_of_the_verifier_can_be_called(
    arena: Arena, puppet: VyperContract
) -> None:
    terms = hostile(arena, puppet, eager=1)
    calls = calls_into(arena, terms, the_word_to_be(arena, terms))
    for data in calls:
        puppet.add_call(arena.verifier.address, data)
    claim = arena.claim(terms, output_of(arena), given=GIVEN)
    # The last reads no state.
    assert [puppet.worked(i) for i in range(8)] == [False] * 7 + [True]
    job = arena.world.job(terms)
    assert (job.status, job.operator, job.bond) == (PENDING, claim.claimant.address, 2 * BOND)
    assert arena.verifier.claim_of(claim.job_id)[2] == 0
    arena.world.warp(arena.world.now + WINDOW + 1)
    arena.verifier.finalise_due(terms.abi)
    assert arena.world.job(terms).status == PAID


def test_nor_while_it_ends(arena: Arena, puppet: VyperContract) -> None:
    """Paid once, and its bond given back once."""
    terms = hostile(arena, puppet)
    claim = arena.claim(terms, output_of(arena), given=GIVEN)
    arena.world.warp(arena.world.now + WINDOW + 1)
    for data in calls_into(arena, terms, claim.word):
        puppet.add_call(arena.verifier.address, data)
    before = arena.world.market.balance_of(NATIVE, claim.claimant.address)
    claim.finalise(claim.output)
    assert [puppet.worked(i) for i in range(8)] == [False] * 7 + [True]
    paid = arena.world.market.balance_of(NATIVE, claim.claimant.address) - before
    assert 0 < paid <= terms.max_price + arena.world.config.keeper_tip
    assert arena.world.subnets.operators(claim.claimant.address).reserved == 0
    arena.verifier.finalise_due(terms.abi)
    assert arena.world.market.balance_of(NATIVE, claim.claimant.address) == before + paid


def test_nor_while_it_falls(arena: Arena, puppet: VyperContract) -> None:
    """Slashed once; the job is open again, but not to a call from within."""
    terms = hostile(arena, puppet, eager=1)
    claim = arena.claim(terms, output_of(arena), given=GIVEN)
    game = claim.open()
    for data in calls_into(arena, terms, claim.word):
        puppet.add_call(arena.verifier.address, data)
    arena.world.warp(arena.world.now + CLOCK + 1)
    game.claimant_timeout()
    assert [puppet.worked(i) for i in range(8)] == [False] * 7 + [True]
    record = arena.world.subnets.operators(claim.claimant.address)
    assert (record.stake, record.reserved) == (10 * ETHER - 2 * BOND, 0)
    assert arena.world.job(terms).status == OPEN
    assert arena.world.subnets.credit(arena.verifier.address) == BOND


def test_stake_that_a_claim_binds_is_bound_before_its_consumer_is_called(
    arena: Arena, puppet: VyperContract
) -> None:
    """A consumer that is its own operator can't take the stake away from under the bond."""
    world, registry = arena.world, arena.world.subnets
    terms = hostile(arena, puppet, eager=1)
    member = arena.subnet.members[0].address
    free = registry.stake_of(member) - 2 * BOND
    registry.end_offer(registry.book_id_of(arena.model_id, terms.selector, NATIVE), sender=member)
    registry.unbond(free + 1, sender=member)
    with boa.reverts("stake not free"):
        arena.claim(terms, output_of(arena), given=GIVEN)
    assert world.job(terms).status == OPEN
    assert arena.verifier.claim_of(arena.job_id(terms)) == (0, 0, 0)


def test_the_only_member_may_claim_again_in_the_block_of_its_fall_and_falls_again() -> None:
    """In a subnet of one; each claim has its own name, bond and record."""
    with boa.env.anchor():
        arena = Arena.create(alone(), members=1)
        fight = duel(arena, LIARS["wrong-last-node"](truth_of(arena)))
        fight.play()
        lie, member = fight.game.claim, arena.subnet.members[0]
        stake = arena.world.subnets.stake_of(member.address)
        with boa.env.prank(member.address):
            arena.verifier.claim(lie.terms.abi, arena.header, lie.output, b"")
        word = arena.verifier.claim_of(lie.job_id)[0]
        assert word != lie.word
        assert arena.verifier.fallen(lie.id)[1:] == (1, arena.world.now)
        assert arena.world.job(lie.terms).bond == 2 * BOND
        assert arena.world.subnets.stake_of(member.address) == stake
        # The game of the claim that fell is over, and is none of the new claim's.
        challenger = fight.game.challenger.address
        with boa.reverts("no such claim"):
            arena.verifier.challenger_timeout(lie.job_id, lie.word, challenger)
        assert arena.verifier.game(lie.job_id, word, challenger).bond == 0
