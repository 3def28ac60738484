# SPDX-License-Identifier: Apache-2.0
"""Endpoints that talk nonsense, and chains that take back what was done."""

from __future__ import annotations

from typing import Any

import pytest

from tests.challenger.test_guard import proxy
from tests.challenger.world import challengers, claim, watching, wrong
from tests.operator.world import until
from tests.opml.onchain import OpmlMarket


@pytest.mark.parametrize("nonsense", ["0x", "zz", 7])
def test_nonsense_of_the_only_endpoint_does_not_end_the_watch(
    opml: OpmlMarket, nonsense: object
) -> None:
    """As of a node that lost its state, or that some proxy answers for."""
    told: list[str] = []

    def rewrite(request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        if request["method"] != "eth_call" or len(told) > 8:
            return answer
        told.append(request["method"])
        return {"jsonrpc": "2.0", "id": answer["id"], "result": nonsense}

    me = challengers(opml)[0]
    with proxy(opml) as endpoint, watching(opml, me, rpc_urls=[endpoint.url]) as watcher:
        endpoint.rewrite = rewrite
        liar = claim(opml, wrong())
        until(lambda: len(told) > 8 or watcher.error)
        until(lambda: liar.players() or watcher.error)
        assert watcher.error is None


def test_a_game_that_the_chain_forgot_is_opened_again(opml: OpmlMarket) -> None:
    chain = opml.market.chain
    liar = claim(opml, wrong())
    snapshot = chain.rpc("evm_snapshot")
    with watching(opml, challengers(opml)[0]) as watcher:
        until(liar.players)
        until(lambda: watcher.heard("playing"))
        assert chain.rpc("evm_revert", snapshot)
        assert liar.players() == []
        chain.mine(10)
        until(liar.players)
        liar.play_on()
        until(lambda: watcher.heard("won"))
