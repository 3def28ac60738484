# SPDX-License-Identifier: Apache-2.0
"""Claims: what may be claimed, by whom, when it is paid, and how it may be made again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boa
import pytest
from boa.contracts.vyper.vyper_contract import VyperContract
from eth_utils.crypto import keccak

from tests.contracts.actors import wallet
from tests.contracts.parts import DEAD_PLUGIN, OPEN, PAID, PENDING, REFUNDED, deploy
from tests.contracts.terms import NATIVE, Terms
from tests.opml.game.arena import BOND, CLOCK, WINDOW, Arena
from tests.opml.game.duel import claimed_by, duel, truth_of
from tests.opml.game.models import ADDED, GIVEN
from tests.opml.game.zoo import LIARS, Answering, Lying, changed
from verifiers.opml.merkle import Tensor
from verifiers.opml.moves import answer
from verifiers.opml.program import MAX_NODES


def right(arena: Arena) -> bytes:
    return truth_of(arena).outputs[-1].data


def headed(arena: Arena, **changes: Any) -> tuple[Terms, tuple[Any, ...]]:
    """A job for another header than the model's, and the header."""
    header = replace(arena.program.header, **changes)
    return arena.post(GIVEN, artifact_id=header.artifact_id()), header.abi()


def send(arena: Arena, terms: Terms, header: tuple[Any, ...], given: bytes = b"") -> None:
    with boa.env.prank(arena.subnet.members[0].address):
        arena.verifier.claim(terms.abi, header, right(arena), given)


def wait(arena: Arena, seconds: int) -> None:
    arena.world.warp(arena.world.now + seconds)


def test_a_claim_locks_twice_the_bond_of_a_game_and_waits(arena: Arena) -> None:
    claim = arena.claim(arena.post(GIVEN), right(arena))
    job = arena.world.job(claim.terms)
    assert (job.status, job.operator) == (PENDING, claim.claimant.address)
    assert arena.world.subnets.operators(claim.claimant.address).reserved == job.bond == 2 * BOND
    word, final_at, games = arena.verifier.claim_of(claim.job_id)
    assert (final_at, games) == (arena.world.now + WINDOW, 0)
    assert word >> 72 == int.from_bytes(Tensor(claim.output).commitment, "big") >> 88
    assert (word >> 51 & 31, word >> 36 & (2**15 - 1)) == (7, CLOCK)


def test_a_claim_is_paid_after_its_window_and_not_before(arena: Arena) -> None:
    claim = arena.claim(arena.post(GIVEN), right(arena))
    wait(arena, WINDOW)
    with boa.reverts("window is open"):
        claim.finalise()
    wait(arena, 1)
    claim.finalise()
    assert arena.world.job(claim.terms).status == PAID
    assert arena.verifier.claim_of(claim.job_id) == (0, 0, 0)
    with boa.reverts("no claim"):
        claim.finalise()


def test_an_end_that_is_not_due_does_nothing(arena: Arena) -> None:
    """Nor one that was: so it can't spoil what it travels with."""
    claim = claimed_by(arena, Answering(truth_of(arena)))
    game = claim.open()
    end = arena.verifier.finalise_due
    end(claim.terms.abi)
    game.send_answer(answer(truth_of(arena), game.at))
    wait(arena, WINDOW + 1)
    end(claim.terms.abi)
    assert arena.world.job(claim.terms).status == PENDING
    wait(arena, CLOCK)
    game.challenger_timeout()
    end(claim.terms.abi)
    assert arena.world.job(claim.terms).status == PAID
    paid = arena.world.market.balance_of(NATIVE, claim.claimant.address)
    end(claim.terms.abi)
    end(arena.post(GIVEN).abi)
    assert arena.world.market.balance_of(NATIVE, claim.claimant.address) == paid


def test_an_end_without_output_is_none_where_a_callback_waits_for_it(
    arena: Arena, consumer: VyperContract
) -> None:
    claim = arena.claim(calling(arena, consumer), right(arena), given=GIVEN)
    wait(arena, WINDOW + 1)
    with boa.reverts("output"):
        arena.verifier.finalise_due(claim.terms.abi)
    claim.finalise(right(arena))
    assert consumer.heard(claim.job_id).is_final


