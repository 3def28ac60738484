# SPDX-License-Identifier: Apache-2.0
"""Several calls as one: nobody gets more by it than by sending each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import boa
import pytest
from eth.exceptions import VMError
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tests.contracts.actors import wallet
from tests.contracts.parts import OPEN, PAID, PENDING, deploy
from tests.contracts.terms import NATIVE, Terms
from tests.opml.game.arena import BOND, WINDOW, Arena, Claim
from tests.opml.game.duel import claimed_by, truth_of
from tests.opml.game.models import GIVEN
from tests.opml.game.zoo import Answering
from verifiers.opml.merkle import ZERO
from verifiers.opml.moves import TRACE, Position, answer

MOST, LONGEST = 16, 1_280


@pytest.fixture
def jobs(arena: Arena) -> list[Terms]:
    return [arena.post(GIVEN) for _ in range(3)]


@pytest.fixture
def claims(arena: Arena) -> list[Claim]:
    """Whose windows are over."""
    made = [claimed_by(arena, Answering(truth_of(arena))) for _ in range(3)]
    arena.world.warp(arena.world.now + WINDOW + 1)
    return made


def batch(arena: Arena, calls: Sequence[bytes], by: str = "keeper", value: int = 0) -> None:
    """Past boa's own checks: what a client of another make could send."""
    data = keccak(text="multicall(bytes[])")[:4] + encode(["bytes[]"], [list(calls)])
    sender = wallet(by).address
    boa.env.raw_call(arena.verifier.address, sender=sender, value=value, data=data)


def claiming(arena: Arena, terms: Terms) -> bytes:
    output = truth_of(arena).outputs[-1].data
    data: bytes = arena.verifier.claim.prepare_calldata(terms.abi, arena.header, output, b"")
    return data


def ending(claim: Claim, output: bytes = b"") -> bytes:
    data: bytes = claim.verifier.finalise.prepare_calldata(claim.terms.abi, output)
    return data


def statuses(arena: Arena, jobs: Sequence[Terms]) -> list[int]:
    return [arena.world.job(terms).status for terms in jobs]


def test_each_call_is_its_senders(arena: Arena, jobs: list[Terms]) -> None:
    """A member claims; who is none does not, nor does the contract in its own name."""
    calls = [claiming(arena, terms) for terms in jobs]
    with boa.reverts("not opted in"), boa.env.prank(wallet("stranger").address):
        arena.verifier.multicall(calls)
    member = arena.subnet.members[0].address
    with boa.env.prank(member):
        arena.verifier.multicall(calls)
    assert statuses(arena, jobs) == [PENDING] * 3
    assert [arena.world.job(terms).operator for terms in jobs] == [member] * 3


def test_a_trace_posted_with_others_is_the_claimants(arena: Arena) -> None:
    truth = truth_of(arena)
    claim = claimed_by(arena, Answering(truth))
    claim.open()
    move = answer(truth, Position(TRACE, 7, 0, 0, 0, ZERO))
    call = arena.verifier.post_trace.prepare_calldata(claim.job_id, claim.word, *move.args)
    with boa.reverts("not the claimant"), boa.env.prank(wallet("keeper").address):
        arena.verifier.multicall([call])
    with boa.env.prank(claim.claimant.address):
        arena.verifier.multicall([call])
    assert arena.verifier.trace_roots(claim.id) == truth.trace.root


def test_all_or_none(arena: Arena, jobs: list[Terms]) -> None:
    bad = claiming(arena, replace(jobs[2], salt=b"\7" * 32))
    with boa.env.prank(arena.subnet.members[0].address):
        with boa.reverts():
            arena.verifier.multicall([*(claiming(arena, terms) for terms in jobs), bad])
        assert statuses(arena, jobs) == [OPEN] * 3
        arena.verifier.multicall([])


