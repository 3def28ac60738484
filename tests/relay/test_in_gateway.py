# SPDX-License-Identifier: Apache-2.0
"""A gateway that is a relay, too: a worker that listens nowhere serves jobs through it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from eth_account import Account

from offchain_workers.config import Settings
from offchain_workers.config.gateway import Gateway as GatewaySettings
from offchain_workers.devnet import process
from offchain_workers.gateway.errors import RelayHomelessError
from offchain_workers.gateway.gateway import Gateway
from tests.daemons import Background
from tests.operator.world import Market, until
from tests.relay.test_virtual_node import serves_a_job


def settings_of(market: Market, port: int) -> Settings:
    """A gateway's, on the market; small bodies, so that only the relay carries larger ones."""
    home = market.folder / "hub"
    home.mkdir(exist_ok=True)
    own = GatewaySettings(
        listen_port=port,
        database=f"sqlite:///{home}/gateway.db",
        keys_file=home / "keys.json",
        max_body_bytes=1_024,
        relay=True,
    )
    return market.settings("hub").model_copy(update={"gateway": own})


@contextmanager
def hub(market: Market) -> Iterator[str]:
    """The relay's URL."""
    gateway = Gateway(settings_of(market, process.free_port(None)), Account.create())
    running = Background(gateway)
    try:
        running.start()
        yield f"{gateway.url}/relay"
    finally:
        running.abandon()


def test_a_gateway_with_a_relay_reaches_a_worker_that_dialled_in(market: Market) -> None:
    operator = market.operators[0]
    with hub(market) as url, market.worker(operator, relay=url) as running:
        assert running.worker.url == f"{url}/nodes/{operator.address}"
        until(lambda: market.announced(operator.address)[1] == running.worker.url)
        serves_a_job(market, operator)
        # The gateway's limit of a body is not the relay's: the worker itself looks at this one.
        answer = httpx.post(f"{running.worker.url}/accept", content=b"[" * 4_096, trust_env=False)
        assert "MN-GATE" not in answer.text
        other = httpx.post(f"{url.removesuffix('/relay')}/v1/plan", content=b"[" * 4_096)
        assert other.status_code == 413


def test_its_url_must_be_known_beforehand(market: Market) -> None:
    with pytest.raises(RelayHomelessError):
        Gateway(settings_of(market, 0), Account.create())
