# SPDX-License-Identifier: Apache-2.0
"""Games that begin at an element, by challengers that know what the claimant ran, or think so."""

from __future__ import annotations

import boa
import pytest

from tests.contracts.parts import OPEN
from tests.opml.game.arena import BOND, CLOCK, Arena, Claim
from tests.opml.game.duel import (
    CHALLENGER_LATE,
    CLAIMANT_LATE,
    PROVED,
    Duel,
    claimed_by,
    first_lie,
    honest,
    truth_of,
)
from tests.opml.game.models import ADDED, LARGE, LINEAR, SUMS
from tests.opml.game.test_challengers import pay, to_element, wait
from tests.opml.game.zoo import (
    LIARS,
    Answering,
    Claimant,
    Lying,
    Stalling,
    Supposing,
    Unmade,
    Withholding,
    block_evidence,
    changed,
    false_proof,
)
from verifiers.opml.merkle import ZERO
from verifiers.opml.moves import NAMED, WON, Move, Path, answer, seal
from verifiers.opml.named import path_to
from verifiers.opml.openings import Execution

NOWHERE = 2**20 - 1, 2**40 - 1
# Several blocks; one block; no reduction; padding; a byte inside an element; padding of the trace.
PLACES = (LINEAR, 3), (SUMS, 8), (ADDED, 0), (LINEAR, 100), (SUMS, 5), (100, 0), NOWHERE


@pytest.fixture
def truth(arena: Arena) -> Execution:
    return truth_of(arena)


@pytest.fixture
def claim(arena: Arena, truth: Execution) -> Claim:
    return claimed_by(arena, Answering(truth))


def fight(claim: Claim, claimant: Claimant, place: tuple[int, int], supposed: Execution) -> Duel:
    challenger = Supposing(honest(claim).challenge, supposed)
    return Duel(claim.open_at(*place), claimant, challenger)


# ---- liars ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LIARS)
def test_a_liar_whose_trace_is_known_loses(arena: Arena, name: str) -> None:
    truth = truth_of(arena)
    liar = LIARS[name](truth)
    told: Execution = liar.execution  # type: ignore[attr-defined]
    claim = claimed_by(arena, liar)
    assert fight(claim, liar, first_lie(truth, told), told).play() in (PROVED, CLAIMANT_LATE)
    assert arena.world.job(claim.terms).status == OPEN


@pytest.mark.parametrize("place", [(LINEAR, 3), (SUMS, 8), (ADDED, 5), (LARGE, 9_000)])
def test_a_known_lie_is_proved_in_three_calls(arena: Arena, place: tuple[int, int]) -> None:
    told = changed(truth_of(arena), *place)
    claim = claimed_by(arena, Lying(told))
    duel = fight(claim, Lying(told), place, told)
    assert duel.play() == PROVED
    assert duel.moves == ["state", "prove"]
    wait(arena, 3_601)
    duel.game.collect()
    assert arena.credit(duel.game.challenger) == 2 * BOND


@pytest.mark.parametrize(
    ("name", "place"), [("padding-byte", (LINEAR, 8)), ("padding-chunk", (LARGE, 69 * 256 + 255))]
)
def test_known_padding_that_is_not_zero_is_proved(
    arena: Arena, name: str, place: tuple[int, int]
) -> None:
    """With the seal goes an empty statement."""
    liar = LIARS[name](truth_of(arena))
    told: Execution = liar.execution  # type: ignore[attr-defined]
    duel = fight(claimed_by(arena, liar), liar, place, told)
    assert duel.play() == PROVED
    assert duel.moves == ["state", "prove"]


def test_a_known_lie_about_the_only_node_is_proved(small_arena: Arena) -> None:
    """The trace is a leaf: no branch leads from its root."""
    told = changed(truth_of(small_arena), 0, 3)
    duel = fight(claimed_by(small_arena, Lying(told)), Lying(told), (0, 3), told)
    assert duel.play() == PROVED


