# SPDX-License-Identifier: Apache-2.0
"""No bond on the word of one endpoint, or of one that lies."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import pytest
from eth_abi.abi import decode, encode

from offchain_workers.challenger import Watcher
from offchain_workers.challenger.errors import AccountNeededError, OneEndpointError
from offchain_workers.challenger.guard import endpoints_needed
from tests.chain.world import Proxy, proxied
from tests.challenger.world import challengers, claim, settings_of, watching, wrong
from tests.operator.world import until
from tests.opml.onchain import OpmlMarket


def proxy(opml: OpmlMarket) -> AbstractContextManager[Proxy]:
    """A second endpoint."""
    return proxied(opml.market.chain.url)


def other_claim(opml: OpmlMarket) -> Any:
    """Says of each claim that another output was claimed."""
    selector = "0x" + opml.verifier.call("claim_of", bytes(32)).data[:4].hex()

    def rewrite(request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        if request["method"] != "eth_call" or "result" not in answer:
            return answer
        if not request["params"][0].get("data", "").startswith(selector):
            return answer
        words = ["uint256"] * 3
        word, final_at, games = decode(words, bytes.fromhex(answer["result"][2:]))
        forged = encode(words, [word ^ (1 << 200), final_at, games])
        return answer | {"result": "0x" + forged.hex()}

    return rewrite


def test_two_endpoints_that_agree_are_enough(opml: OpmlMarket) -> None:
    liar = claim(opml, wrong())
    with proxy(opml) as second:
        urls = (opml.market.chain.url, second.url)
        with watching(opml, challengers(opml)[0], rpc_urls=urls):
            until(liar.players)


@pytest.mark.parametrize("first", [True, False])
def test_a_lying_endpoint_costs_no_bond(opml: OpmlMarket, first: bool) -> None:
    liar = claim(opml, wrong())
    with proxy(opml) as second:
        second.rewrite = other_claim(opml)
        honest = opml.market.chain.url
        urls = (second.url, honest) if first else (honest, second.url)
        with watching(opml, challengers(opml)[0], rpc_urls=urls) as watcher:
            until(lambda: "MN-OPML-088" in watcher.codes())
            assert liar.players() == []
            assert watcher.heard("opening") == []


def test_an_endpoint_that_falls_silent_costs_no_bond(opml: OpmlMarket) -> None:
    liar = claim(opml, wrong())
    with proxy(opml) as second:
        second.status = 503
        urls = (opml.market.chain.url, second.url)
        with watching(opml, challengers(opml)[0], rpc_urls=urls) as watcher:
            until(lambda: "MN-OPML-089" in watcher.codes())
            assert liar.players() == []
            second.status = 200
            until(liar.players)


def test_one_endpoint_is_for_development_chains() -> None:
    assert endpoints_needed(1, 31337, one_endpoint=False) == 1
    assert endpoints_needed(1, 1, one_endpoint=True) == 1
    assert endpoints_needed(2, 31337, one_endpoint=False) == 2
    with pytest.raises(OneEndpointError, match="--one-endpoint"):
        endpoints_needed(1, 1, one_endpoint=False)


def test_only_a_dry_run_goes_without_an_account(opml: OpmlMarket) -> None:
    me = challengers(opml)[0].address
    with pytest.raises(AccountNeededError):
        Watcher(settings_of(opml, "nobody"), me, None)
