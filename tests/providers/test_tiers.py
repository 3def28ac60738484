# SPDX-License-Identifier: Apache-2.0
"""One job on each tier: the same method, the same bytes, the same kind of receipt."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from offchain_workers.chain.contracts import Tier
from offchain_workers.chain.wallet import Wallet
from offchain_workers.daemon.endpoint import Endpoint
from offchain_workers.requester.workers import Member, WorkerClient
from offchain_workers.serving import oip_app
from tests.operator.world import DIGITS, NONE, PIXELS, PRICE, Market, inline, until
from tests.providers.console import Console
from tests.providers.world import Desk
from tests.relay.world import Site
from tests.serving.world import served, serving

TOKEN = "a-token-of-the-cloud"


def answered(market: Market, tier: Tier, **worker: str) -> bytes:
    """A job under an offer of this tier: its output, as delivered and paid."""
    operator = market.operators[0]
    offer = market.network.subnets.offer(market.model_id, NONE, tier, PRICE)
    Wallet(market.w3, operator).send(offer)
    with market.worker(operator, **worker) as running:
        client = WorkerClient(Member(0, operator.address, PRICE, running.worker.url))
        until(lambda: client.load() is not None)
        terms = market.terms()
        acceptance = client.ask(terms, inline(PIXELS), market.network.marketplace.domain)
        job = market.post(terms, inline(PIXELS), acceptance)
        until(lambda: market.paid(job))
        client.close()
    (event,) = market.delivered(job)
    assert event["operator"] == operator.address
    return bytes(event["output"])


@contextmanager
def cloud(folder: Path) -> Iterator[tuple[str, Path]]:
    """A managed endpoint: under a path, for those who have its token only."""
    model = served(DIGITS)
    inner: ASGIApp = oip_app([model])
    seen: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        right = f"Bearer {TOKEN}".encode()
        if dict(scope["headers"]).get(b"authorization") != right:
            await Response(status_code=401)(scope, receive, send)
            return
        seen.append(1)
        await inner(scope | {"path": scope["path"].removeprefix("/endpoint")}, receive, send)

    token = folder / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    endpoint = Endpoint(app, "127.0.0.1", 0)
    endpoint.start()
    yield f"{endpoint.url}/endpoint", token
    endpoint.stop()
    model.close()
    assert seen


def test_a_job_is_the_same_on_each_tier(market: Market, tmp_path: Path) -> None:
    relay = Site()
    outputs = {Tier.VIRTUAL_NODE: answered(market, Tier.VIRTUAL_NODE, relay=relay.place.url)}
    relay.stop()

    with serving([served(DIGITS)]) as url:
        console = Console(uri=url.removeprefix("http://"))
        desk = Desk(console, tmp_path)
        lease = desk.lease()
        assert lease.url == url
        leased = replace(market, engine={"kind": "oip", "oip": {"urls": (lease.url,)}})
        outputs[Tier.WEB3_SHARE] = answered(leased, Tier.WEB3_SHARE)
        desk.leases.release(lease.name)
        assert console.open() == []
        desk.close()
        console.stop()

    with cloud(tmp_path) as (url, token):
        options = {"urls": (url,), "token_file": str(token)}
        managed = replace(market, engine={"kind": "oip", "oip": options})
        outputs[Tier.WEB2_CLOUD] = answered(managed, Tier.WEB2_CLOUD)

    assert len(set(outputs.values())) == 1
    assert len(outputs) == 3


def test_tiers_on_chain_are_the_three() -> None:
    assert {tier.name for tier in Tier} == {"WEB2_CLOUD", "WEB3_SHARE", "VIRTUAL_NODE"}
