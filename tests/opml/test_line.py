# SPDX-License-Identifier: Apache-2.0
"""Games from any point on: what a challenger does follows from what is published alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import pytest

from offchain_workers.chain.contracts.opml import Position
from offchain_workers.devnet import start_devnet
from tests.operator.world import build
from tests.opml.lies import lied
from tests.opml.onchain import GIVEN_BYTES, Challenger, OpmlMarket, Small, listed
from verifiers.opml.board import OpenGame, claim_id, question_key
from verifiers.opml.line import Line, follow
from verifiers.opml.moves import ELEMENT, NAMED, Challenge, answer
from verifiers.opml.openings import Execution

SMALL = Small.make()
GIVEN = bytes(range(256)) + bytes(GIVEN_BYTES - 256)
RIGHT = SMALL.execute(GIVEN)
# The first node has two blocks: its partial sums are asked for.
WRONG = lied(lied(RIGHT, 0), 2)


@pytest.fixture(scope="module")
def small_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpmlMarket]:
    with start_devnet("embedded") as chain:
        base = build(chain, tmp_path_factory.mktemp("small"))
        with listed(base, SMALL.header, b"\1" * 32, b"\2" * 32) as opml:
            yield opml


@pytest.fixture
def small(small_chain: OpmlMarket) -> Iterator[OpmlMarket]:
    snapshot = small_chain.market.chain.rpc("evm_snapshot")
    yield replace(small_chain, market=replace(small_chain.market))
    assert small_chain.market.chain.rpc("evm_revert", snapshot)


def challenged(opml: OpmlMarket, named: tuple[int, int] | None = None) -> Challenger:
    terms = opml.terms(GIVEN)
    opml.post(terms, GIVEN)
    opml.claim(terms, WRONG.outputs[-1].data)
    challenger = opml.challenge(terms, opml.market.requester, RIGHT, named)
    challenger.challenge.output = WRONG.outputs[-1].commitment
    return challenger


def let_answer(challenger: Challenger) -> None:
    """The liar's answer; sums that it states make its element, one of them wrongly."""
    game = challenger.game
    assert game is not None
    move = answer(WRONG, game.at)
    if move.name == "answer_partials":
        (values,) = cast(tuple[list[int]], move.args)
        node, others = SMALL.nodes[0], values[1:]
        acc = (WRONG.outputs[0].data[0] - node.zo) << node.shift
        move = move._replace(args=([acc - sum(others), *others],))
    challenger.opml.send(challenger.opml.market.operators[0], challenger.table.call(move))


def line(challenger: Challenger, ours: Execution = RIGHT) -> Line:
    """From the chain and an execution alone, as after a restart."""
    opml, named = challenger.opml, claim_id(challenger.job_id, challenger.claim)
    fresh = Challenge(opml.header, ours, WRONG.outputs[-1].commitment)

    def published(at: object) -> bytes | None:
        game = challenger.game
        assert game is not None
        key = question_key(named, at)  # type: ignore[arg-type]
        if not opml.verifier.answered_at(named, key):
            return None
        return opml.board.published(replace(game, key=key))

    return follow(fresh, named, challenger.claim, published)


def step(challenger: Challenger) -> str:
    """Our next move by the line, from where our game stands; "" when the claimant is on turn."""
    game = challenger.game
    assert game is not None
    move = line(challenger).next_move(game.at, stands=True)
    if move is None:
        return ""
    challenger.opml.send(challenger.account, challenger.table.call(move))
    return move.name


def test_a_game_is_played_from_nothing_but_the_chain(small: OpmlMarket) -> None:
    challenger, moves = challenged(small), []
    while challenger.game is not None:
        if name := step(challenger):
            moves.append(name)
        else:
            let_answer(challenger)
    assert moves == ["pick", "pick", "prove"]


def test_a_game_that_named_an_element_is_played_from_the_begin(small: OpmlMarket) -> None:
    challenger, moves = challenged(small, (2, 5)), []
    assert line(challenger).next_move(at(challenger), stands=False) is None
    while challenger.game is not None:
        where = small.board.walk(
            challenger.job_id,
            challenger.claim,
            challenger.account.address,
            small.market.w3.eth.block_number,
        )
        assert (where[0].stage, where[0].node_index, where[0].place) == (NAMED, 2, 5)
        assert where[-1] == at(challenger)
        if turn(challenger).answered_at:
            moves.append(step(challenger))
        else:
            let_answer(challenger)
    assert moves == ["pick", "pick", "pick", "prove"]


def turn(challenger: Challenger) -> OpenGame:
    game = challenger.game
    assert game is not None
    return game


def at(challenger: Challenger) -> Position:
    return turn(challenger).at


def test_a_second_challenger_skips_what_was_answered(small: OpmlMarket) -> None:
    first = challenged(small)
    for asked in range(3):
        let_answer(first)
        if asked < 2:
            assert step(first) == "pick"
    second = small.challenge(first.terms, small.market.publisher, RIGHT)
    assert step(second) == "pick"
    game = second.game
    assert game is not None
    assert game.at.stage == ELEMENT
    assert step(second) == "prove"
    assert small.board.look(first.job_id) is None


def test_after_the_fall_only_proofs_are_left(small: OpmlMarket) -> None:
    first = challenged(small)
    second = small.challenge(first.terms, small.market.publisher, RIGHT)
    for _ in range(2):
        let_answer(first)
        step(first)
    game = second.game
    assert game is not None
    assert line(second).next_move(game.at, stands=False) is None
    assert line(second).next_move(game.at, stands=True) is not None


def test_nothing_is_played_when_nothing_differs(small: OpmlMarket) -> None:
    challenger = challenged(small)
    let_answer(challenger)
    with pytest.raises(ValueError, match="same"):
        line(challenger, WRONG)