def test_a_claim_is_not_paid_while_a_game_is_open(arena: Arena) -> None:
    claim = claimed_by(arena, Answering(truth_of(arena)))
    game = claim.open()
    wait(arena, WINDOW + 1)
    with boa.reverts("games are open"):
        claim.finalise()
    game.send_answer(answer(truth_of(arena), game.at))
    wait(arena, CLOCK + 1)
    game.challenger_timeout()
    claim.finalise()


def test_only_a_member_whose_turn_it_is_claims(arena: Arena) -> None:
    terms = arena.post(GIVEN)
    with boa.reverts("not your turn"):
        arena.claim(terms, right(arena), by=arena.subnet.members[1])
    with boa.reverts("not opted in"):
        arena.claim(terms, right(arena), by=wallet("requester"))
    arena.claim(terms, right(arena))
    with boa.reverts("not open"):
        arena.claim(terms, right(arena))


@pytest.mark.parametrize("size", [0, 1, 9, 11, 256])
def test_an_output_of_another_length_is_no_answer(arena: Arena, size: int) -> None:
    terms = arena.post(GIVEN)
    with boa.reverts("output length"):
        arena.claim(terms, bytes(size))


def test_a_claim_needs_the_header_that_the_terms_name(arena: Arena) -> None:
    terms = arena.post(GIVEN)
    with boa.reverts("not the artifact"):
        send(arena, terms, replace(arena.program.header, clock=1).abi())


def test_a_claim_needs_the_model_s_own_header(arena: Arena) -> None:
    """The requester named another program than the model's."""
    with boa.reverts("not the model's artifact"):
        send(arena, *headed(arena, clock=1))


@pytest.mark.parametrize("count", [0, MAX_NODES + 1, 2**200])
def test_a_program_has_one_to_a_million_nodes(arena: Arena, count: int) -> None:
    with boa.reverts("node count"):
        send(arena, *headed(arena, node_count=count))


def test_the_output_is_a_node_of_the_program(arena: Arena) -> None:
    """Else nothing would tie an output to a trace."""
    with boa.reverts("output node"):
        send(arena, *headed(arena, output_node=arena.program.header.node_count))


def test_a_header_of_another_version_is_refused(arena: Arena) -> None:
    header = (2, *arena.header[1:])
    packed = b"".join(p if isinstance(p, bytes) else p.to_bytes(32, "big") for p in header)
    with boa.reverts("version"):
        send(arena, arena.post(GIVEN, artifact_id=keccak(packed)), header)


@pytest.mark.parametrize(("wish", "got"), [(0, 60), (2**200, 86_400)])
def test_the_window_is_kept_within_the_chains_bounds(arena: Arena, wish: int, got: int) -> None:
    """As is the clock."""
    publish_again(arena, window=wish, clock=wish)
    claim = arena.claim(arena.post(GIVEN), right(arena))
    assert arena.verifier.claim_of(claim.job_id)[1] == arena.world.now + got
    assert claim.word >> 36 & (2**15 - 1) == min(got, 7_200)


def publish_again(arena: Arena, **changes: Any) -> None:
    """The same program with other wishes, as a model with a subnet of its own."""
    arena.program = replace(arena.program, **changes)
    artifact = arena.program.header.artifact_id()
    world, selector = arena.world, keccak(text="opml")[:4]
    arena.model_id = world.publish("wishes", artifacts=[(selector, artifact)])
    world.model_id = arena.model_id
    world.staff(3, selector=selector)
    arena.subnet = world.form_subnet(3, selector=selector)


def test_a_requester_may_ask_for_a_higher_bond(arena: Arena) -> None:
    """In millionths of a coin, in the bits of the conditions that the market ignores."""
    terms = arena.post(GIVEN)
    wished = (*terms.abi[:-1], terms.conditions | 3_000_000 << 224)
    assert arena.verifier.bond_to_claim(terms.abi) == 2 * BOND
    assert arena.verifier.bond_to_claim(wished) == 3 * 10**18


