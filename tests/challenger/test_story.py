# SPDX-License-Identifier: Apache-2.0
"""A game as people see it, from the chain."""

from __future__ import annotations

import json
from typing import Any

import pytest

from offchain_workers.challenger.errors import GameUnknownError
from offchain_workers.challenger.rerun import rerun
from offchain_workers.challenger.story import Narrator, Own, Story
from offchain_workers.cli import main
from offchain_workers.cli.watch_game import document, picture, where
from tests.challenger.world import (
    BUNDLE,
    RIGHT,
    Liar,
    challengers,
    claim,
    settings_of,
    watching,
    wrong,
)
from tests.operator.world import until
from tests.opml.onchain import OpmlMarket
from verifiers.opml.named import after_statement

NAMES = json.loads(BUNDLE.files["names.json"])


def played(opml: OpmlMarket) -> Liar:
    liar = claim(opml, wrong())
    with watching(opml, challengers(opml)[0]) as watcher:
        until(liar.players)
        liar.play_on()
        until(lambda: watcher.heard("won"))
    return liar


def told(opml: OpmlMarket, liar: Liar, own: Own | None = None) -> Story:
    narrator = Narrator(opml.verifier, opml.market.network.start_block)
    return narrator.story(liar.job_id, None, own)


def test_a_game_is_told_to_the_element(opml: OpmlMarket) -> None:
    liar = played(opml)
    story = told(opml, liar, Own(RIGHT, NAMES))
    assert story.state == "proved"
    assert (story.claimant, story.challenger) == (
        liar.account.address,
        challengers(opml)[0].address,
    )
    moves = [(turn.player, turn.move) for turn in story.turns]
    assert moves == [
        ("claimant", "claim"),
        ("challenger", "open"),
        ("claimant", "trace"),
        ("challenger", "pick"),
        ("claimant", "answer"),
        ("challenger", "prove"),
    ]
    last = story.turns[-1]
    assert where(last) == f'node 0 "{NAMES[0]}" DOT > chunk 0 > element 0'
    assert last.right == int.from_bytes(RIGHT.outputs[0].data[:2], "little")
    assert last.claimed == last.right ^ 1
    assert story.gas("challenger") > 0 < story.gas("claimant")
    assert json.dumps(document(story)["gas"])
    assert picture(story)
    nameless = told(opml, liar, Own(RIGHT)).turns[-1]
    assert where(nameless) == "node 0 DOT > chunk 0 > element 0"
    assert where(told(opml, liar).turns[-1]) == "node 0 > chunk 0 > element 0"


def test_a_game_that_named_an_element_is_told_from_there(opml: OpmlMarket) -> None:
    told_wrong = wrong()
    liar = claim(opml, told_wrong)
    challenger = opml.challenge(liar.terms, challengers(opml)[0], RIGHT, (0, 0))
    assert told(opml, liar, Own(RIGHT)).turns[-1].right is not None
    assert liar.respond()
    game = challenger.game
    assert game is not None
    stated = opml.board.published(game)
    proof = after_statement(challenger.challenge, told_wrong, game.at, stated)
    opml.send(challenger.account, challenger.table.call(proof))
    story = told(opml, liar, Own(RIGHT, NAMES))
    assert story.state == "proved"
    moves = [turn.move for turn in story.turns]
    assert moves == ["claim", "open", "answer", "prove"]
    assert len({turn.tx for turn in story.turns}) == len(moves)
    for turn in story.turns[1:]:
        assert where(turn) == f'node 0 "{NAMES[0]}" DOT > chunk 0 > element 0'
    first, last = story.turns[1], story.turns[-1]
    assert (first.claimed, first.right) == (None, last.right)
    assert last.claimed != last.right
    assert picture(story)


def test_a_game_that_goes_back_from_a_named_element_is_told(opml: OpmlMarket) -> None:
    liar = claim(opml, wrong())
    challenger = opml.challenge(liar.terms, challengers(opml)[0], RIGHT, (0, 2))
    while challenger.game is not None:
        assert liar.respond() or challenger.move()
    turns = told(opml, liar).turns
    moves = [turn.move for turn in turns]
    assert moves == ["claim", "open", "answer", "pick", "trace", "pick", "answer", "prove"]
    assert where(turns[3]) == where(turns[4]) != where(turns[1])


def test_a_job_is_run_again_for_its_values(opml: OpmlMarket) -> None:
    liar = claim(opml, wrong())
    settings = settings_of(opml, "reader")
    own = rerun(settings, opml.market.network, liar.job_id)
    assert own.names == NAMES
    assert [one.data for one in own.execution.outputs] == [one.data for one in RIGHT.outputs]


def test_a_job_without_a_game_is_refused(opml: OpmlMarket) -> None:
    liar = claim(opml)
    with pytest.raises(GameUnknownError):
        told(opml, liar)


@pytest.mark.parametrize("options", [(), ("--follow",)])
def test_the_command_prints_the_moves(
    opml: OpmlMarket,
    options: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    liar, settings = played(opml), settings_of(opml, "reader")
    at = settings.chain.addresses
    for name, value in {
        "CHAIN__RPC_URLS": opml.market.chain.url,
        "CHAIN__ADDRESSES__MARKETPLACE": at.marketplace,
        "CHAIN__ADDRESSES__MODELS": at.models,
        "CHAIN__ADDRESSES__SUBNETS": at.subnets,
        "STORAGE__FOLDER": str(settings.storage.folder),
    }.items():
        monkeypatch.setenv(f"FUSION_{name}", str(value))
    capsys.readouterr()
    with pytest.raises(SystemExit) as done:
        main(["watch", "--game", f"0x{liar.job_id.hex()}", "--json", *options])
    assert not done.value.code
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    found: list[dict[str, Any]] = (
        [json.loads(line) for line in lines] if options else json.loads(printed)["turns"]
    )
    assert [turn["move"] for turn in found][-1] == "prove"
    assert found[-1]["claimed"] != found[-1]["right"]