def test_who_supposed_the_wrong_trace_wins_like_everybody_else(arena: Arena) -> None:
    truth = truth_of(arena)
    liar = Lying(changed(truth, LINEAR, 3))
    claim = claimed_by(arena, liar)
    duel = fight(claim, liar, (ADDED, 5), changed(truth, ADDED, 5))
    assert duel.play() == PROVED
    assert duel.moves[:3] == ["state", "pick", "post_trace"]
    assert duel.moves[-2:] == ["answer_partials", "prove"]


def test_who_named_a_right_element_of_a_wrong_trace_wins_like_everybody_else(arena: Arena) -> None:
    """And of whose blocks the truth was stated."""
    truth = truth_of(arena)
    told = changed(truth, LINEAR, 3)
    liar = Unmade(told)
    for place in ((LINEAR, 4), (ADDED, 0), (100, 0)):
        duel = fight(claimed_by(arena, liar), liar, place, told)
        assert duel.play() == PROVED
        assert duel.moves[:3] == ["state", "pick", "post_trace"]


def test_who_supposed_too_much_of_one_node_wins_like_everybody_else(small_arena: Arena) -> None:
    truth = truth_of(small_arena)
    liar = Lying(changed(truth, 0, 3))
    duel = fight(claimed_by(small_arena, liar), liar, (0, 5), changed(truth, 0, 5))
    assert duel.play() == PROVED
    assert duel.moves[:3] == ["state", "pick", "post_trace"]


def test_a_claimant_that_seals_nothing_loses_by_the_clock(arena: Arena) -> None:
    told = changed(truth_of(arena), LINEAR, 3)
    liar = Withholding(told, NAMED)
    assert fight(claimed_by(arena, liar), liar, (LINEAR, 3), told).play() == CLAIMANT_LATE


def test_a_seal_of_another_trace_is_of_no_use_to_a_liar(arena: Arena) -> None:
    """It seals the right one and posts another: its challenger goes the long way."""
    truth = truth_of(arena)
    told = changed(truth, LINEAR, 3)
    claim = claimed_by(arena, Lying(told))
    duel = fight(claim, Lying(told), (LINEAR, 3), told)
    stated = Lying(told).answer(duel.game.at)
    assert stated is not None
    duel.game.send_answer(stated._replace(args=(seal(truth.trace.root), stated.args[1])))
    assert duel.play() == PROVED
    assert duel.moves[0] == "pick"


def test_a_seal_of_zero_is_lost_at_once(claim: Claim) -> None:
    """Nothing hashes to zero."""
    game = claim.open_at(LINEAR, 3)
    game.send_answer(Move("state", args=(seal(ZERO), [])))
    game.send(Move("prove", Path()))
    assert game.state.stage == WON


@pytest.mark.parametrize("left_out", [1, 2])
def test_too_few_values_beside_a_seal_are_proved(arena: Arena, left_out: int) -> None:
    truth = truth_of(arena)
    game = claimed_by(arena, Answering(truth)).open_at(LINEAR, 3)
    root, values = answer(truth, game.at).args
    game.send_answer(Move("state", args=(root, values[:-left_out])))  # type: ignore[index]
    game.send(proof(truth, LINEAR, 3, 0, values[:-left_out]))  # type: ignore[index]
    assert game.state.stage == WON


# ---- an honest claimant --------------------------------------------------------------------------


def proof(truth: Execution, j: int, place: int, block: int, values: object) -> Move:
    evidence = block_evidence(truth, j, place >> (truth.nodes[j].out_code & 3), block, values)  # type: ignore[arg-type]
    return Move("prove", path_to(truth, j, place), evidence)


@pytest.mark.parametrize("place", PLACES)
def test_whatever_is_named_the_claimant_answers_and_is_paid(
    claim: Claim, truth: Execution, place: tuple[int, int]
) -> None:
    game = claim.open_at(*place)
    assert (game.at.stage, game.at.node_index, game.at.place) == (NAMED, *place)
    game.send_answer(answer(truth, game.at))
    assert game.is_answered
    assert Duel(game, Answering(truth), Stalling()).play() == CHALLENGER_LATE
    assert claim.arena.credit(claim.claimant) == BOND // 2
    pay(claim)


