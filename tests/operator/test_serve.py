# SPDX-License-Identifier: Apache-2.0
"""The worker as a process: signals, exit codes, one database for one process."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from offchain_workers.chain.errors import DatabaseLockedError
from offchain_workers.devnet import process
from offchain_workers.operator import Worker
from tests.operator.world import PIXELS, Market, Running, inline, until

SCRIPT = """
import sys
from eth_account import Account
from offchain_workers import logs
from offchain_workers.config import Settings
from offchain_workers.operator import serve
logs.configure()
settings = Settings.model_validate_json(sys.stdin.readline())
serve(settings, Account.from_key(sys.stdin.readline().strip()))
"""


class Process:
    """`serve` in a process of its own."""

    def __init__(self, market: Market, **worker: object) -> None:
        account = market.operators[0]
        port = process.free_port(None)
        settings = market.settings(account.address, listen_port=port, **worker)
        market.stock(account.address)
        self.url = f"http://127.0.0.1:{port}"
        self.child = subprocess.Popen(
            [sys.executable, "-c", SCRIPT],
            stdin=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            text=True,
        )
        assert self.child.stdin is not None
        self.child.stdin.write(settings.model_dump_json() + "\n" + account.key.hex() + "\n")
        self.child.stdin.close()
        until(self.ready, 60)

    def ready(self) -> bool:
        assert self.child.poll() is None
        try:
            answer = httpx.get(f"{self.url}/health", trust_env=False)
        except httpx.TransportError:
            return False
        return bool(answer.json()["ready"])

    def end(self) -> int:
        return self.child.wait(30)


def test_a_signal_ends_an_idle_worker_with_success(market: Market) -> None:
    running = Process(market)
    running.child.send_signal(signal.SIGTERM)
    assert running.end() == 0


def test_a_second_signal_ends_a_worker_that_owes(market: Market) -> None:
    running = Process(market, accept_seconds=600)
    terms = market.terms()
    body = {"terms": terms.to_json(), "data": "0x" + inline(PIXELS).hex()}
    assert httpx.post(f"{running.url}/accept", json=body, trust_env=False).status_code == 200
    running.child.send_signal(signal.SIGTERM)
    until(lambda: not running.ready())
    assert running.child.poll() is None
    running.child.send_signal(signal.SIGINT)
    assert running.end() == 128 + signal.SIGINT


def test_two_workers_can_not_share_a_database(market: Market) -> None:
    operator = market.operators[0]
    with market.worker(operator), pytest.raises(DatabaseLockedError):
        Worker(market.settings(operator.address), operator)


def test_a_worker_waits_for_a_chain_that_is_away(market: Market) -> None:
    """It starts, says that it is not ready, and stops when told."""
    operator = market.operators[0]
    settings = market.settings(operator.address)
    chain = settings.chain.model_copy(update={"rpc_urls": ("http://127.0.0.1:9",)})
    running = Running(Worker(settings.model_copy(update={"chain": chain}), operator))
    thread = threading.Thread(target=running.worker.run, daemon=True)
    thread.start()
    until(lambda: health(running) == {"live": True, "ready": False})
    running.worker.stop()
    thread.join(30)
    assert not thread.is_alive()


def health(running: Running) -> dict[str, object]:
    try:
        found = running.get("/health").json()
    except httpx.TransportError:
        return {}
    return {name: found[name] for name in ("live", "ready")}
