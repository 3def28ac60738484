# SPDX-License-Identifier: Apache-2.0
"""Whatever challengers do, an honest claimant that answers is paid."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import cast

import boa
import pytest

from tests.contracts.parts import PAID
from tests.opml.game.arena import BOND, CLOCK, WINDOW, Arena, Claim, Evidence, Game
from tests.opml.game.duel import CHALLENGER_LATE, Duel, claimed_by, duel, honest, truth_of
from tests.opml.game.models import ADDED, GREATEST, LARGE, LINEAR
from tests.opml.game.zoo import (
    Answering,
    Lying,
    Stalling,
    Wandering,
    block_evidence,
    changed,
    false_proof,
    forged_statement,
)
from verifiers.opml.moves import ELEMENT, Move, Path, answer
from verifiers.opml.openings import EMPTY, Execution


@pytest.fixture
def claim(arena: Arena) -> Claim:
    return claimed_by(arena, Answering(truth_of(arena)))


def wait(arena: Arena, seconds: int) -> None:
    arena.world.warp(arena.world.now + seconds)


def pay(claim: Claim) -> None:
    """After the window the claim is final."""
    arena = claim.arena
    arena.world.warp(max(arena.world.now, claim.verifier.claim_of(claim.job_id)[1]) + 1)
    claim.finalise()
    assert arena.world.job(claim.terms).status == PAID


def walk(game: Game, seed: int) -> Duel:
    """A game of an honest claimant against someone who asks at random, to its end."""
    truth = truth_of(game.claim.arena)
    fight = Duel(game, Answering(truth), Wandering(truth, random.Random(seed)))
    assert fight.play() == CHALLENGER_LATE
    return fight


def to_element(game: Game, j: int, at: int, traced: Execution | None = None) -> None:
    """To a byte of node ``j`` in one move; ``traced`` is what the claimant committed to."""
    truth = traced or truth_of(game.claim.arena)
    if not game.is_answered:
        game.send_answer(answer(truth, game.at))
    output = truth.outputs[j]
    game.send(
        Move(
            "pick",
            Path(
                trace_index=j,
                trace_node=output.commitment,
                trace_branch=truth.trace.branch(j),
                byte_len=len(output.data),
                root=output.tree.root,
                tensor_index=at // 256,
                tensor_node=output.tree.node(0, at // 256),
                tensor_branch=output.tree.branch(at // 256),
                chunk=output.leaf(at // 256),
                byte_index=at % 256,
            ),
        )
    )
    assert game.at.stage == ELEMENT


@pytest.mark.parametrize("seed", range(12))
def test_whoever_asks_at_random_is_answered_and_loses(claim: Claim, seed: int) -> None:
    game = claim.open()
    assert len(walk(game, seed).moves) <= 12
    assert claim.arena.credit(claim.claimant) == BOND // 2
    assert claim.verifier.to_burn() == BOND // 2
    pay(claim)


def test_who_opens_and_waits_loses(claim: Claim) -> None:
    assert Duel(claim.open(), Answering(truth_of(claim.arena)), Stalling()).play()
    pay(claim)


def test_stalling_to_the_last_second_costs_both_clocks_at_the_most(claim: Claim) -> None:
    """Every move in its last second: the clock is for the whole game, not for a move."""
    arena, truth = claim.arena, truth_of(claim.arena)
    arena.world.warp(claim.verifier.claim_of(claim.job_id)[1])
    game, opened = claim.open(), arena.world.now
    fight = Duel(game, Answering(truth), Wandering(truth, random.Random(1)))
    while not fight.step():
        left = game.state
        wait(arena, min(left.claimant_left, left.challenger_left) // 3)
    assert arena.world.now <= opened + 2 * CLOCK + 12
    pay(claim)


def test_fifty_sybils_delay_no_more_than_one_and_share_their_answers(arena: Arena) -> None:
    claim = claimed_by(arena, Answering(truth_of(arena)))
    opened = arena.world.now
    games = [claim.open(f"sybil {i}") for i in range(50)]
    truth, fights = truth_of(arena), []
    for i, game in enumerate(games):
        fights.append(Duel(game, Answering(truth), Wandering(truth, random.Random(i))))
    # All games are played at the same time, until their challengers have no more to ask.
    for fight in fights:
        while len(fight.moves) < 12 and not _is_stuck(fight):
            fight.step()
    answers = sum(name.startswith(("answer", "post")) for fight in fights for name in fight.moves)
    assert answers == len(arena.answers)
    wait(arena, CLOCK + 1)
    for game in games:
        game.challenger_timeout()
    assert arena.world.now <= opened + WINDOW + 2 * CLOCK
    assert arena.credit(claim.claimant) == 50 * (BOND // 2)
    pay(claim)


def _is_stuck(fight: Duel) -> bool:
    """The challenger is on turn and asks nothing more."""
    game = fight.game
    if not game.is_answered:
        return False
    state = replace_random(fight.challenger)
    return state.move(game.at, game.published()) is None


def replace_random(challenger: object) -> Wandering:
    """A copy that draws the same, so that asking it changes nothing."""
    assert isinstance(challenger, Wandering)
    chance = random.Random()
    chance.setstate(challenger.chance.getstate())
    return replace(challenger, chance=chance)


@pytest.mark.parametrize("j", [ADDED, 2, 7, 8, 9])
def test_a_right_element_can_not_be_proved_wrong(claim: Claim, j: int) -> None:
    game, truth = claim.open(), truth_of(claim.arena)
    game.send_answer(answer(truth, game.at))
    with boa.reverts("no contradiction"):
        game.send(false_proof(truth, j, 0))


def forged_proofs(truth: object) -> list[dict[str, object]]:
    """Evidence for node 1 that opens something else than the trace."""
    assert isinstance(truth, type(truth))
    other = changed(truth, LINEAR)  # type: ignore[arg-type]
    own = false_proof(truth, ADDED, 0).evidence  # type: ignore[arg-type]
    wrong = false_proof(other, ADDED, 0).evidence
    leaves = own.a._replace(leaves=bytes(256))
    return [
        {"a": wrong.a},
        {"b": wrong.b},
        {"a": EMPTY},
        {"a": own.a._replace(leaves=b"")},
        {"a": leaves},
        {"a": own.a._replace(byte_len=0)},
        {"a": own.a._replace(trace_branch=own.a.trace_branch[1:])},
        {"a": own.a._replace(branches=[bytes(32)])},
        {"descriptor": false_proof(truth, 2, 0).evidence.descriptor},  # type: ignore[arg-type]
        {"branch": own.branch[1:]},
    ]


@pytest.mark.parametrize("i", range(10))
def test_a_forged_opening_is_refused(claim: Claim, i: int) -> None:
    game, truth = claim.open(), truth_of(claim.arena)
    game.send_answer(answer(truth, game.at))
    with boa.reverts():
        game.send(false_proof(truth, ADDED, 0, **forged_proofs(truth)[i]))


def test_padding_and_misaligned_bytes_of_a_right_trace_prove_nothing(claim: Claim) -> None:
    truth = truth_of(claim.arena)
    padding, misaligned = claim.open("first"), claim.open("second")
    to_element(padding, LINEAR, 100)
    to_element(misaligned, 4, 5)
    for game in (padding, misaligned):
        assert not game.is_answered
        game.send_answer(answer(truth, game.at))
    with boa.reverts("no contradiction"):
        padding.send(Move("prove", evidence=Evidence(*_described(claim, LINEAR))))
    with boa.reverts("not aligned"):
        misaligned.send(Move("prove", evidence=Evidence(*_described(claim, 4))))


def _described(claim: Claim, j: int) -> tuple[object, ...]:
    opened = false_proof(truth_of(claim.arena), j, 0).evidence
    return opened.descriptor, opened.branch


def test_nobody_states_partial_sums_in_the_claimants_name(claim: Claim) -> None:
    """Else a challenger would state false ones that make the element, and prove those wrong."""
    game, truth = claim.open(), truth_of(claim.arena)
    to_element(game, GREATEST, 0)
    forged = forged_statement(truth, game.at)
    for role in (game.challenger, claim.arena.subnet.members[1]):
        with boa.reverts("not the claimant"):
            game.send_answer(forged, by=role)
    game.send_answer(answer(truth, game.at))


def test_right_partial_sums_can_not_be_proved_wrong(claim: Claim) -> None:
    game, truth = claim.open(), truth_of(claim.arena)
    to_element(game, LINEAR, 3)
    stated = answer(truth, game.at)
    with boa.reverts("not the partials"):
        game.send(Move("prove", evidence=_step(claim, 0, stated)))
    game.send_answer(stated)
    for block in range(3):
        with boa.reverts("no contradiction"):
            game.send(Move("prove", evidence=_step(claim, block, stated)))
    with boa.reverts("no contradiction"):
        game.send(Move("prove", evidence=_step(claim, 0, stated)._replace(block=3)))
    with boa.reverts("block"):
        game.send(Move("prove", evidence=_step(claim, 0, stated)._replace(block=4)))
    with boa.reverts("not the partials"):
        others = [value + 1 for value in _values(stated)]
        game.send(Move("prove", evidence=_step(claim, 0, stated)._replace(partials=others)))
    with boa.reverts("not the partials"):
        game.send(Move("prove", evidence=_step(claim, 0, stated)._replace(partials=[])))


def _step(claim: Claim, block: int, stated: Move) -> Evidence:
    return block_evidence(truth_of(claim.arena), LINEAR, 3, block, _values(stated))


def _values(stated: Move) -> list[int]:
    (values,) = cast(tuple[list[int]], stated.args)
    return values


def test_a_front_runner_needs_a_game_of_its_own_and_shares(arena: Arena) -> None:
    """Who copies a proof on its way is a winner beside its author, if it had a bond at stake."""
    liar = Lying(changed(truth_of(arena), ADDED))
    claim = claimed_by(arena, liar)
    author, thief = claim.open(), claim.open("thief")
    fight = Duel(author, liar, honest(claim))
    while "answer_tensor" not in fight.moves:
        fight.step()
    proof = fight.challenger.move(author.at, author.published())
    assert proof is not None
    outsider = Game(claim, arena.world.fund("outsider"))
    with boa.reverts("no such game"):
        outsider.send(proof)
    game, walked = thief, walked_path(author, liar, claim)
    game.send(walked._replace(evidence=proof.evidence))
    author.send(proof)
    wait(arena, 3_601)
    for one in (author, thief):
        one.collect()
        # Its bond, and half of half of the claimant's.
        assert arena.credit(one.challenger) == BOND + BOND // 2


def walked_path(game: Game, liar: Lying, claim: Claim) -> Move:
    """The author's way from the begin as one path, as anyone can read it off the chain."""
    j, output = game.at.node_index, liar.execution.outputs[game.at.node_index]
    return Move(
        "prove",
        Path(
            trace_index=j,
            trace_node=output.commitment,
            trace_branch=liar.execution.trace.branch(j),
            byte_len=len(output.data),
            root=output.tree.root,
            chunk=output.leaf(0),
        ),
    )