@pytest.mark.parametrize("place", PLACES[:3])
def test_a_right_element_that_was_named_can_not_be_proved_wrong(
    claim: Claim, truth: Execution, place: tuple[int, int]
) -> None:
    game = claim.open_at(*place)
    stated = answer(truth, game.at)
    values = stated.args[1]
    right = proof(truth, *place, 0, values)
    with boa.reverts("not as stated"):
        game.send(right)
    game.send_answer(stated)
    for block in range(max(truth.nodes[place[0]].blocks, 1) if values else 1):
        with boa.reverts("no contradiction"):
            game.send(proof(truth, *place, block, values))
    with boa.reverts("not as stated"):
        game.send(proof(truth, *place, 0, [*values, 1]))  # type: ignore[misc]
    other = changed(truth, *place)
    with boa.reverts("not as stated"):
        game.send(right._replace(path=path_to(other, *place)))
    short = right.path._replace(trace_branch=right.path.trace_branch[1:])
    with boa.reverts("not at a leaf"):
        game.send(right._replace(path=short))
    inner = Path(0, truth.trace.node(1, 0), truth.trace.branch(0)[1:])
    with boa.reverts("not at a leaf"):
        game.send(right._replace(path=inner))


def test_padding_and_misaligned_bytes_that_were_named_prove_nothing(
    claim: Claim, truth: Execution
) -> None:
    reasons = {(LINEAR, 100): "no contradiction", (SUMS, 5): "not aligned"}
    for i, (place, reason) in enumerate(reasons.items()):
        game = claim.open_at(*place, role=f"challenger {i}")
        game.send_answer(answer(truth, game.at))
        with boa.reverts(reason):
            game.send(proof(truth, place[0], 0, 0, [])._replace(path=path_to(truth, *place)))


def test_values_of_one_element_are_held_against_no_other(claim: Claim, truth: Execution) -> None:
    """They are not what the other's blocks make, and would refute an honest claimant."""
    game = claim.open_at(LINEAR, 3)
    stated = answer(truth, game.at)
    game.send_answer(stated)
    for place in ((LINEAR, 4), (LINEAR, 0)):
        with boa.reverts("another element"):
            game.send(proof(truth, *place, 0, stated.args[1]))
    empty = claim.open_at(LINEAR, 100, role="other")
    empty.send_answer(answer(truth, empty.at))
    with boa.reverts("another element"):
        empty.send(proof(truth, LINEAR, 3, 0, []))


def test_a_statement_beside_a_seal_is_none_about_the_posted_trace(
    claim: Claim, truth: Execution
) -> None:
    """Else a liar would answer its friend under another seal, and nobody could use what it said."""
    named, game = claim.open_at(LINEAR, 3, role="friend"), claim.open()
    named.send_answer(answer(truth, named.at))
    to_element(game, LINEAR, 3)
    assert not game.is_answered
    stated = answer(truth, game.at)
    with boa.reverts("not asked"):
        game.send_answer(answer(truth, named.at))
    game.send_answer(stated)
    with boa.reverts("no contradiction"):
        game.send(Move("prove", evidence=proof(truth, LINEAR, 3, 0, stated.args[0]).evidence))


def test_a_game_that_goes_back_is_as_any_other(claim: Claim, truth: Execution) -> None:
    game, other = claim.open_at(LINEAR, 3), claim.open("other")
    game.send_answer(answer(truth, game.at))
    game.send(Move("pick"))
    assert (game.at, game.key) == (other.at, other.key)
    with boa.reverts("no trace yet"):
        game.send(false_proof(truth, ADDED, 0))
    game.send_answer(answer(truth, game.at))
    assert other.is_answered
    with boa.reverts("no contradiction"):
        game.send(false_proof(truth, ADDED, 0))
    wait(claim.arena, CLOCK + 1)
    for one in (game, other):
        one.challenger_timeout()
    pay(claim)
