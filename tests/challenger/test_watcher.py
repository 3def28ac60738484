# SPDX-License-Identifier: Apache-2.0
"""Watchers in this process: wrong claims fall, right ones are left alone."""

from __future__ import annotations

import pytest

from tests.challenger.world import LAST, challengers, claim, watching, wrong
from tests.operator.world import until
from tests.opml.onchain import OpmlMarket


@pytest.mark.parametrize("node", [0, LAST])
def test_a_wrong_claim_is_found_played_and_refuted(opml: OpmlMarket, node: int) -> None:
    me = challengers(opml)[0]
    liar = claim(opml, wrong(node))
    with watching(opml, me) as watcher:
        until(liar.players)
        liar.play_on()
        until(lambda: watcher.heard("won"))
        opml.market.chain.increase_time(3_601)
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
