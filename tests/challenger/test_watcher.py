# SPDX-License-Identifier: Apache-2.0
"""Watchers in this process: wrong claims fall, right ones are left alone."""

from __future__ import annotations

import pytest

from offchain_workers.chain.contracts import JobStatus
from offchain_workers.challenger.share import is_mine
from tests.challenger.world import LAST, challengers, claim, watching, wrong
from tests.operator.world import until
from tests.opml.onchain import CLOCK, OpmlMarket

HOUR = 3_601


@pytest.mark.parametrize("node", [0, LAST])
def test_a_wrong_claim_is_found_played_and_refuted(opml: OpmlMarket, node: int) -> None:
    me = challengers(opml)[0]
    liar = claim(opml, wrong(node))
    with watching(opml, me) as watcher:
        until(liar.players)
        liar.play_on()
        until(lambda: watcher.heard("won"))
        opml.market.chain.increase_time(HOUR)
        until(lambda: watcher.heard("rewarded"))
        until(lambda: opml.verifier.read("credit", me.address) == 0)
    assert watcher.heard("won")[0]["how"] == "proved"
    assert watcher.heard("rewarded")[0]["reward"] > 0


def test_a_right_claim_is_left_alone(opml: OpmlMarket) -> None:
    right = claim(opml)
    with watching(opml, challengers(opml)[0]) as watcher:
        until(lambda: watcher.heard("right"))
    assert right.stands()
    assert right.players() == []
    assert watcher.heard("opening") == []


def test_a_claimant_who_withholds_runs_out_of_time(opml: OpmlMarket) -> None:
    liar = claim(opml, wrong())
    with watching(opml, challengers(opml)[0]) as watcher:
        until(liar.players)
        opml.market.chain.increase_time(CLOCK + 1)
        until(lambda: watcher.heard("won"))
    assert not liar.stands()
    assert watcher.heard("won")[0]["how"] == "claimant out of time"


def test_a_claimant_who_stops_in_the_middle_runs_out_of_time(opml: OpmlMarket) -> None:
    liar = claim(opml, wrong())
    with watching(opml, challengers(opml)[0]) as watcher:
        until(liar.respond)
        until(lambda: any(one["call"] == "pick" for one in watcher.heard("sent")))
        opml.market.chain.increase_time(CLOCK + 1)
        until(lambda: watcher.heard("won"))
    assert not liar.stands()


def test_a_dry_run_says_what_is_wrong_and_sends_nothing(opml: OpmlMarket) -> None:
    me = challengers(opml)[0]
    before = opml.market.w3.eth.get_transaction_count(me.address)
    liar = claim(opml, wrong())
    with watching(opml, me, dry_run=True) as watcher:
        until(lambda: "MN-OPML-093" in watcher.codes())
    assert liar.players() == []
    assert opml.market.w3.eth.get_transaction_count(me.address) == before


def test_the_budget_is_kept_and_freed(opml: OpmlMarket) -> None:
    first, second = claim(opml, wrong()), claim(opml, wrong())
    bond = 2 * opml.verifier.bond_to_open()
    with watching(opml, challengers(opml)[0], budget_wei=bond) as watcher:
        until(lambda: first.players() or second.players())
        until(lambda: "MN-OPML-087" in watcher.codes())
        assert int(watcher.watcher.health()["at_risk"]) <= bond
        played, waiting = (first, second) if first.players() else (second, first)
        assert waiting.players() == []
        played.play_on()
        until(waiting.players)
    assert watcher.codes() == ["MN-OPML-087"]


def test_two_watchers_share_the_reward(opml: OpmlMarket) -> None:
    one, two = challengers(opml)
    liar = claim(opml, wrong())
    with watching(opml, one) as first, watching(opml, two) as second:
        until(lambda: len(liar.players()) == 2)
        liar.play_on()
        until(lambda: first.heard("won") and second.heard("won"))
        opml.market.chain.increase_time(HOUR)
        until(lambda: first.heard("rewarded") and second.heard("rewarded"))
    shares = [watcher.heard("rewarded")[0]["reward"] for watcher in (first, second)]
    assert shares[0] == shares[1] > 0


def test_a_game_that_can_win_nothing_any_more_gets_its_bond_back(opml: OpmlMarket) -> None:
    """The claim falls to another while nobody answers ours, and its hour passes."""
    one, two = challengers(opml)
    liar = claim(opml, wrong())
    with watching(opml, one):
        until(liar.players)
        with watching(opml, two) as late:
            until(lambda: len(liar.players()) == 2)
        liar.play_on()
    opml.market.chain.increase_time(HOUR)
    with watching(opml, two) as late:
        until(lambda: late.heard("ended"))
        until(lambda: opml.verifier.read("credit", two.address) == 0)
    assert late.heard("ended")[0]["how"] == "closed without a verdict"


def test_jobs_outside_of_the_share_are_left(opml: OpmlMarket) -> None:
    me = challengers(opml)[0]
    liars = [claim(opml, wrong()) for _ in range(4)]
    mine = [liar for liar in liars if is_mine(liar.job_id, me.address, 0.5)]
    with watching(opml, me, share=0.5) as watcher:
        until(lambda: len(watcher.heard("wrong")) + len(watcher.codes()) == 4)
        until(lambda: all(liar.players() for liar in mine))
    assert watcher.codes() == ["MN-OPML-080"] * (4 - len(mine))
    assert not any(liar.players() for liar in liars if liar not in mine)


def test_a_window_that_is_nearly_over_is_left(opml: OpmlMarket) -> None:
    liar = claim(opml, wrong())
    with watching(opml, challengers(opml)[0], window_margin_seconds=3_600) as watcher:
        until(lambda: "MN-OPML-086" in watcher.codes())
    assert liar.players() == []


def test_only_named_models_are_watched(opml: OpmlMarket) -> None:
    liar = claim(opml, wrong())
    other = "model:0x" + "ab" * 32
    with watching(opml, challengers(opml)[0], models=[other]) as watcher:
        until(lambda: "MN-OPML-081" in watcher.codes())
    assert liar.players() == []


def test_a_claim_that_is_reorganised_away_is_let_go(opml: OpmlMarket) -> None:
    chain = opml.market.chain
    snapshot = chain.rpc("evm_snapshot")
    liar = claim(opml, wrong())
    with watching(opml, challengers(opml)[0]) as watcher:
        until(liar.players)
        assert chain.rpc("evm_revert", snapshot)
        chain.mine(10)
        until(lambda: watcher.watcher.health()["claims"] == 0)
        until(lambda: watcher.watcher.health()["games"] == 0)
        assert watcher.watcher.health()["at_risk"] == "0"
    assert opml.market.job(liar.job_id).status is JobStatus.UNKNOWN
