# SPDX-License-Identifier: Apache-2.0
"""Time: whose clock runs when, that late moves count, and that timeouts have to be claimed."""

from __future__ import annotations

import boa
import pytest

from tests.opml.game.arena import BOND, CLOCK, WINDOW, Arena, Claim, Game
from tests.opml.game.duel import ask_first, claimed_by, truth_of
from tests.opml.game.zoo import Answering
from verifiers.opml.moves import answer


@pytest.fixture
def claim(arena: Arena) -> Claim:
    return claimed_by(arena, Answering(truth_of(arena)))


def wait(game: Game, seconds: int) -> None:
    world = game.claim.arena.world
    world.warp(world.now + seconds)


def reply(game: Game) -> None:
    game.send_answer(answer(truth_of(game.claim.arena), game.at))


def ask(game: Game) -> None:
    ask_first(game, truth_of(game.claim.arena))


def test_each_side_is_charged_for_its_own_time(claim: Claim) -> None:
    game = claim.open()
    assert game.state[:4] == (claim.arena.world.now, CLOCK, CLOCK, BOND)
    wait(game, 100)
    reply(game)
    wait(game, 50)
    ask(game)
    assert game.state[:3] == (claim.arena.world.now, CLOCK - 100, CLOCK - 50)
    wait(game, 30)
    reply(game)
    wait(game, 20)
    ask(game)
    assert game.state[:3] == (claim.arena.world.now, CLOCK - 130, CLOCK - 70)


def test_a_claimant_is_late_a_second_after_its_clock(claim: Claim) -> None:
    game = claim.open()
    wait(game, CLOCK)
    with boa.reverts("claimant has time"):
        game.claimant_timeout()
    wait(game, 1)
    with boa.reverts("claimant is on turn"):
        game.challenger_timeout()
    game.claimant_timeout()
    assert game.state.stage == 4


def test_a_challenger_is_late_a_second_after_its_clock(claim: Claim) -> None:
    game = claim.open()
    wait(game, 100)
    reply(game)
    wait(game, CLOCK)
    with boa.reverts("challenger has time"):
        game.challenger_timeout()
    wait(game, 1)
    with boa.reverts("challenger is on turn"):
        game.claimant_timeout()
    game.challenger_timeout()
    with boa.reverts("no such game"):
        game.challenger_timeout()


def test_a_late_answer_counts_until_somebody_claims_the_timeout(claim: Claim) -> None:
    """A chain that stood still slashes nobody; but the clock is used up."""
    game = claim.open()
    wait(game, CLOCK + 500)
    reply(game)
    with boa.reverts("challenger is on turn"):
        game.claimant_timeout()
    ask(game)
    assert game.state.claimant_left == 0
    with boa.reverts("claimant has time"):
        game.claimant_timeout()
    wait(game, 1)
    game.claimant_timeout()


def test_a_late_pick_counts_until_somebody_claims_the_timeout(claim: Claim) -> None:
    game = claim.open()
    reply(game)
    wait(game, CLOCK + 500)
    ask(game)
    assert game.state[1:3] == (CLOCK, 0)
    with boa.reverts("claimant is on turn"):
        game.challenger_timeout()
    reply(game)
    wait(game, 1)
    game.challenger_timeout()


def test_a_question_answered_before_it_is_asked_costs_the_claimant_nothing(claim: Claim) -> None:
    first, second = claim.open("first"), claim.open("second")
    reply(first)
    wait(first, 60)
    ask(first)
    reply(first)
    wait(first, 60)
    ask(second)
    assert second.is_answered
    wait(second, 60)
    assert second.at == first.at
    ask(second)
    assert second.state[1:3] == (CLOCK, CLOCK - 180)


def test_a_game_opened_after_the_trace_is_posted_begins_with_the_challenger(claim: Claim) -> None:
    reply(claim.open("first"))
    wait(claim.open("second"), 10)
    late = claim.open("third")
    assert late.is_answered
    wait(late, CLOCK + 1)
    late.challenger_timeout()


def test_games_are_opened_up_to_the_windows_last_second(claim: Claim) -> None:
    world = claim.arena.world
    world.warp(world.now + WINDOW)
    claim.open("first")
    world.warp(world.now + 1)
    with boa.reverts("window is over"):
        claim.open("second")


def test_anybody_may_claim_a_timeout(claim: Claim) -> None:
    game = claim.open()
    wait(game, CLOCK + 1)
    game.claimant_timeout(by="requester")
    assert claim.verifier.fallen(claim.id)[1] == 1