# ---- a claim that fell ---------------------------------------------------------------------------


def test_the_next_member_claims_after_a_fall(arena: Arena) -> None:
    fight = duel(arena, LIARS["wrong-last-node"](truth_of(arena)))
    fight.play()
    terms, lie = fight.game.claim.terms, fight.game.claim
    assert arena.world.job(terms).status == OPEN
    with boa.reverts("not your turn"):
        arena.claim(terms, right(arena), by=lie.claimant)
    claim = arena.claim(terms, right(arena), by=arena.subnet.members[1])
    assert claim.word != lie.word
    wait(arena, WINDOW + 1)
    claim.finalise()
    assert arena.world.job(terms).operator == claim.claimant.address


def test_a_lie_told_again_in_the_same_second_is_another_claim(arena: Arena) -> None:
    """Else its games and answers would be those of the claim that fell."""
    fight = duel(arena, LIARS["wrong-last-node"](truth_of(arena)))
    fight.play()
    lie = fight.game.claim
    again = arena.claim(lie.terms, lie.output, by=arena.subnet.members[1])
    assert again.word != lie.word


def test_no_claim_falls_in_its_own_block(arena: Arena) -> None:
    """Made anew there, it would have the same name."""
    fight = duel(arena, LIARS["wrong-last-node"](truth_of(arena)))
    boa.env.evm.patch.block_number -= 1
    with boa.reverts("made in this block"):
        fight.play()
    boa.env.evm.patch.block_number += 1
    fight.play()


def test_a_lie_found_after_deliver_by_is_refunded(arena: Arena) -> None:
    liar = Lying(changed(truth_of(arena), ADDED))
    fight = duel(arena, liar)
    while "answer_tensor" not in fight.moves:
        fight.step()
    arena.world.warp(fight.game.claim.terms.deliver_by + 1)
    before = arena.world.balance("requester")
    fight.play()
    assert arena.world.job(fight.game.claim.terms).status == REFUNDED
    assert arena.world.balance("requester") > before


# ---- callbacks -----------------------------------------------------------------------------------


@pytest.fixture
def consumer() -> VyperContract:
    return deploy("tests/contracts/mocks/Consumer.vy")


def calling(arena: Arena, consumer: VyperContract, **changes: Any) -> Terms:
    return arena.post(GIVEN, callback_target=consumer.address, callback_gas=200_000, **changes)


def test_a_job_with_a_callback_shows_its_input(arena: Arena, consumer: VyperContract) -> None:
    """Else a consumer could act on an answer to an input that no watcher has seen."""
    terms = calling(arena, consumer)
    with boa.reverts("input length"):
        arena.claim(terms, right(arena))
    with boa.reverts("input"):
        arena.claim(terms, right(arena), given=GIVEN[::-1])
    send(arena, terms, arena.header, GIVEN)
    claimed = arena.verifier.get_logs(include_child_logs=False)[-1]
    assert type(claimed).__name__ == "Claimed"
    assert claimed.input == GIVEN


def test_the_callback_gets_the_output_that_was_claimed(
    arena: Arena, consumer: VyperContract
) -> None:
    claim = arena.claim(calling(arena, consumer), right(arena), given=GIVEN)
    assert consumer.heard(claim.job_id).results == 0
    wait(arena, WINDOW + 1)
    with boa.reverts("output"):
        claim.finalise()
    with boa.reverts("not the output"):
        claim.finalise(claim.output[::-1])
    claim.finalise(claim.output)
    heard = consumer.heard(claim.job_id)
    assert (heard.results, heard.is_final) == (1, True)
    assert heard.output_hash == keccak(claim.output)


def test_an_eager_callback_hears_the_claim_and_its_fall(
    arena: Arena, consumer: VyperContract
) -> None:
    liar = Lying(changed(truth_of(arena), ADDED))
    claim = arena.claim(calling(arena, consumer, eager=1), liar.output, given=GIVEN)
    heard = consumer.heard(claim.job_id)
    assert (heard.results, heard.is_final) == (1, False)
    game = claim.open()
    wait(arena, CLOCK + 1)
    game.claimant_timeout()
    assert consumer.heard(claim.job_id).revocations == 1