def test_a_liar_that_refutes_itself_loses_half_its_bond(arena: Arena) -> None:
    """With as many games as it likes."""
    liar = Lying(changed(truth_of(arena), ADDED))
    fight = duel(arena, liar)
    claim, before = (
        fight.game.claim,
        arena.world.subnets.stake_of(fight.game.claim.claimant.address),
    )
    others = [claim.open(f"self {i}") for i in range(5)]
    assert fight.play() == "proved"
    proof = walked_path_of(liar)
    for game in others:
        game.send(proof)
    wait(arena, 3_601)
    for game in (fight.game, *others):
        game.collect()
    won = sum(arena.credit(game.challenger) for game in (fight.game, *others)) - 6 * BOND
    lost = before - arena.world.subnets.stake_of(claim.claimant.address)
    assert lost == 2 * BOND
    assert BOND - 6 < won <= BOND


def walked_path_of(liar: Lying) -> Move:
    """A proof of the lie in node 1 from the game's begin."""
    return false_proof(liar.execution, ADDED, 0)


def test_claimant_and_challenger_in_collusion_keep_no_honest_one_from_winning(arena: Arena) -> None:
    """The liar lets its friend win by time, far from the lie, before the honest one gets there."""
    liar = Lying(changed(truth_of(arena), LARGE, 5))
    fight = duel(arena, liar)
    claim = fight.game.claim
    while "pick" not in fight.moves:
        fight.step()
    friend = claim.open("friend")
    to_element(friend, LINEAR, 0, liar.execution)
    wait(arena, CLOCK + 1)
    if not fight.game.is_answered:
        fight.game.send_answer(liar.answer(fight.game.at))
    friend.claimant_timeout()
    # The honest one is on turn and can't go on: nobody answers any more. Its bond is safe.
    with boa.reverts("no such claim"):
        fight._challenge()
    with boa.reverts("may still prove"):
        fight.game.close()
    fight.game.close(by="challenger")
    assert arena.credit(fight.game.challenger) == BOND


def test_a_challenger_that_keeps_asking_the_same_uses_its_own_clock(claim: Claim) -> None:
    game, truth = claim.open(), truth_of(claim.arena)
    game.send_answer(answer(truth, game.at))
    top = Wandering(truth, random.Random(0)).move(game.at, b"")
    assert top is not None
    game.send(top)
    game.send_answer(answer(truth, game.at))
    for _ in range(3):
        wait(claim.arena, CLOCK // 3)
        game.send(Move("pick"))
    assert game.state.challenger_left == 0
    assert game.state.claimant_left == CLOCK
    wait(claim.arena, 1)
    game.challenger_timeout()
