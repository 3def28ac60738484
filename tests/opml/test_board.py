# SPDX-License-Identifier: Apache-2.0
"""What the chain says about a claim: its games, whose turn it is, what was published."""

from __future__ import annotations

import pytest

from tests.opml.lies import lied
from tests.opml.onchain import GIVEN_BYTES, Challenger, OpmlMarket, Small
from verifiers.opml.board import OpenGame, begin, claim_id, question_key
from verifiers.opml.openings import Execution
from verifiers.opml.play_errors import UnansweredError

SMALL = Small.make()
GIVEN = bytes(range(256)) + bytes(GIVEN_BYTES - 256)


def claimed(opml: OpmlMarket) -> tuple[Challenger, Execution]:
    """A wrong claim, and a game against it."""
    right = SMALL.execute(GIVEN)
    wrong = lied(lied(right, 1), 2)
    terms = opml.terms(GIVEN)
    opml.post(terms, GIVEN)
    opml.claim(terms, wrong.outputs[-1].data)
    challenger = opml.challenge(terms, opml.market.requester, right)
    challenger.challenge.output = wrong.outputs[-1].commitment
    return challenger, wrong


def test_a_claim_without_games_is_one_read(opml: OpmlMarket) -> None:
    terms = opml.terms(GIVEN)
    job_id = opml.post(terms, GIVEN)
    assert opml.board.look(job_id) is None
    word = opml.claim(terms, bytes(10))
    look = opml.board.look(job_id)
    assert look is not None
    assert (look.claim.word, look.games) == (word, ())
    assert look.claim.final_at > look.now


def test_a_game_is_told_from_its_begin_to_its_end(opml: OpmlMarket) -> None:
    challenger, wrong = claimed(opml)
    claimant, names = opml.market.operators[0], []
    walked = [begin(challenger.claim)]
    while (game := challenger.game) is not None:
        assert game.key == on_chain(challenger)
        if not game.answered_at:
            with pytest.raises(UnansweredError):
                opml.board.published(game)
            names.append(challenger.let_answer(wrong, claimant).name)
            continue
        names.append(challenger.move().name)
        if (moved := challenger.game) is not None:
            walked.append(moved.at)
            head = opml.market.w3.eth.block_number
            args = (challenger.job_id, challenger.claim, challenger.account.address, head)
            assert opml.board.walk(*args) == walked
    assert names == ["post_trace", "pick", "answer_tensor", "prove"]
    assert opml.board.look(challenger.job_id) is None


def on_chain(challenger: Challenger) -> bytes:
    verifier = challenger.opml.verifier
    return verifier.answer_key(challenger.job_id, challenger.claim, challenger.account.address)


def test_whose_turn_it_is_and_until_when(opml: OpmlMarket) -> None:
    challenger, wrong = claimed(opml)
    before = turn(challenger)
    assert not before.answered_at
    assert before.key == claim_id(challenger.job_id, challenger.claim)
    assert before.claimant_until == before.game.since + before.game.claimant_left
    challenger.let_answer(wrong, opml.market.operators[0])
    after = turn(challenger)
    assert after.key == question_key(before.key, after.at)
    assert after.challenger_until == after.answered_at + after.game.challenger_left


def turn(challenger: Challenger) -> OpenGame:
    game = challenger.game
    assert game is not None
    return game


def test_all_open_games_are_found_however_often_one_was_opened(opml: OpmlMarket) -> None:
    first, wrong = claimed(opml)
    second = opml.challenge(first.terms, opml.market.publisher, first.challenge.execution)
    first.let_answer(wrong, opml.market.operators[0])
    late = turn(first).challenger_until + 1
    opml.market.chain.increase_time(late - opml.market.now())
    assert [game.challenger for game in games(first)] == [
        first.account.address,
        second.account.address,
    ]
    args = (first.job_id, first.claim, first.account.address)
    opml.send(opml.market.publisher, opml.verifier.call("challenger_timeout", *args))
    assert [game.challenger for game in games(first)] == [second.account.address]


def games(challenger: Challenger) -> tuple[OpenGame, ...]:
    look = challenger.opml.board.look(challenger.job_id)
    assert look is not None
    return look.games