def test_an_eager_claim_is_final_without_its_output(arena: Arena, consumer: VyperContract) -> None:
    claim = arena.claim(calling(arena, consumer, eager=1), right(arena), given=GIVEN)
    wait(arena, WINDOW + 1)
    claim.finalise()
    assert arena.world.job(claim.terms).status == PAID


def test_a_callback_can_not_re_enter(arena: Arena) -> None:
    """It tries to open a game, to post and to withdraw while its claim is made."""
    puppet = deploy("tests/contracts/mocks/Puppet.vy")
    open_call = arena.verifier.open.prepare_calldata(bytes(32), 1)
    withdraw = arena.verifier.withdraw.prepare_calldata(puppet.address)
    look = arena.verifier.claim_of.prepare_calldata(bytes(32))
    for data in (open_call, withdraw, look):
        puppet.add_call(arena.verifier.address, data)
    terms = calling(arena, puppet, eager=1)
    arena.claim(terms, right(arena), given=GIVEN)
    assert [puppet.worked(i) for i in range(3)] == [False] * 3


# ---- a market that gives up ----------------------------------------------------------------------


def test_a_claim_that_nobody_settles_is_given_up_and_every_bond_goes_back(arena: Arena) -> None:
    claim = claimed_by(arena, Answering(truth_of(arena)))
    waiting, answered = claim.open("first"), claim.open("second")
    with boa.reverts("claim is pending"):
        waiting.close()
    waiting.send_answer(answer(truth_of(arena), waiting.at))
    arena.world.warp(claim.terms.resolve_by + 7 * 86_400 + 1)
    arena.world.refund(claim.terms)
    assert arena.world.job(claim.terms).status == REFUNDED
    assert arena.world.subnets.operators(claim.claimant.address).reserved == 0
    for game in (waiting, answered):
        game.close()
        assert arena.credit(game.challenger) == BOND


def test_a_claim_that_was_given_up_is_not_paid(arena: Arena) -> None:
    claim = claimed_by(arena, Answering(truth_of(arena)))
    arena.world.warp(claim.terms.resolve_by + 7 * 86_400 + 1)
    arena.world.refund(claim.terms)
    with boa.reverts("not pending"):
        claim.finalise()
    arena.verifier.finalise_due(claim.terms.abi)
    assert arena.world.job(claim.terms).status == REFUNDED


def test_a_claim_that_was_given_up_can_not_be_refuted(arena: Arena) -> None:
    liar = Lying(changed(truth_of(arena), ADDED))
    claim = claimed_by(arena, liar)
    game = claim.open()
    arena.world.warp(claim.terms.resolve_by + 7 * 86_400 + 1)
    arena.world.refund(claim.terms)
    with boa.reverts("not pending"):
        game.claimant_timeout()
    game.close()
    assert arena.credit(game.challenger) == BOND


def test_the_market_names_the_reason(arena: Arena) -> None:
    claim = claimed_by(arena, Answering(truth_of(arena)))
    arena.world.warp(claim.terms.resolve_by + 7 * 86_400 + 1)
    arena.world.refund(claim.terms)
    closed = [log for log in arena.world.market.get_logs() if type(log).__name__ == "JobClosed"]
    assert closed[0].reason == DEAD_PLUGIN


# ---- commitments ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 255, 256, 257, 512, 700, 769, 4_096, 5_000, 16_383, 16_384])
def test_the_contract_commits_to_bytes_as_the_profile_says(arena: Arena, size: int) -> None:
    data = bytes(i * 7 % 251 for i in range(size))
    assert arena.verifier.commitment(data) == Tensor(data).commitment


def test_no_bytes_at_all_are_one_empty_leaf(arena: Arena) -> None:
    assert arena.verifier.commitment(b"") == Tensor(b"").commitment
