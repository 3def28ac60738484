# SPDX-License-Identifier: Apache-2.0
"""`fusion relay` as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from offchain_workers.config import Settings
from offchain_workers.devnet import process
from offchain_workers.errors import FusionError
from offchain_workers.operator.way_in import way_in
from offchain_workers.relay.auth import Place
from offchain_workers.relay.dial import RelayEndpoint
from tests.operator.world import Market, until
from tests.relay.world import QUICK, api

ROOT = Path(__file__).parents[2]


def environment(market: Market, port: int, **more: str) -> dict[str, str]:
    network = market.network
    settings = {
        "CHAIN__RPC_URLS": market.chain.url,
        "CHAIN__CHAIN_ID": str(market.chain.chain_id),
        "CHAIN__ADDRESSES__MARKETPLACE": network.marketplace.address,
        "CHAIN__ADDRESSES__MODELS": network.models.address,
        "CHAIN__ADDRESSES__SUBNETS": network.subnets.address,
        "RELAY__LISTEN_PORT": str(port),
        **more,
    }
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        **{f"FUSION_{name}": value for name, value in settings.items()},
    }


def test_it_relays_until_it_is_told_to_stop(market: Market, tmp_path: Path) -> None:
    port = process.free_port(None)
    url = f"http://127.0.0.1:{port}"
    child = subprocess.Popen(
        [sys.executable, "-m", "offchain_workers.cli", "relay"],
        env=environment(market, port, RELAY__REQUESTS_PER_SECOND="1"),
        cwd=tmp_path,
    )
    worker = RelayEndpoint(api(), Place(url, market.chain.chain_id), market.operators[0], QUICK)
    worker.start()
    try:
        until(lambda: worker.connected, 60)
        with httpx.Client(trust_env=False) as client:
            assert client.get(f"{worker.url}/health").json() == {"live": True}
            assert client.get(f"{url}/health").json() == {"live": True, "nodes": 1}
            seen = {client.get(f"{worker.url}/health").status_code for _ in range(5)}
            assert seen == {200, 429}
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0
    finally:
        worker.stop()
        child.kill()


@pytest.mark.parametrize("url", ["ftp://relay.example", "relay.example", "ws://"])
def test_a_relay_that_is_none_is_refused_by_the_settings(url: str) -> None:
    with pytest.raises(ValueError, match="write a URL"):
        Settings(worker={"relay": url})


def test_a_relay_may_be_written_as_what_is_dialled() -> None:
    assert Settings(worker={"relay": "wss://r.example/x/"}).worker.relay == "https://r.example/x"


def test_a_relay_needs_a_chain(market: Market) -> None:
    settings = market.settings("nobody", relay="http://127.0.0.1:1")
    chain = settings.chain.model_copy(update={"chain_id": None})
    with pytest.raises(FusionError, match="MN-CFG-011"):
        way_in(api(), settings.model_copy(update={"chain": chain}), market.operators[0])