@pytest.mark.parametrize("count", [2, MOST])
def test_the_same_job_twice_is_refused(
    arena: Arena, jobs: list[Terms], claims: list[Claim], count: int
) -> None:
    """No second bond, no second pay."""
    with boa.reverts("no claim"):
        arena.verifier.multicall([ending(claims[0])] * count)
    with boa.reverts(), boa.env.prank(arena.subnet.members[0].address):
        arena.verifier.multicall([claiming(arena, jobs[0])] * count)
    assert arena.world.job(claims[0].terms).status == PENDING
    assert arena.world.job(jobs[0]).status == OPEN


def test_no_coins_come_along(arena: Arena) -> None:
    """One payment can't be the bond of two games."""
    claims = [claimed_by(arena, Answering(truth_of(arena))) for _ in range(2)]
    opens = [arena.verifier.open.prepare_calldata(c.job_id, c.word) for c in claims]
    arena.world.fund("keeper")
    with pytest.raises(VMError):
        batch(arena, opens, value=BOND)
    with boa.reverts("bond too low"):
        arena.verifier.multicall(opens)


def test_a_call_that_is_none_is_not_taken_for_a_payment(arena: Arena) -> None:
    for nothing in (b"", b"\1\2\3\4"):
        with boa.reverts("only the registry pays"):
            arena.verifier.multicall([nothing])


def test_no_more_than_16_calls_of_1280_bytes(arena: Arena, claims: list[Claim]) -> None:
    view = arena.verifier.bond_to_open.prepare_calldata()
    batch(arena, [view] * MOST)
    with pytest.raises(VMError):
        batch(arena, [view] * (MOST + 1))
    end = ending(claims[0])
    with pytest.raises(VMError):
        batch(arena, [end + bytes(LONGEST + 1 - len(end))])
    assert arena.world.job(claims[0].terms).status == PENDING
    batch(arena, [end + bytes(LONGEST - len(end))])
    assert arena.world.job(claims[0].terms).status == PAID


def test_a_batch_may_hold_another(arena: Arena, claims: list[Claim]) -> None:
    inner = arena.verifier.multicall.prepare_calldata([ending(claim) for claim in claims[:2]])
    arena.verifier.multicall([inner])
    assert statuses(arena, [claim.terms for claim in claims]) == [PAID, PAID, PENDING]


def test_a_callback_of_one_call_can_not_reach_into_the_batch(
    arena: Arena, claims: list[Claim]
) -> None:
    """It hears of its result between two others, and tries them, singly and as a batch."""
    puppet, verifier = deploy("tests/contracts/mocks/Puppet.vy"), arena.verifier
    output = truth_of(arena).outputs[-1].data
    terms = arena.post(GIVEN, callback_target=puppet.address, callback_gas=900_000)
    calling = arena.claim(terms, output, given=GIVEN)
    arena.world.warp(arena.world.now + WINDOW + 1)
    first, last = ending(claims[0]), ending(claims[2])
    withdraw = verifier.withdraw.prepare_calldata(puppet.address)
    tries = [last, verifier.multicall.prepare_calldata([last]), withdraw]
    tries += [verifier.multicall.prepare_calldata([withdraw]), ending(calling, output)]
    for data in tries:
        puppet.add_call(verifier.address, data)
    verifier.multicall([first, ending(calling, output), last])
    assert [puppet.worked(i) for i in range(len(tries))] == [False] * len(tries)
    assert statuses(arena, [claims[0].terms, terms, claims[2].terms]) == [PAID] * 3


def test_who_ends_one_claim_of_a_batch_before_it_costs_its_sender_gas_and_nothing_else(
    arena: Arena, claims: list[Claim]
) -> None:
    """The one that ran ahead paid for a part of the work; the rest goes through without it."""
    claimant = claims[0].claimant
    before = arena.world.market.balance_of(NATIVE, claimant.address)
    claims[2].finalise()
    with boa.reverts("no claim"):
        arena.verifier.multicall([ending(claim) for claim in claims])
    arena.verifier.multicall([ending(claim) for claim in claims[:2]])
    assert statuses(arena, [claim.terms for claim in claims]) == [PAID] * 3
    assert arena.world.market.balance_of(NATIVE, claimant.address) > before
