# SPDX-License-Identifier: Apache-2.0
"""Games that begin at an element: who may say what and when, clocks and money."""

from __future__ import annotations

from dataclasses import replace

import boa
import pytest

from tests.contracts.parts import PAID
from tests.opml.game.arena import BOND, CLOCK, WINDOW, Arena, Claim, Game
from tests.opml.game.duel import ask_first, claimed_by, truth_of
from tests.opml.game.models import LINEAR
from tests.opml.game.test_challengers import pay, wait
from tests.opml.game.test_named import NOWHERE, fight
from tests.opml.game.zoo import Answering, Lying, changed, forged_statement
from verifiers.opml.moves import ELEMENT, Move, answer
from verifiers.opml.named import path_to
from verifiers.opml.openings import Execution


@pytest.fixture
def truth(arena: Arena) -> Execution:
    return truth_of(arena)


@pytest.fixture
def claim(arena: Arena, truth: Execution) -> Claim:
    return claimed_by(arena, Answering(truth))


# ---- what the contract refuses -------------------------------------------------------------------


def test_only_the_claimant_states_and_once(claim: Claim, truth: Execution) -> None:
    game = claim.open_at(LINEAR, 3)
    forged = forged_statement(truth, game.at)
    for role in (game.challenger, claim.arena.subnet.members[1]):
        with boa.reverts("not the claimant"):
            game.send_answer(forged, by=role)
    with boa.reverts("not asked"):
        game.send_answer(Move("answer_partials", args=(forged.args[1],)))
    game.send_answer(answer(truth, game.at))
    with boa.reverts("already answered"):
        game.send_answer(forged)


def test_a_claimant_states_only_when_an_element_was_named(claim: Claim, truth: Execution) -> None:
    named, game = claim.open_at(LINEAR, 3), claim.open("other")
    statement = answer(truth, named.at)
    with boa.reverts("not asked"):
        game.send_answer(statement)
    with boa.reverts("no such game"):
        replace(game, challenger=claim.claimant).send_answer(statement)
    named.challenger_timeout(by="challenger")
    with boa.reverts("no such game"):
        named.send_answer(statement)


def test_a_statement_serves_all_who_named_the_element(claim: Claim, truth: Execution) -> None:
    first, second = (claim.open_at(LINEAR, 3, role=role) for role in ("first", "second"))
    first.send_answer(answer(truth, first.at))
    assert second.is_answered
    assert claim.open_at(LINEAR, 3, role="third").is_answered
    assert not claim.open_at(LINEAR, 4, role="fourth").is_answered


def test_a_named_game_is_opened_like_any_other(claim: Claim) -> None:
    for j, place in ((2**20, 0), (0, 2**40), (2**255, 0), (0, 2**255)):
        with boa.reverts("element"):
            claim.open_at(j, place)
    with boa.reverts("bond too low"):
        claim.open_at(LINEAR, 3, bond=BOND - 10**9)
    claim.open_at(LINEAR, 3)
    for again in (claim.open, lambda: claim.open_at(LINEAR, 4)):
        with boa.reverts("already open"):
            again()
    world = claim.arena.world
    world.warp(world.now + WINDOW + 1)
    with boa.reverts("window is over"):
        claim.open_at(LINEAR, 3, role="other")
    assert claim.verifier.claim_of(claim.job_id)[2] == 1


# ---- time and money ------------------------------------------------------------------------------


def test_both_clocks_run_as_in_every_game(claim: Claim, truth: Execution) -> None:
    game = claim.open_at(LINEAR, 3)
    wait(claim.arena, 100)
    game.send_answer(answer(truth, game.at))
    wait(claim.arena, 50)
    game.send(Move("pick"))
    assert game.state[:3] == (claim.arena.world.now, CLOCK - 100, CLOCK - 50)


def test_who_goes_back_unanswered_charges_the_claimant_alone(
    claim: Claim, truth: Execution
) -> None:
    game = claim.open_at(LINEAR, 3)
    statement = answer(truth, game.at)
    wait(claim.arena, 100)
    game.send(Move("pick"))
    assert game.state[:3] == (claim.arena.world.now, CLOCK - 100, CLOCK)
    with boa.reverts("not asked"):
        game.send_answer(statement)
    wait(claim.arena, CLOCK - 100)
    with boa.reverts("claimant has time"):
        game.claimant_timeout()
    game.send_answer(answer(truth, game.at))
    ask_first(game, truth)
    assert game.state.claimant_left == 0


def test_nobody_comes_back_to_a_named_element(claim: Claim, truth: Execution) -> None:
    game = claim.open_at(LINEAR, 3)
    game.send(Move("pick", path_to(truth, LINEAR, 3)))
    assert game.at == claim.open("other").at
    game.send_answer(answer(truth, game.at))
    game.send(Move("pick", path_to(truth, LINEAR, 3)))
    assert game.at.stage == ELEMENT


def test_who_copies_a_proof_needs_a_game_at_the_same_element(arena: Arena) -> None:
    told = changed(truth_of(arena), LINEAR, 3)
    claim = claimed_by(arena, Lying(told))
    duel = fight(claim, Lying(told), (LINEAR, 3), told)
    thief, late, elsewhere = (
        claim.open_at(*place, role=role)
        for role, place in (
            ("thief", (LINEAR, 3)),
            ("late", (LINEAR, 3)),
            ("elsewhere", (LINEAR, 4)),
        )
    )
    begun = claim.open("begun")
    duel.step()
    found = duel.challenger.move(duel.game.at, duel.game.published())
    assert found is not None
    refusals = {
        "no such game": Game(claim, arena.world.fund("outsider")),
        "no trace yet": begun,
        "not as stated": elsewhere,
    }
    for reason, game in refusals.items():
        with boa.reverts(reason):
            game.send(found)
    thief.send(found)
    duel.game.send(found)
    wait(arena, 3_601)
    for game in (thief, duel.game):
        game.collect()
        assert arena.credit(game.challenger) == BOND + BOND // 2
    for game in (late, elsewhere, begun):
        game.close()
        assert arena.credit(game.challenger) == BOND


def test_a_named_game_ends_with_its_claims_job(claim: Claim) -> None:
    """Which the market gave up."""
    arena, game = claim.arena, claim.open_at(*NOWHERE)
    arena.world.warp(claim.terms.resolve_by + 7 * 86_400 + 1)
    arena.world.refund(claim.terms)
    game.close()
    assert arena.credit(game.challenger) == BOND
    assert arena.world.job(claim.terms).status != PAID


def test_a_claim_is_not_final_while_a_named_game_is_open(claim: Claim, truth: Execution) -> None:
    game = claim.open_at(LINEAR, 3)
    wait(claim.arena, WINDOW + 1)
    with boa.reverts("games are open"):
        claim.finalise()
    game.send_answer(answer(truth, game.at))
    wait(claim.arena, CLOCK + 1)
    game.challenger_timeout()
    pay(claim)
